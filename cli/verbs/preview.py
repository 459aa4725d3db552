"""``containment preview``: what ``up`` would change, and what it would refuse. AWS is only read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from cli import differences, render
from cli.incident import begin, caller_of, ended, error_document, place_document
from cli.options import (
    format_option,
    json_option,
    stack_argument,
    verbose_option,
    wave_option,
)
from cli.replaying import Replaying, replay_options
from containment.diff import as_document
from containment.errors import ContainmentError, RefusedError
from containment.run import failures, report, state

if TYPE_CHECKING:
    from cli.incident import Incident
    from containment.diff import IncidentDiff
    from containment.spec import IncidentSpec


@click.command()
@stack_argument
@wave_option
@format_option
@replay_options
@verbose_option
@json_option
def preview(
    *,
    named: str | None,
    wave: int | None,
    form: str,
    logs: tuple[str, ...],
    live: bool,
    days: int,
    verbose: bool,
    as_json: bool,
) -> int:
    """Show what 'up' would change. Nothing in AWS is changed.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. Shown are, for
    each principal, every policy, key status and trust statement that would be written, what stays
    open, and what a lift would give back. With --logs or --replay also what that would have refused
    of the calls of the last days, and of whom.
    """
    replaying = Replaying(logs, live, days)
    incident = begin(named)
    spec = incident.project.spec(incident.stack)
    caller_of(incident)
    created = incident.ensure_stack()
    before = state.StackState()
    if wave is not None:
        before = state.load(incident.engine, incident.stack) or before
    incident, spec = incident.in_waves(spec, wave, before)
    run = incident.run("preview", verbose=verbose)
    error = failures.error_of(run, verb="preview", stack=incident.stack)
    diff, unmade = _diff(incident, spec, replaying)
    first = error or unmade
    if diff is not None and error is not None:
        refusals = (error.message,) if isinstance(error, RefusedError) else ()
        diff = replace(diff, refusals=refusals, next=())
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                "stack_created": created,
                **place_document(incident.workplace),
                "diff": as_document(diff) if diff else None,
                "changes": dict(run.events.summary),
                "steps": report.steps(run.events),
                "diagnostics": report.diagnostics(run.events),
                "error": error_document(first) if first else None,
            }
        )
        return ended(first)
    if diff is not None:
        differences.show(diff, form)
    if form == "text":
        for line in report.warnings(run.messages):
            render.say(f"warning: {line}", style="yellow")
    if first is not None:
        raise first
    if form == "text":
        render.say("nothing has been changed", style="bold")
    return 0


def _diff(
    incident: Incident, spec: IncidentSpec, replaying: Replaying
) -> tuple[IncidentDiff | None, ContainmentError | None]:
    """Return the diff, or why there is none: the engine's own refusal is told before it."""
    try:
        before = state.load(incident.engine, incident.stack) or state.StackState()
        made = replaying.replayer(incident.project.root)
        replayer_of = partial(made, incident.stack) if made else None
        return differences.of_up(
            incident, spec, before, replayer_of=replayer_of, with_uses=True
        ), None
    except ContainmentError as error:
        return None, error
