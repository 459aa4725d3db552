"""``containment up``: apply the spec, and say what was done, what stays open and how to undo it.

It never says more than that: whether the principals are held, `containment verify` tells.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cli import differences, render
from cli.before_engine import contained_ahead, not_in_state
from cli.direct import contain_directly
from cli.incident import begin, caller_of, ended, error_document, on_terminal, place_document
from cli.options import json_option, stack_argument, verbose_option, wave_option, yes_option
from containment.engine.layout import ForeignProjectError
from containment.engine.ownership import ForeignStateError
from containment.errors import RefusedError
from containment.run import failures, report, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.incident import Incident
    from containment.errors import ContainmentError
    from containment.run.report import PrincipalReport
    from containment.run.result import Run
    from containment.spec import IncidentSpec

_APPLIED = "applied, not verified"
_PARTLY = "not as declared"
_OUTCOMES = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


@click.command()
@stack_argument
@yes_option
@wave_option
@click.option(
    "--without-engine",
    is_flag=True,
    help="Contain where the engine or its state cannot be used; 'adopt' takes it over later.",
)
@verbose_option
@json_option
def up(
    *,
    named: str | None,
    yes: bool,
    wave: int | None,
    without_engine: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Apply the incident's spec: deny, revoke, deactivate.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. On a terminal
    you are shown the changes and asked first, unless --yes is given; in a pipe they are applied.
    What was written is shown once it is. Repeating it repairs what was undone meanwhile. Ctrl-C
    once lets the change in flight finish.

    With --wave the targets of later waves are left for another run, which is said at the end.

    A state that holds what is not this project's, or that cannot be read, is not given to the
    engine, and a folder whose Pulumi.yaml or __main__.py is another is not given to it either: the
    spec is applied without it, nothing is lifted, and the command ends with 5.
    """
    if without_engine:
        return contain_directly(named, None, wave=wave, as_json=as_json)
    try:
        return _apply(named, yes=yes, wave=wave, verbose=verbose, as_json=as_json)
    except (ForeignStateError, ForeignProjectError) as error:
        return contain_directly(named, error, wave=wave, as_json=as_json)


def _apply(named: str | None, *, yes: bool, wave: int | None, verbose: bool, as_json: bool) -> int:
    incident = begin(named)
    whole = incident.project.spec(incident.stack)
    caller = caller_of(incident)
    # Before anything else reads the state.
    incident.engine.require_own(incident.stack)
    before = state.StackState()
    if wave is not None:
        before = state.load(incident.engine, incident.stack) or before
    incident, spec = incident.in_waves(whole, wave, before)
    waiting = [item.named for item in whole.targets if item not in spec.targets]
    is_asked = not yes and not as_json and on_terminal()
    if is_asked:
        _ensure_stack(incident, as_json=as_json)
        _ask(incident, spec)
    with contained_ahead(incident, spec) as advance:
        incident = advance.incident
        _ensure_stack(incident, as_json=as_json)
        run = incident.run("up", *advance.options, verbose=verbose)
        run = replace(run, changes=(*advance.changes, *run.changes))
    error = failures.error_of(run, verb="up", stack=incident.stack)
    if error is not None and failures.is_unusable_state(run):
        raise ForeignStateError(error.message, remedy=error.remedy) from error
    stack_state = state.load(incident.engine, incident.stack) or state.StackState()
    if error is None:
        stack_state = incident.settled(stack_state)
    elif advance.changes and not stack_state.resources:
        error = not_in_state(error, incident.stack)
    principals = report.principals(stack_state, spec)
    if as_json:
        render.document(_document(incident, run, principals, error, waiting))
        return ended(error)
    _tell(run, advance.lines)
    differences.show_written(run.changes)
    if principals and not isinstance(error, RefusedError):
        _show(incident, principals, caller.arn, error, waiting)
    if error is not None:
        raise error
    return 0


def _ask(incident: Incident, spec: IncidentSpec) -> None:
    """Show what would change, and go on only with a yes.

    Raises:
        RefusedError: the answer is no.
    """
    before = state.load(incident.engine, incident.stack) or state.StackState()
    differences.show(differences.of_up(incident, spec, before))
    if not click.confirm(f"Apply {incident.stack}?"):
        raise RefusedError("declined; nothing has been changed", remedy="run it again to apply")


def _ensure_stack(incident: Incident, *, as_json: bool) -> None:
    if incident.ensure_stack() and not as_json:
        render.say(f"stack {incident.stack} is created")


def _tell(run: Run, earlier: Sequence[str]) -> None:
    """Say what was done to each resource, and what there was to say of it before and after."""
    for step in report.steps(run.events):
        if step["op"] != "same":
            outcome = (
                "FAILED" if step["failed"] else _OUTCOMES.get(str(step["op"]), str(step["op"]))
            )
            render.say(f"{step['resource']} {step['name']}: {outcome}")
    for text in earlier:
        render.say(f"  {text}")
    for message in run.messages:
        done_by = message.call in {"Create", "Update", "Delete"} and not message.preview
        if done_by and message.severity == "info" and not message.is_error:
            render.say(f"  {message.text}")
    for line in report.warnings(run.messages):
        render.say(f"warning: {line}", style="yellow")


def _accounts(principals: list[PrincipalReport]) -> list[str]:
    return sorted({item.principal.split(":")[4] for item in principals})


def _show(
    incident: Incident,
    principals: list[PrincipalReport],
    caller: str,
    error: ContainmentError | None,
    waiting: Sequence[str],
) -> None:
    render.say()
    render.say(_PARTLY if error else _APPLIED, style="bold yellow")
    resources = [resource for item in principals for resource in item.resources]
    render.fields(
        [
            ("account", ", ".join(_accounts(principals))),
            ("caller", caller),
            *((_first("principal", index), _line(item)) for index, item in enumerate(principals)),
            *(
                (_first("stays open", index), f"{word}: {text}")
                for index, (word, text) in enumerate(report.stays_open(resources).items())
            ),
            *(
                [("NOT contained", f"{len(waiting)} targets of later waves: run it again")]
                if waiting
                else []
            ),
            ("verify", f"containment verify {incident.stack}"),
            ("undo", f"containment lift {incident.stack}"),
        ]
    )


def _first(name: str, index: int) -> str:
    return name if index == 0 else ""


def _line(item: PrincipalReport) -> str:
    return f"{item.principal}  {item.words}"


def _document(
    incident: Incident,
    run: Run,
    principals: list[PrincipalReport],
    error: ContainmentError | None,
    waiting: Sequence[str],
) -> dict[str, object]:
    resources = [resource for item in principals for resource in item.resources]
    return {
        "stack": incident.stack,
        "result": _PARTLY if error else _APPLIED,
        "verified": False,
        **place_document(incident.workplace),
        "accounts": _accounts(principals),
        "principals": [
            {
                "principal": item.principal,
                "rung": item.rung,
                "issued_before": item.issued_before,
                "inactive": list(item.inactive),
                "resources": [
                    {
                        "resource": resource.resource,
                        "live": resource.live,
                        "issued_before": resource.issued_before,
                        "unfinished": list(resource.unfinished),
                    }
                    for resource in item.resources
                ],
            }
            for item in principals
        ],
        "later_waves": list(waiting),
        "stays_open": report.stays_open(resources),
        "written": differences.written_rows(run.changes),
        "changes": dict(run.events.summary),
        "steps": report.steps(run.events),
        "diagnostics": report.diagnostics(run.events),
        "verify": f"containment verify {incident.stack}",
        "undo": f"containment lift {incident.stack}",
        "error": error_document(error) if error else None,
    }
