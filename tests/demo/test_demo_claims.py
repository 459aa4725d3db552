"""The demo checks what it shows: a cell or a sentence that is not so is told and counted."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self, cast

import pytest

from cli.demo.board import Board, Phase, Who, rows
from cli.demo.commands import shortened
from cli.demo.screen import Screen
from cli.main import run
from cli.verbs.demo import conclude
from containment.spec import Disposition

if TYPE_CHECKING:
    from cli.demo.story import Run

pytestmark = pytest.mark.plain

PULUMI = """\
Updating (inc-2026-0042):

@ updating....
 +  containment:index:DenyPolicy 111122223333/role/deploy creating (0s)
 +  containment:index:DenyPolicy 111122223333/role/deploy created (0.06s)
 -  containment:index:DenyPolicy 111122223333/user/ci deleted (0.1s) user ci: the deny is gone
 +  containment:index:DenyPolicy 111122223333/role/app **creating failed** error: no
 +  pulumi:pulumi:Stack containment-inc-2026-0042 created (2s) 1 warning; 1 message
Diagnostics:
  pulumi:pulumi:Stack (containment-inc-2026-0042):
    EMULATED: http://127.0.0.1:1 is not AWS; no real account is touched

  containment:index:DenyPolicy (111122223333/role/app):
    error: something is wrong

Resources:
    + 1 created
    3 unchanged

Duration: 5s
""".splitlines()


def full(disposition: Disposition) -> Board:
    """Return a board on which everything was seen as expected."""
    board = Board(rows(disposition))
    for index, phase in enumerate(Phase):
        board.see(
            phase,
            {row.credential: bool(row.expected[index]) for row in board.rows},
        )
    return board


@pytest.mark.parametrize("disposition", [Disposition.FALSE_POSITIVE, Disposition.CONFIRMED])
def test_a_table_as_expected_holds(disposition: Disposition) -> None:
    assert all(claim.holds for claim in full(disposition).claims())


@pytest.mark.parametrize("phase", list(Phase))
def test_one_cell_that_is_otherwise_does_not_hold_and_is_shown(phase: Phase) -> None:
    board = full(Disposition.CONFIRMED)
    board.see(phase, {"session": phase is not Phase.BEFORE})
    output = io.StringIO()

    Screen(output).table(board)

    (failed,) = [claim for claim in board.claims() if not claim.holds]
    assert failed.claim == f"attacker: session, {phase}"
    assert f"{failed.observed}, NOT {failed.expected}" in output.getvalue()


def test_a_claim_that_was_never_measured_does_not_hold() -> None:
    assert not any(claim.holds for claim in Board(rows(Disposition.CONFIRMED)).claims())


def test_a_false_positive_lift_gives_everything_back_and_a_confirmed_one_nothing() -> None:
    back = {
        disposition: full(disposition).count(Who.ATTACKER, Phase.LIFTED)
        for disposition in (Disposition.FALSE_POSITIVE, Disposition.CONFIRMED)
    }

    assert back == {Disposition.FALSE_POSITIVE: (6, 6), Disposition.CONFIRMED: (0, 6)}


def test_a_false_sentence_is_shown_with_expected_and_seen() -> None:
    board = Board(())
    output = io.StringIO()

    Screen(output).claim(board.say("changes by the preview", expected=0, observed=3), "no changes")

    assert "NOT AS CLAIMED: changes by the preview" in output.getvalue()
    assert "expected 0" in output.getvalue()
    assert "seen     3" in output.getvalue()
    assert "no changes" not in output.getvalue()


def test_one_claim_that_fails_is_named_again_at_the_end_and_counted() -> None:
    output = io.StringIO()
    played = SimpleNamespace(board=full(Disposition.CONFIRMED), timings={"up_s": 1.0})
    played.board.say("the moon is a cheese", expected=True, observed=False)

    failed = conclude(Screen(output), [cast("Run", played)])

    assert failed == 1
    assert "NOT AS CLAIMED: the moon is a cheese: expected True, seen False" in output.getvalue()
    assert "49 of 50 claims hold" in output.getvalue()


def test_pulumis_output_is_shortened_to_what_became_of_each_resource() -> None:
    assert list(shortened(PULUMI)) == [
        "+ DenyPolicy           111122223333/role/deploy     created (0.06s)",
        "- DenyPolicy           111122223333/user/ci         deleted (0.1s)",
        "+ DenyPolicy           111122223333/role/app        **creating failed**",
        "  error: something is wrong",
        "+ 1 created",
        "3 unchanged",
    ]


def test_a_short_telling_keeps_the_messages_and_the_counts() -> None:
    assert list(shortened(PULUMI, resources=False)) == [
        "  error: something is wrong",
        "+ 1 created",
        "3 unchanged",
    ]


def test_a_pipe_gets_no_colours_and_no_control_characters() -> None:
    output = io.StringIO()

    Screen(output).moment("named \x1b[31mred", style="red")

    assert "\x1b" not in output.getvalue()


def test_a_quiet_part_shows_only_the_claims_that_do_not_hold() -> None:
    board = Board(())
    output = io.StringIO()
    screen = Screen(output)

    with screen.quiet():
        screen.command("pulumi up")
        screen.claim(board.say("holds", expected=1, observed=1), "holds")
        screen.claim(board.say("fails", expected=1, observed=2), "fails")
    screen.moment("afterwards")

    assert "pulumi up" not in output.getvalue()
    assert "holds" not in output.getvalue()
    assert "NOT AS CLAIMED: fails" in output.getvalue()
    assert "afterwards" in output.getvalue()


class EmptyStage:
    """A stage on which nothing is started."""

    lab = SimpleNamespace(endpoint="http://127.0.0.1:1")

    def __init__(self, *_: object, keep: bool) -> None:
        self.keep = keep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""


@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 4)])
def test_the_exit_code_says_whether_everything_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, broken: bool, code: int
) -> None:
    def played(
        _stage: object, _screen: object, disposition: Disposition, *, like: object
    ) -> SimpleNamespace:
        assert (like is None) is (disposition is Disposition.CONFIRMED)
        board = full(disposition)
        if broken:
            board.see(Phase.LIFTED, {"alice, her key": False})
        return SimpleNamespace(
            board=board, disposition=disposition, timings={}, differences=[], play=lambda: None
        )

    monkeypatch.setattr("cli.demo.stage.Stage", EmptyStage)
    monkeypatch.setattr("cli.demo.story.Run", played)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    assert run(["demo", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is not broken
    assert [each["disposition"] for each in document["runs"]] == ["confirmed", "false-positive"]
