"""``containment sweep``: remove release fences whose own end has passed, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import error_document, on_terminal, settings_of
from cli.options import json_option, yes_option
from cli.words import fence_row
from containment.actions import ACTIONS
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.aws.faults import explained
from containment.aws.recording import NoRecorder
from containment.clock import isoformat
from containment.errors import NotContainedError, NotFoundError, RefusedError
from containment.lifecycle.workplace import Workplace
from containment.run import fences, project

if TYPE_CHECKING:
    from containment.aws.caller import Caller
    from containment.aws.recording import Recorder
    from containment.run.fences import Fence, Survey, Swept


@click.command()
@yes_option
@json_option
def sweep(*, yes: bool, as_json: bool) -> int:
    """Remove the release fences whose end has passed by AWS's own time.

    The account is that of the credentials in use. On a terminal you are asked; in a pipe it takes
    --yes.
    """
    with explained("looking for credentials"):
        clients = connect()
    caller = identify(clients.sts)
    survey = fences.survey(clients.iam)
    over = [fence for fence in survey.fences if fence.over]
    if over and not yes:
        _ask(survey, over, as_json=as_json)
    swept = [fences.sweep(clients.iam, fence, _record(fence, caller)) for fence in over]
    kept = [item for item in swept if item.problem is not None]
    if as_json:
        render.document(
            {
                "account": caller.account,
                "caller": caller.arn,
                "emulated": clients.emulated,
                "endpoint": clients.endpoint,
                "at": isoformat(survey.taken_at),
                "removed": [fence_row(item.fence) for item in swept if item.problem is None],
                "left": [fence_row(fence) for fence in survey.fences if not fence.over],
                "failed": [
                    fence_row(item.fence) | {"error": error_document(item.problem)}
                    for item in kept
                    if item.problem is not None
                ],
            }
        )
        return NotContainedError.exit_code if kept else 0
    _show(survey, swept, caller.account)
    if kept:
        raise NotContainedError(
            f"{len(kept)} of {len(over)} fences could not be removed",
            remedy="they deny nobody any more; sweep again later",
        )
    return 0


def _record(fence: Fence, caller: Caller) -> Recorder:
    """Return the ledger of the fence's incident, where this is the project that has it."""
    try:
        this_project = project.find(Path.cwd())
    except NotFoundError:
        return NoRecorder()
    settings = settings_of(this_project, fence.incident)
    workplace = Workplace(this_project.root, ACTIONS, fence.incident, settings, warn=render.tell)
    return workplace.ledger().recorder(fence.incident, None, lambda: caller.arn)


def _ask(survey: Survey, over: list[Fence], *, as_json: bool) -> None:
    if as_json or not on_terminal():
        raise RefusedError(
            f"{len(over)} fences are over and nobody is here to be asked; nothing has been changed",
            remedy="add --yes to remove them",
        )
    _show(replace(survey, fences=tuple(over)), [], "")
    if not click.confirm(f"Remove {len(over)} fences that are over?"):
        raise RefusedError("declined; nothing has been changed", remedy="run it again to sweep")


def _show(survey: Survey, swept: list[Swept], account: str) -> None:
    words = {
        id(item.fence): f"kept: {item.problem}" if item.problem else "removed" for item in swept
    }
    rows = [
        (
            words.get(id(fence), "over" if fence.over else "left, in force"),
            fence.principal.arn,
            fence.incident,
            fence.until,
        )
        for fence in survey.fences
    ]
    if not rows:
        render.say(f"account {account} holds no release fences")
        return
    render.table(("fence", "principal", "incident", "until"), rows)
