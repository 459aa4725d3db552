"""``containment lift``: take back what the stack did, after showing what that would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli import differences, render
from cli.emergencies import admitted, declared, open_of, require_reviewed, rows_of
from cli.incident import begin, caller_of, ended, error_document, on_terminal, place_document
from cli.options import (
    decision_options,
    decisions_of,
    emergency_option,
    format_option,
    json_option,
    stack_argument,
    verbose_option,
    yes_option,
)
from containment.diff import as_document
from containment.errors import ConflictError, NotFoundError, RefusedError
from containment.facets import decisions
from containment.identities import parse_principal
from containment.lifecycle.oversight import UNRECORDED
from containment.run import events, failures, fences, forecast, report, restoration, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.incident import Incident
    from containment.run.forecast import Forecast
    from containment.run.state import StackState

# What a read says of a lift to come; during one, what was done is said as well.
_NOTHING = "nothing to lift"


@click.command()
@stack_argument
@click.option("--preview", is_flag=True, help="Show what comes back, and change nothing.")
@decision_options
@emergency_option
@yes_option
@format_option
@verbose_option
@json_option
def lift(
    *,
    named: str | None,
    preview: bool,
    form: str,
    verbose: bool,
    force_ours: tuple[str, ...],
    keep_theirs: tuple[str, ...],
    emergency: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Lift the containment on the terms that the stack was applied with.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. On a terminal
    you are shown what comes back and asked; in a pipe it takes --yes. Unless the incident was a
    false positive, leaked keys stay Inactive and tokens issued meanwhile stay denied for 37 hours.

    A conflict is settled by --force-ours or --keep-theirs, for a FACET (deny, credentials, trust,
    attachment, sign-ins) of one PRINCIPAL (its ARN, or 111122223333/user/NAME) or of all. What was
    decided is put on record. Neither gives a leaked key back, and a document from memory is written
    only where the ledger holds the same one as the state.

    While something that came out of the leaked credential would work on, nothing is lifted, unless
    the incident was a false positive. --force-ours 'sweep:REASON' lifts all the same, on record.

    Where the profile says 'review: {required: lift}', it takes a review by somebody else, after all
    that was contained ('review --applied'). A false positive that cannot wait is lifted with
    --emergency: leaked keys stay Inactive, and it stays open until somebody has reviewed it.
    """
    incident = begin(named)
    caller_of(incident)
    stack_state = _applied(incident)
    _nothing_forgotten(incident, stack_state)
    incident = _with_decisions(incident, stack_state, force_ours, keep_theirs)
    if not preview:
        _not_on_hold(incident, stack_state)
        incident = _let_begin(incident, stack_state, emergency)
    elif emergency is not None:
        incident = admitted(incident, UNRECORDED)
    if preview:
        return _preview(incident, stack_state, form=form, as_json=as_json)
    asked = not yes and not as_json and on_terminal()
    if not yes and not asked:
        raise RefusedError(
            f"lifting {incident.stack} gives access back, and nobody is here to be asked",
            remedy=f"look with 'containment lift {incident.stack} --preview', then add --yes",
        )
    if asked:
        differences.show(differences.of_lift(incident, stack_state))
        if not click.confirm(f"Lift {incident.stack}?"):
            raise RefusedError("declined; nothing has been changed", remedy="run it again to lift")
    options = ("--skip-preview",) if asked else ()
    return _lift(incident, stack_state, *options, verbose=verbose, as_json=as_json)


def _let_begin(incident: Incident, stack_state: StackState, emergency: str | None) -> Incident:
    """Return *incident*, with what lets its lift begin.

    Raises:
        RefusedError: the profile asks for a review that nobody made, or it is no emergency of a
            false positive, or that cannot be put on record.
    """
    if emergency is None:
        require_reviewed(incident.workplace, incident.stack)
        return incident
    if not all(item.state.lift.false_positive for item in stack_state.resources):
        raise RefusedError(
            f"--emergency lifts a false positive, and {incident.stack} was not applied as one",
            remedy="write 'disposition: false-positive' and run 'containment up"
            f" {incident.stack}', or have the lift reviewed",
        )
    return admitted(incident, declared(incident.workplace, "lift", emergency, incident.stack))


def _applied(incident: Incident) -> StackState:
    stack_state = state.load(incident.engine, incident.stack)
    if stack_state is None:
        raise NotFoundError(
            f"there is no stack {incident.stack} in the backend, so nothing is known to lift",
            remedy=f"see 'containment status {incident.stack}'; if its state was lost, run"
            f" 'containment adopt {incident.stack}'{restoration.by_ledger(incident.workplace)}",
        )
    return stack_state


def _with_decisions(
    incident: Incident,
    stack_state: StackState,
    force_ours: Sequence[str],
    keep_theirs: Sequence[str],
) -> Incident:
    """Return *incident* with what was decided on the command line, or in the environment.

    Raises:
        SpecError: a decision is not understood, or is about somebody whom the stack does not hold.
    """
    before = incident.engine.environ.get(decisions.VARIABLE, "")
    made = decisions_of(force_ours, keep_theirs, before)
    made.require_known(parse_principal(arn) for arn in stack_state.principals)
    return incident.deciding(made)


def _not_on_hold(incident: Incident, stack_state: StackState) -> None:
    """Refuse to lift what the spec, or the stack as it was applied, says to hold.

    Raises:
        RefusedError: it says so.
    """
    try:
        declared_hold = incident.project.spec(incident.stack).hold
    except NotFoundError:
        declared_hold = False
    applied = any(item.state.lift.hold for item in stack_state.resources)
    if declared_hold or applied:
        where = "its spec says" if declared_hold else "its stack was applied with"
        raise RefusedError(
            f"{incident.stack} is on hold ({where} hold: true), so nothing of it is released",
            remedy=("take 'hold' out of the spec and run" if declared_hold else "run")
            + f" 'containment up {incident.stack}', which changes nothing in AWS, then lift",
        )


def _nothing_forgotten(incident: Incident, stack_state: StackState) -> None:
    """Refuse to call that lifted which is live, while the state knows of nothing.

    Raises:
        NotFoundError: a deny of the incident is live, or its ledger has somebody who was not
            given back, and its state was lost.
    """
    if stack_state.resources:
        return
    clients = incident.workplace.clients()
    live = [
        item.principal.arn
        for item in fences.survey(clients.iam).denies
        if item.incident == incident.stack
    ]
    recorded = restoration.by_ledger(incident.workplace)
    if live or recorded:
        what = f"its deny is live on {', '.join(live)}" if live else "its ledger has whom it held"
        raise NotFoundError(
            f"the state of {incident.stack} holds nothing, and {what}: nothing was lifted",
            remedy=f"run 'containment adopt {incident.stack}', then 'containment up"
            f" {incident.stack}', then lift{recorded}",
        )


def _lift(
    incident: Incident, stack_state: StackState, *options: str, verbose: bool, as_json: bool
) -> int:
    run = incident.run("destroy", *options, verbose=verbose)
    error = failures.error_of(run, verb="destroy", stack=incident.stack)
    remains = state.load(incident.engine, incident.stack) or state.StackState()
    if error is None:
        remains = incident.settled(remains)
    lines = [
        item.text
        for item in run.messages
        if item.call == "Delete" and not item.is_error and events.is_ours(item.urn)
    ]
    # Not 'pulumi stack rm': it would delete the history that tells what was done.
    next_ = [f"containment status {incident.stack}"]
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                "result": "not lifted"
                if error
                else "lifted"
                if stack_state.resources
                else _NOTHING,
                **place_document(incident.workplace),
                "done": lines,
                "written": differences.written_rows(run.changes),
                "remains": [item.urn for item in remains.resources],
                "changes": dict(run.events.summary),
                "steps": report.steps(run.events),
                "diagnostics": report.diagnostics(run.events),
                "not_reviewed": rows_of(open_of(incident.workplace, incident.stack)),
                "next": next_,
                "error": error_document(error) if error else None,
            }
        )
        return ended(error)
    differences.show_written(run.changes)
    if error is not None:
        raise error
    render.say()
    render.say("lifted" if stack_state.resources else _NOTHING, style="bold")
    for message in lines:
        render.say(f"  {message}")
    render.say("next:")
    for command in next_:
        render.say(f"  {command}", style="cyan")
    return 0


def _preview(incident: Incident, stack_state: StackState, *, form: str, as_json: bool) -> int:
    diff = differences.of_lift(incident, stack_state)
    conflicts = sum(len(item.conflicts) for item in diff.principals)
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                **place_document(incident.workplace),
                "diff": as_document(diff),
                "resources": _foreseen(incident, stack_state),
                "conflicts": conflicts,
                "next": f"containment lift {incident.stack}",
            }
        )
    else:
        differences.show(diff, form)
        if form == "text":
            render.say("nothing has been changed", style="bold")
    if conflicts and not as_json:
        raise ConflictError(
            f"{conflicts} of these would not be lifted as they are",
            remedy="settle each conflict above first",
        )
    return ConflictError.exit_code if conflicts else 0


def _foreseen(incident: Incident, stack_state: StackState) -> list[dict[str, Any]]:
    """Return each resource with its sentence, what a look at it says, what comes; as lifted."""
    forecasts = forecast.foresee(stack_state.resources, incident.workplace)
    return [_row(item) for item in reversed(forecasts)]


def _row(item: Forecast) -> dict[str, Any]:
    return {
        "urn": item.recorded.urn,
        "resource": item.recorded.resource,
        "principal": item.recorded.state.principal,
        "on_destroy": item.on_destroy,
        "seen": list(item.notes),
        "will": list(item.will),
        "conflicts": list(item.conflicts),
    }
