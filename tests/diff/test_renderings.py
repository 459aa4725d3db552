"""A diff is rendered for a terminal, as Markdown, as a page and as data, whoever chose its texts.

``python -m tests.diff.test_renderings`` writes the golden files anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from containment.diff import as_document, as_html, as_lines, as_markdown, text_diff
from tests.support.diff_scenes import SCENES, USER, containing, hostile
from tests.support.rendered_text import Elements, outside_code

pytestmark = pytest.mark.plain

GOLDEN = Path(__file__).parent / "golden"


def renderings(name: str) -> dict[str, str]:
    """Return every rendering of a scene by the name of its golden file."""
    diff = SCENES[name]()
    return {
        f"{name}.80.txt": "".join(f"{line.text}\n" for line in as_lines(diff, 80)),
        f"{name}.200.txt": "".join(f"{line.text}\n" for line in as_lines(diff, 200)),
        f"{name}.md": as_markdown(diff),
        f"{name}.json": json.dumps(as_document(diff), indent=2) + "\n",
    }


@pytest.mark.parametrize("name", SCENES)
def test_every_rendering_of_a_scene_is_as_reviewed(name: str) -> None:
    for file, text in renderings(name).items():
        assert (GOLDEN / file).read_text(encoding="utf-8") == text, (
            "look at the change, then run this file, as its docstring says"
        )


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal_and_no_letter_of_an_arn_is_lost(width: int) -> None:
    lines = [line.text for line in as_lines(containing(), width)]

    assert max(map(len, lines)) <= width
    assert USER in "".join(line.strip() for line in lines)


def test_a_document_that_only_layout_tells_from_the_other_shows_no_difference() -> None:
    lines = text_diff('{"b": 1, "a": [2]}', '{ "a":[2],"b":1 }')

    assert {line.sign for line in lines} == {" "}


def test_text_that_is_no_document_is_compared_line_by_line() -> None:
    assert [(line.sign, line.text) for line in text_diff("x\ny", "x\nz")] == [
        (" ", "x"),
        ("-", "y"),
        ("+", "z"),
    ]


def test_hostile_text_acts_on_no_terminal() -> None:
    for line in as_lines(hostile(), 80):
        assert line.text.isprintable()
        assert "<{%" not in line.text
        assert not line.text.lstrip().startswith("::")


def test_hostile_text_makes_no_markup_in_markdown() -> None:
    rendered = as_markdown(hostile())
    outside = outside_code(rendered)

    assert "\x1b" not in rendered
    for mark in ("@org", "<script", "</pre", "|"):
        assert mark not in outside


def test_hostile_text_makes_no_element_on_the_page() -> None:
    page = as_html(hostile())
    parser = Elements()
    parser.feed(page)

    assert "script" not in parser.names
    assert "default-src 'none'" in page
    assert parser.names <= {
        *("html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "p"),
        *("dl", "dt", "dd", "pre", "span", "br", "ul", "li", "code"),
    }


if __name__ == "__main__":
    for scene in SCENES:
        for file_name, rendered_text in renderings(scene).items():
            (GOLDEN / file_name).write_text(rendered_text, encoding="utf-8")
