"""Output is lines and columns for people, and never acts on the terminal it is shown on."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

import pytest

from cli import render

pytestmark = pytest.mark.plain

HOSTILE = "a\x1b[31m\x07\u202eb\nc"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR")
    return Terminal()


def test_in_a_pipe_a_table_is_plain_columns_that_never_wrap(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "arn:aws:iam::111122223333:user/" + "x" * 200

    render.table(["who", "now"], [[long, "DENIED"], ["me", "ALLOWED"]], title="T")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "T"
    assert lines[1].split() == ["who", "now"]
    assert lines[2] == f"{long}  DENIED"
    assert lines[3].startswith("me ")


def test_on_a_terminal_a_table_has_rules_and_colours(terminal: Terminal) -> None:
    with redirect_stdout(terminal):
        render.table(["who", "now"], [["me", "DENIED"]], styles={"DENIED": "red"})

    assert "─" in terminal.getvalue()
    assert "\x1b[31m" in terminal.getvalue()


def test_on_a_terminal_a_long_name_is_folded_and_never_cut(terminal: Terminal) -> None:
    name = "arn:aws:iam::111122223333:user/" + "x" * 60
    with redirect_stdout(terminal):
        render.table(["who", "now"], [[name, "applied " * 9]])

    shown = "".join(line[1:42].strip() for line in terminal.getvalue().splitlines())
    assert "…" not in terminal.getvalue()
    assert name.count("x") == shown.count("x")


def test_no_color_is_respected(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    with redirect_stdout(terminal):
        render.table(["who"], [["DENIED"]], styles={"DENIED": "red"})
        render.say("x", style="red")

    assert "\x1b[31m" not in terminal.getvalue()


def test_a_name_cannot_act_on_the_terminal_nor_pretend_to_be_markup(terminal: Terminal) -> None:
    with redirect_stdout(terminal):
        render.table(["[bold]x[/]"], [[HOSTILE], ["[red]y[/red]"]])
        render.say(f"[red]{HOSTILE}", style="bold")

    text = terminal.getvalue()
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "\x1b[31m" not in text
    assert "[red]y[/red]" in text


def test_json_is_ascii_and_keeps_every_character_as_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    render.document({"name": HOSTILE, "ü": 1})

    text = capsys.readouterr().out
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"name": HOSTILE, "ü": 1}


def test_fields_are_aligned_and_their_values_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    render.fields([("a", HOSTILE), ("long", "y")])

    assert capsys.readouterr().out == "  a     a\\x1b[31m\\x07\\u202eb\\nc\n  long  y\n"
