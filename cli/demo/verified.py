"""Prove it before it is lifted: by CloudTrail, and by AWS's own record of a denial."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from containment.verify.coverage import SLACK, WATCH
from containment.verify.log_calls import PROPAGATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cli.demo.board import Board
    from cli.demo.company import Company
    from cli.demo.screen import Screen

_COMMAND = ("containment", "verify", "--live", "--json")
# CloudTrail brings a record some minutes after the call; the lab's own figure is half of it.
_DELIVERY_S = 600.0


def verify(
    run: Callable[..., Iterable[str]],
    *,
    company: Company,
    incident: str,
    board: Board,
    screen: Screen,
) -> None:
    """Let thirty minutes go by under the containment, and prove it by what AWS recorded."""
    watched = WATCH + SLACK + PROPAGATION
    company.advance(watched.total_seconds())
    company.look_into_every_region()
    company.advance(_DELIVERY_S)
    screen.moment(
        f"the lab's clock moves {(watched.total_seconds() + _DELIVERY_S) / 60:.0f} minutes: the"
        " attacker goes on trying, and CloudTrail brings its records"
    )
    lines = list(run(*_COMMAND))
    # What it says of the emulation and its progress comes before the document.
    answer: dict[str, Any] = json.loads("\n".join(lines[lines.index("{") :]))
    screen.claim(
        board.say("the verdict", expected="contained, verified", observed=answer["verdict"]),
        f"{answer['verdict']}, by {_levels(answer['evidence'])}",
    )
    records = [
        one for one in answer["evidence"] if one["level"] == "V4+" and one["outcome"] == "holds"
    ]
    sid = company.statement_of(incident)
    board.say(
        "AWS's own records of the attacker's refused calls that name the live statement",
        expected=len(records) or "one at least",
        observed=sum(repr(sid) in one["what"] for one in records),
    )
    if records:
        what, _, why = str(records[0]["what"]).partition(": ")
        screen.under(f"AWS's own record: {what}:")
        screen.under(f"  {why}")


def _levels(evidence: Iterable[dict[str, Any]]) -> str:
    shown = (one["level"] for one in evidence if one["outcome"] == "holds")
    return ", ".join(dict.fromkeys(shown))
