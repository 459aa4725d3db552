"""``containment preview``: what ``up`` would do, and what it would refuse. AWS is only read."""

from __future__ import annotations

import click

from cli import render
from cli.incident import begin, caller_of, ended, told
from cli.options import json_option, stack_argument
from containment.run import failures, report


@click.command()
@stack_argument
@json_option
def preview(*, named: str | None, as_json: bool) -> int:
    """Show what 'up' would change. Nothing in AWS is changed.

    STACK is the incident; the only one in stacks/ or the selected one, if left out.
    """
    incident = begin(named)
    incident.project.spec(incident.stack)
    caller = caller_of(incident)
    created = incident.ensure_stack()
    run = incident.run("preview", as_json=as_json)
    error = failures.of(run, verb="preview", stack=incident.stack)
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                "stack_created": created,
                "emulated": incident.workplace.clients().emulated,
                "endpoint": incident.workplace.clients().endpoint,
                "caller": caller.arn,
                "changes": dict(run.events.summary),
                "steps": report.steps(run.events),
                "diagnostics": report.diagnostics(run.events),
                "error": told(error) if error else None,
            }
        )
        return ended(error)
    if error is not None:
        raise error
    render.say("nothing has been changed", style="bold")
    render.fields([("caller", caller.arn), ("apply", f"containment up {incident.stack}")])
    return 0
