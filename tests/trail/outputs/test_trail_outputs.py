"""What a log says reaches terminal, table, page and spec as text, whatever it holds."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from containment.identities import parse_principal
from containment.text import plain
from containment.trail import Trace, trace
from containment.trail.outputs import document, html, tables, tree
from containment.trail.outputs.into_spec import add_to_spec
from tests.support.hostile_texts import HOSTILE
from tests.support.trail_hostile import hostile_trace

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain


@pytest.fixture
def hostile(scene: Scene, tmp_path: Path) -> Trace:
    return hostile_trace(scene, tmp_path)


# Control characters, what reverses or hides text, separators of lines, halves of characters.
UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ue000-\uf8ff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def unseen(text: str) -> list[str]:
    return UNSEEN.findall(text)


@pytest.mark.parametrize(
    ("char", "shown"),
    [
        ("\x1b", r"\x1b"),
        ("\x9b", r"\x9b"),
        ("\u202e", r"\u202e"),
        ("\u200b", r"\u200b"),
        ("\ufeff", r"\ufeff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_a_character_that_nobody_sees_is_shown_as_its_number(char: str, shown: str) -> None:
    assert plain(f"a{char}b") == f"a{shown}b"


def test_letters_of_any_script_stay_letters() -> None:
    assert plain("Zoë Ключ 漢字") == "Zoë Ключ 漢字"


def test_the_terminal_gets_no_control_or_direction_character(hostile: Trace) -> None:
    lines = list(tree.lines(hostile))

    assert not [line for line in lines if "\n" in line]
    assert not unseen("".join(lines))
    assert "\\x1b]0;owned" in "".join(lines)


def test_a_spreadsheet_gets_no_formula(hostile: Trace, tmp_path: Path) -> None:
    for path in tables.write_csv(hostile, tmp_path / "csv"):
        with path.open(newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
                    assert not unseen(cell)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_runs_its_own_script_and_nothing_of_the_log(hostile: Trace) -> None:
    text = html.page(hostile)
    page = Page()
    page.feed(text)

    names = [tag for tag, _ in page.tags]
    assert names.count("script") == 2
    assert not {"img", "iframe", "object", "embed", "link", "form", "base", "a"} & set(names)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    block = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    assert "<" not in block[1]
    assert json.loads(block[1])["seed"] == hostile.seed
    assert names.count("li") >= 2
    assert ("ol", {"id": "next"}) in page.tags
    assert not unseen(text)


def test_the_pages_script_never_builds_markup_from_text() -> None:
    script = (Path(html.__file__).parent / "page.js").read_text()

    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert way not in script


def test_the_policy_allows_the_script_by_its_hash(hostile: Trace) -> None:
    text = html.page(hostile)
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"sha256-{digest}" in text.split("</head>")[0]


def test_parquet_keeps_every_row(hostile: Trace, tmp_path: Path) -> None:
    tables.write_parquet(hostile, tmp_path)

    calls = pq.read_table(tmp_path / "calls.parquet").to_pylist()
    assert len(calls) == len(hostile.calls)
    assert set(HOSTILE[:-1]) <= {call["name"] for call in calls}


def test_the_json_document_keeps_its_published_schema(hostile: Trace) -> None:
    text = document.dumps(hostile)
    loaded = json.loads(text)

    jsonschema.Draft202012Validator(document.schema()).validate(loaded)
    assert text.isascii()
    assert "\x1b" not in text


SPEC = """\
# kept as it is
incident: inc-2026-0042
targets:
  - user: arn:aws:iam::111122223333:user/ci/ci-deploy   # the leaked one
    leaked: [AKIAIOSFODNN7EXAMPLE]
break_glass: ["arn:aws:iam::111122223333:role/BreakGlass"]
limits: {principals: 5}
"""


def test_a_hostile_name_cannot_write_into_the_spec(hostile: Trace, tmp_path: Path) -> None:
    spec = tmp_path / "inc-2026-0042.yaml"
    spec.write_text(SPEC)

    add_to_spec(hostile, spec)

    loaded: Any = YAML(typ="safe").load(spec.read_text())
    assert set(loaded) == {"incident", "targets", "break_glass", "limits"}
    for target in loaded["targets"][1:]:
        assert set(target) <= {"user", "role", "leaked", "rung"}
        assert parse_principal(target.get("user") or target["role"]).name in HOSTILE
    assert "arn:aws:iam::111122223333:user/victim" not in spec.read_text()


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_line_of_the_tree_fits_the_terminal_also_with_wide_letters(
    scene: Scene, tmp_path: Path, width: int
) -> None:
    scene.make_user(scene.leaked, scene.user, "漢字" * 60, 1)
    scene.make_user(scene.leaked, scene.user, "x" * 64, 2)
    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)

    branches = [line for line in tree.lines(answer, width) if line.startswith(("├", "└"))]

    assert len(branches) == 2
    assert all(cells(line) <= width for line in branches)
    assert branches[0].endswith("…")


def cells(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def test_a_thousand_gaps_of_one_kind_do_not_hide_the_others(scene: Scene, tmp_path: Path) -> None:
    for number in range(1000):
        scene.call(scene.leaked, scene.user, "StopLogging", number)
    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)

    tree_lines = list(tree.lines(answer))

    assert len(tree_lines) < 60
    assert any("logging_tampered: 990 more" in line for line in tree_lines)
    assert any(line.startswith("  regions:") for line in tree_lines)
