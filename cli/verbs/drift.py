"""``containment drift``: is what was contained still held, and who changed it? For schedulers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import render
from cli.incident import begin, error_document, place_document, project_stacks
from cli.options import json_option
from containment.aws.trail_source import identity_history
from containment.errors import ContainmentError, NotFoundError, SpecError
from containment.run import incident_status, locks, state
from containment.run.drift import CODES, Drift, PrincipalDrift, read_drift
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.incident import Incident
    from containment.run.locks import Lock
    from containment.run.state import StackState
    from containment.spec import IncidentSpec

_STYLES = {
    "held": "green",
    "tampered with": "bold red",
    "made anew": "bold red",
    "not applied": "bold red",
    "stray": "bold red",
    "unknown": "yellow",
    "gone": "yellow",
}
_SHOWN = 5
_NEXT = {
    "tampered with": "run 'containment up {stack}' at once, then see what the actor did since",
    "made anew": "run 'containment up {stack}': it contains whoever goes by that name now",
    "not applied": "run 'containment up {stack}'",
    "stray": "run 'containment adopt {stack}', or see who put it there",
    "unknown": "see why it could not be read, and run it again",
}


@click.command()
@click.argument("named", nargs=-1, metavar="[STACK]...")
@json_option
def drift(*, named: Sequence[str], as_json: bool) -> int:
    """Compare what was contained with what AWS shows now. Nothing is changed.

    STACK are incidents; all that have a spec or a stack, if left out. Each principal is held,
    tampered with, gone, or made anew under its name; who changed it comes from CloudTrail, and what
    other program manages it from its tags.

    Ends with 0 if all is held, with 4 if somebody is not, else with 5 if something of an incident
    is live that its state does not know, else with 9 if AWS could not be asked about all of it, and
    else with what kept a stack from being looked at. A stack of which nothing is applied counts as
    held; a principal that is gone does too.
    """
    drifts = [_of_stack(stack) for stack in (named or project_stacks())]
    if as_json:
        render.document(
            {
                "exit_code": _exit_code(drifts),
                "stacks": [_document(*one) for one in drifts],
            }
        )
    else:
        _show([drift for _, drift in drifts])
    return _exit_code(drifts)


def _exit_code(drifts: Sequence[tuple[Incident | None, Drift]]) -> int:
    codes = [one.exit_code for _, one in drifts]
    ranked = [code for code in dict.fromkeys(CODES.values()) if code]
    return next((code for code in ranked if code in codes), max(codes, default=0))


def _of_stack(named: str) -> tuple[Incident | None, Drift]:
    """Return how one stack stands; what keeps it from being looked at keeps no other from it."""
    incident: Incident | None = None
    try:
        incident = begin(named)
        stack_state = state.load(incident.engine, incident.stack)
        if stack_state is None or not stack_state.resources:
            return incident, Drift(incident.stack, is_applied=False)
        problems: list[ContainmentError] = []
        status = incident_status.read_status(
            incident.stack,
            spec=_spec(incident, problems),
            state=stack_state,
            locks=_locks(incident, problems),
            workplace=incident.workplace,
        )
        return incident, _compared(incident, status, stack_state, problems)
    except ContainmentError as error:
        stack = incident.stack if incident else named
        return incident, Drift(stack, is_applied=False, problems=(error,))


def _compared(
    incident: Incident,
    status: incident_status.IncidentStatus,
    stack_state: StackState,
    problems: Sequence[ContainmentError],
) -> Drift:
    return read_drift(
        incident.stack, status, stack_state, incident.workplace, identity_history, problems
    )


def _spec(incident: Incident, problems: list[ContainmentError]) -> IncidentSpec | None:
    try:
        return incident.project.spec(incident.stack)
    except NotFoundError:
        return None  # a stack may outlive its file
    except SpecError as error:
        problems.append(error)
        return None


def _locks(incident: Incident, problems: list[ContainmentError]) -> list[Lock]:
    try:
        return list(locks.read_locks(incident.engine.backend(), incident.stack))
    except ContainmentError as error:
        problems.append(error)
        return []


def _document(incident: Incident | None, drift: Drift) -> dict[str, object]:
    place = place_document(incident.workplace) if incident and drift.is_applied else {}
    return {
        "stack": drift.stack,
        **place,
        "applied": drift.is_applied,
        "exit_code": drift.exit_code,
        "principals": [_row(item) for item in drift.principals],
        "missing": list(drift.missing),
        "errors": [error_document(error) for error in drift.problems],
    }


def _row(item: PrincipalDrift) -> dict[str, object]:
    return {
        "principal": item.principal,
        "condition": item.condition,
        "what": list(item.what),
        "changed_by": [
            {
                "at": deed.moment,
                "event": deed.event,
                "actor": deed.actor,
                "credential": deed.credential,
                "source": deed.source,
            }
            for deed in item.deeds
        ],
        "unread": item.unread,
        "managed_by": [{"program": one.name, "tag": one.tag} for one in item.programs],
    }


def _show(drifts: Sequence[Drift]) -> None:
    rows: list[tuple[str, str, str]] = [
        (drift.stack, item.principal, item.condition)
        for drift in drifts
        for item in drift.principals
    ]
    rows += [(drift.stack, "", "nothing applied") for drift in drifts if _is_idle(drift)]
    if rows:
        render.table(("stack", "principal", "condition"), rows, styles=_STYLES)
    else:
        render.say("there is no incident here")
    for drift in drifts:
        for item in drift.principals:
            _show_principal(drift.stack, item)
        if drift.missing:
            render.say(
                f"! {drift.stack}: declared and not applied: {plain(', '.join(drift.missing))}"
            )
            render.say(f"  run 'containment up {drift.stack}'", style="cyan")
        for problem in drift.problems:
            render.say(f"! {drift.stack}: {problem.message}", style="bold red")
            render.say(f"  {problem.remedy}", style="cyan")


def _is_idle(drift: Drift) -> bool:
    return not drift.is_applied and not drift.problems


def _show_principal(stack: str, item: PrincipalDrift) -> None:
    notes = [
        *item.what,
        *(f"by {deed}" for deed in item.deeds[:_SHOWN]),
        *([f"and {len(item.deeds) - _SHOWN} more changes"] if len(item.deeds) > _SHOWN else []),
        *([item.unread] if item.unread else []),
        *(str(program) for program in item.programs),
    ]
    if not notes:
        return
    style = "bold red" if CODES[item.condition] else ""
    render.say(f"! {plain(item.principal)} is {item.condition}", style=style)
    for note in notes:
        render.say(f"  {plain(note)}")
    if item.condition in _NEXT:
        render.say(f"  {_NEXT[item.condition].format(stack=stack)}", style="cyan")
