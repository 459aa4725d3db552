"""``containment note``: an entry is written, shown, and refused where the record was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import GOOD, Command

pytestmark = pytest.mark.plain

INCIDENT = "inc-2026-0042"


@pytest.fixture(autouse=True)
def in_project(containment: Command, project: Path) -> Path:
    assert containment("init", "--no-engine").code == 0
    (project / "stacks" / f"{INCIDENT}.yaml").write_text(GOOD)
    return project


def test_what_was_noted_is_shown(containment: Command) -> None:
    first = containment("note", "impact", "none", "--by", "ana", "--json")
    second = containment("note", "decision", "\x1b[2Jkeep the role", "--by", "ben\n::error::x")

    shown = containment("note")
    document = containment("note", "--json")

    assert (first.code, first.json["entry"], first.json["author"]) == (0, 1, "ana")
    assert second.code == 0
    assert (shown.code, document.code) == (0, 0)
    assert "none" in shown.out
    assert "\\x1b[2Jkeep the role" in shown.out
    assert "\x1b" not in shown.out + second.out
    assert "\n::error::" not in shown.out + second.out
    assert document.json["record"]["verdict"] == "intact"
    assert [one["text"] for one in document.json["entries"]] == ["none", "\x1b[2Jkeep the role"]


def test_a_t0_that_the_spec_does_not_have_is_told(containment: Command) -> None:
    same = containment("note", "t0", "2026-01-23T21:14:00Z", "--source", "alert 17")
    arguments = ("note", "t0", "2026-01-20T00:00:00Z", "--source", "commit 9fceb02")
    unfounded = containment(*arguments)
    other = containment(*arguments, "--reason", "the commit is older")

    assert (same.code, same.err) == (0, "")
    assert unfounded.code == 2
    assert "has no reason" in unfounded.err
    assert other.code == 0
    assert "stacks/inc-2026-0042.yaml says 2026-01-23T21:14:00Z" in other.err


def test_the_author_is_whoever_runs_it(
    containment: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")

    author = containment("note", "impact", "none", "--json").json["author"]

    assert author
    assert author != "somebody-else"


def test_an_edited_record_is_named_and_neither_shown_nor_added_to(
    containment: Command, in_project: Path
) -> None:
    containment("note", "impact", "none")
    containment("note", "residual", "a session until 9")
    file = in_project / "incidents" / INCIDENT / "record.jsonl"
    file.write_text(file.read_text().replace('"text":"none"', '"text":"some"'))

    shown, noted = containment("note", "--json"), containment("note", "impact", "again")

    assert (shown.code, noted.code) == (5, 5)
    assert shown.json["entries"] == []
    assert "line 1 was changed" in shown.json["record"]["why"]
    assert "line 1 was changed" in noted.err
    assert len(file.read_text().splitlines()) == 2


def test_wrong_input_is_told_in_one_line(containment: Command) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    for arguments, code, why in (
        (("note", "impact"), 2, "has no text"),
        (("note", "nonsense", "x"), 2, "'nonsense' is not one of"),
        (("note", "impact", f"see {secret}"), 2, "looks like a secret"),
        (
            ("note", "impact", "none", "--incident", "../../etc"),
            3,
            "there is no spec stacks/etc.yaml",
        ),
        (("note", "impact", "none", "--incident", ".."), 2, "is not an incident id"),
        (("note", "impact", "none", "--incident", "inc-2026-9999"), 3, "there is no spec"),
    ):
        ran = containment(*arguments)
        assert ran.code == code, arguments
        assert why in ran.err
        assert secret not in ran.err + ran.out
        assert "Traceback" not in ran.err
