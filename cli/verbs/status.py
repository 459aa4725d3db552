"""``containment status``: spec, state and AWS side by side, and the safe next command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cli import render
from cli.emergencies import matters_of, open_of, rows_of
from cli.incident import begin, caller_of, place_document
from cli.options import json_option, stack_argument
from cli.words import fence_row, ledger_row, ledger_words
from containment.clock import isoformat
from containment.errors import (
    ConflictError,
    ContainmentError,
    NotContainedError,
    NotFoundError,
    SpecError,
    UnavailableError,
)
from containment.run import incident_status, locks, state

if TYPE_CHECKING:
    from cli.incident import Incident
    from containment.run.incident_status import IncidentStatus
    from containment.run.locks import Lock
    from containment.run.report import PrincipalReport
    from containment.run.state import StackState
    from containment.spec import IncidentSpec

_STYLES = {
    "applied": "green",
    "missing": "bold red",
    "altered": "bold red",
    "stale": "bold red",
    "unverified": "yellow",
    "unknown": "yellow",
    "gone": "yellow",
}


@click.command()
@stack_argument
@json_option
def status(*, named: str | None, as_json: bool) -> int:
    """Show what is live of an incident against what its state says. Nothing is changed.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. Ends with 4 if
    AWS shows less than was applied, or if somebody whom the spec names is not held now (made anew
    under the ARN, or the user whose key a leaked one is), with 5 if a deny of it is live that its
    state does not know, with 9 if AWS could not be asked about all of it, and else with 2 if its
    spec cannot be used. The release fences listed are those of the whole account.
    """
    incident = begin(named)
    caller = caller_of(incident)
    stack_state = state.load(incident.engine, incident.stack)
    problems: list[ContainmentError] = []
    spec = _spec(incident, stack_state, problems)
    status = incident_status.read_status(
        incident.stack,
        spec=spec,
        state=stack_state,
        locks=_locks(incident, problems),
        workplace=incident.workplace,
        problems=problems,
    )
    waiting = open_of(incident.workplace, incident.stack)
    status = replace(status, matters=(*status.matters, *matters_of(waiting, incident.stack)))
    if as_json:
        render.document({**_document(incident, status), "not_reviewed": rows_of(waiting)})
    else:
        _show(incident, status, caller.arn, created=stack_state is not None)
    if status.drifted or status.unheld:
        return NotContainedError.exit_code
    if status.stray:
        return ConflictError.exit_code
    if status.unknown:
        return UnavailableError.exit_code
    return problems[0].exit_code if problems else 0


def _locks(incident: Incident, problems: list[ContainmentError]) -> list[Lock]:
    try:
        return list(locks.read_locks(incident.engine.backend(), incident.stack))
    except ContainmentError as error:
        problems.append(error)
        return []


def _spec(
    incident: Incident, stack_state: StackState | None, problems: list[ContainmentError]
) -> IncidentSpec | None:
    try:
        return incident.project.spec(incident.stack)
    except SpecError as error:
        # What is live matters most where the file is of no help.
        problems.append(error)
        return None
    except NotFoundError:
        # A stack may outlive its file; without either there is nothing to show.
        if stack_state is None:
            raise
        return None


def _document(incident: Incident, status: IncidentStatus) -> dict[str, object]:
    return {
        "stack": incident.stack,
        **place_document(incident.workplace),
        "applied": status.applied,
        "verified": False,
        "drifted": status.drifted,
        "unheld": list(status.unheld),
        "principals": [_principal(item, status) for item in status.principals],
        "ledger": ledger_row(status.ledger),
        "matters": [{"what": item.what, "next": item.step} for item in status.matters],
        "accounts": [
            {
                "account": account,
                "at": isoformat(survey.taken_at),
                "fences": [fence_row(fence) for fence in survey.fences],
                "denies": [
                    {
                        "principal": item.principal.arn,
                        "incident": item.incident,
                        "snapshot_id": item.snapshot_id,
                    }
                    for item in survey.denies
                ],
            }
            for account, survey in status.surveys.items()
        ],
    }


def _principal(item: PrincipalReport, status: IncidentStatus) -> dict[str, object]:
    return {
        "principal": item.principal,
        "rung": item.rung,
        "issued_before": item.issued_before,
        "inactive": list(item.inactive),
        "resources": [
            {
                "resource": resource.resource,
                "state": resource.live,
                "live": status.live_resources[resource.urn].live,
                "notes": list(status.live_resources[resource.urn].notes),
            }
            for resource in item.resources
        ],
    }


def _show(incident: Incident, status: IncidentStatus, caller: str, *, created: bool) -> None:
    clients = incident.workplace.clients()
    word = _word(incident.stack, status, created=created)
    render.fields(
        [
            ("stack", f"{incident.stack}  {word}".rstrip()),
            ("endpoint", clients.endpoint),
            ("caller", caller),
            ("ledger", ledger_words(status.ledger)),
        ]
    )
    rows = [
        (
            item.principal if index == 0 else "",
            item.words if index == 0 else "",
            resource.resource,
            resource.live,
            status.live_resources[resource.urn].live,
        )
        for item in status.principals
        for index, resource in enumerate(item.resources)
    ]
    if rows:
        render.say()
        render.table(("principal", "held by", "resource", "state", "live"), rows, styles=_STYLES)
    for note in dict.fromkeys(
        note for item in status.live_resources.values() for note in item.notes
    ):
        render.say(f"note: {note}", style="yellow")
    _show_fences(status)
    if status.matters:
        render.say()
    for matter in status.matters:
        render.say(f"! {matter.what}", style="bold red")
        render.say(f"  {matter.step}", style="cyan")


def _word(stack: str, status: IncidentStatus, *, created: bool) -> str:
    if status.applied:
        return ""
    fenced = any(
        fence.incident == stack for survey in status.surveys.values() for fence in survey.fences
    )
    if fenced:
        return "lifted, fences remain"
    if created:
        return "its state holds nothing: lifted already, or never applied"
    return f"not applied (containment up {stack})"


def _show_fences(status: IncidentStatus) -> None:
    rows = [
        (
            "over: containment sweep" if fence.over else "in force",
            fence.principal.arn,
            fence.incident,
            fence.issued_before or "",
            fence.until,
        )
        for survey in status.surveys.values()
        for fence in survey.fences
    ]
    if rows:
        render.say()
        render.table(("fence", "principal", "incident", "denies tokens before", "until"), rows)
