"""``containment process``: every form says the same, and each command moves its step."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command
from tests.support import signal_forms
from tests.support.fake_engine import STACK, FakeEngine

pytestmark = pytest.mark.process


def test_each_command_moves_its_step(containment: Command, engine: FakeEngine) -> None:
    engine.exports()

    def progress() -> dict[str, str]:
        ran = containment("process", "--json")
        assert ran.code == 0
        return {one["number"]: one["progress"] for one in ran.json["steps"]}

    (engine.project / "scan.json").write_text(json.dumps(signal_forms.trufflehog()))
    before = progress()
    moved: dict[str, str] = {}
    for step, arguments in {
        "1.a": ("signal", "add", "scan.json"),
        "1.b": ("note", "decision", "SEC-123", "--step", "1.b"),
        "1.c": ("note", "impact", "none"),
        "1.d": ("note", "verdict", "ours", "--positive", "true-positive", "--of", "1"),
        "1.g": ("note", "alternative", "no deployment that day"),
        "1.h": ("note", "message", "x", "--to", "legal", "--receipt", "read", "--step", "1.h"),
        "1.i": ("note", "decision", "none is due", "--step", "1.i", "--not-applicable"),
        "5.b": ("note", "lesson", "rotate", "--owner", "ben"),
    }.items():
        assert containment(*arguments).code == 0, arguments
        now = progress()
        moved[step] = now[step]
        assert [one for one in now if now[one] != before[one]] == [step]
        before = now
    assert moved.pop("1.i") == "not applicable"
    assert set(moved.values()) == {"done"}
    assert before["2.a.i"] == "overdue"


def test_every_form_is_written(containment: Command, engine: FakeEngine) -> None:
    engine.exports()

    text = containment("process", STACK)
    markdown = containment("process", "--format", "markdown")
    page = containment("process", "--format", "html")

    assert (text.code, markdown.code, page.code) == (0, 0, 0)
    assert f"containment up {STACK}" in text.out
    assert "| 2.b watch" in markdown.out
    assert page.out.lstrip().lower().startswith("<!doctype html>")


def test_a_changed_record_is_named_and_ends_with_5(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports()
    containment("note", "impact", "none")
    containment("note", "impact", "some")
    file = engine.project / "incidents" / STACK / "record.jsonl"
    file.write_text(file.read_text().replace('"text":"none"', '"text":"much"'))

    ran = containment("process", "--json")

    assert ran.code == 5
    assert "line 1 was changed" in ran.json["warnings"][0]
    steps = {one["number"]: one["progress"] for one in ran.json["steps"]}
    assert steps["1.c"] == "open"
