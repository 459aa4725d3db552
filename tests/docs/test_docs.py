"""The documentation is what the program is: generated pages current, every command there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli import reference
from cli.demo.board import Phase, Who, rows, word
from cli.main import VERBS, containment
from containment import catalogue
from containment.actions import ACTIONS
from containment.spec import Disposition

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
WRITTEN = [README, *(ROOT / "docs").rglob("*.md")]
CONSOLE = re.compile(r"^\s*```console\n(.*?)^\s*```", re.DOTALL | re.MULTILINE)
RECORD = re.compile(r"<!-- demo: begin -->\n```text\n(.*?)```\n<!-- demo: end -->", re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of every command in the console blocks of *page*."""
    for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.strip().startswith("$ "):
                yield shlex.split(line.strip()[2:], comments=True)


def own_commands() -> list[list[str]]:
    """Return every use of our own command line in the documentation."""
    block_commands = [words for page in WRITTEN for words in commands(page)]
    inner = [
        shlex.split(inside)
        for page in WRITTEN
        for inside in re.findall(r"\$\((containment [^)]*)\)", page.read_text(encoding="utf-8"))
    ]
    inline = [
        shlex.split(inside.replace("…", ""))
        for page in WRITTEN
        for inside in re.findall(r"`(containment [a-z][^`]*)`", page.read_text(encoding="utf-8"))
    ]
    return [
        words for words in block_commands + inner + inline if words and words[0] == "containment"
    ]


def test_the_pulumi_classes_are_the_ones_that_the_actions_ask_for() -> None:
    source = (ROOT / catalogue.RESOURCES).read_text(encoding="utf-8")

    assert source == catalogue.resource_classes(source)
    assert all(f"class {action.resource}(" in source for action in ACTIONS)


def test_the_pages_of_the_actions_are_current() -> None:
    pages = catalogue.pages()

    assert {ROOT / path for path in pages} == set((ROOT / catalogue.FOLDER).glob("*.md"))
    for path, text in pages.items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, (
            "run 'make docs' and commit what it writes"
        )


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.resource)
def test_the_page_of_an_action_says_what_survives_it_and_names_each_permission(
    action: type,
) -> None:
    text = catalogue.pages()[catalogue.FOLDER / f"{action.__module__.rpartition('.')[2]}.md"]

    assert "survives" in text
    assert all(f"`{name}`" in text for name in action.permissions)  # type: ignore[attr-defined]


def test_the_page_of_the_commands_is_current() -> None:
    assert (ROOT / reference.PAGE_FILE).read_text(encoding="utf-8") == reference.page(), (
        "run 'make docs' and commit what it writes"
    )
    assert (ROOT / reference.REFUSALS_FILE).read_text(encoding="utf-8") == reference.refusals()


def test_every_command_in_the_documentation_exists_with_its_options() -> None:
    context = click.Context(containment)
    uses = own_commands()
    for _, verb, *rest in uses:
        command = containment.get_command(context, verb)
        assert command is not None, f"there is no verb {verb}"
        if isinstance(command, click.Group) and rest:
            command = command.get_command(context, rest.pop(0))
            assert command is not None, f"there is no {verb} like that"
        options = {name for parameter in command.params for name in parameter.opts}
        assert {each for each in rest if each.startswith("--")} <= options, f"{verb} {rest}"
    assert {words[1] for words in uses} == set(VERBS)


def test_the_readme_quick_start_is_two_targets_of_the_makefile() -> None:
    first = next(iter(CONSOLE.findall(README.read_text(encoding="utf-8"))))
    targets = re.findall(
        r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert first == "$ make demo\n$ make test\n"
    assert {"demo", "test", "record", "docs"} <= set(targets)


def test_the_recorded_demo_shows_every_row_as_it_is_claimed() -> None:
    match = RECORD.search(README.read_text(encoding="utf-8"))
    assert match
    runs = re.split(r"^Run \d of 2: ", match[1], flags=re.MULTILINE)[1:]

    shown_before: set[object] = set()
    for disposition, run in zip(
        (Disposition.CONFIRMED, Disposition.FALSE_POSITIVE), runs, strict=True
    ):
        lines = [" ".join(line.split()) for line in run.splitlines()]
        for row in set(rows(disposition)) - shown_before:
            cells = " ".join(word(expected) for expected in row.expected)
            assert any(line.endswith(f"{row.credential} {cells}") for line in lines), row
        shown_before |= set(rows(disposition))
    assert match[1].startswith("EMULATED: http://127.0.0.1:")
    assert "NOT AS CLAIMED" not in match[1]
    assert "facts, SHA-256" in match[1]
    assert re.search(r"^(\d+) of \1 claims hold$", match[1], re.MULTILINE)
    assert len(Phase) == 4
    assert len(Who) == 3


def test_every_link_in_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", README.read_text(encoding="utf-8"))

    assert [link for link in links if not (ROOT / link).exists()] == []
