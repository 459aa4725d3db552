"""``containment up``: apply the spec, and say what was done, what stays open and how to undo it.

It never says more than that: whether the principals are held, `containment verify` tells.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import differences, render, verdict
from cli.before_engine import contained_ahead, not_in_state
from cli.direct import contain_directly
from cli.emergencies import admitted, declared, matters_of, open_of, rows_of
from cli.incident import begin, caller_of, ended, error_document, on_terminal, place_document
from cli.options import (
    emergency_option,
    json_option,
    sign_options,
    stack_argument,
    verbose_option,
    wave_option,
    yes_option,
)
from cli.reviewing import ApprovalOptions, approved_run
from containment.engine.layout import ForeignProjectError
from containment.engine.ownership import ForeignStateError
from containment.errors import ContainmentError, RefusedError, SpecError
from containment.lifecycle.oversight import require_admitted
from containment.run import failures, report, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.before_engine import Ahead
    from cli.incident import Incident
    from cli.reviewing import ApprovedRun
    from containment.messages import MadeChange
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
@click.option(
    "--approved",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Apply what 'review --approve' wrote here, and no more; refuse what has changed.",
)
@click.option(
    "--base", metavar="REV", help="The protected branch before the change; with --approved."
)
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write here, signed, which calls were made and which were named; with --approved.",
)
@sign_options
@emergency_option
@click.option(
    "--verify",
    is_flag=True,
    help="Verify at once, with sessions of roles that let the caller in; see 'verify'.",
)
@verbose_option
@json_option
def up(
    *,
    named: str | None,
    yes: bool,
    wave: int | None,
    without_engine: bool,
    approved: Path | None,
    base: str | None,
    receipt: Path | None,
    key: Path | None,
    pushed_by: tuple[str, ...],
    emergency: str | None,
    verify: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Apply the incident's spec: deny, revoke, deactivate.

    STACK is the incident; the only one in stacks/ or the selected one, if left out. On a terminal
    you are shown the changes and asked first, unless --yes is given; in a pipe they are applied.
    What was written is shown once it is. Repeating it repairs what was undone meanwhile. Ctrl-C
    once lets the change in flight finish.

    With --verify the sessions that AWS's margin allows are made before T, and probed after it: it
    takes up to two minutes more, and ends as 'verify' does. Half an hour of logs is looked at by
    'verify --live --watch' alone, which finds the probes in them.

    With --wave the targets of later waves are left for another run, which is said at the end.

    A state that holds what is not this project's, or that cannot be read, is not given to the
    engine, and a folder whose Pulumi.yaml or __main__.py is another is not given to it either: the
    spec is applied without it, nothing is lifted, and the command ends with 5.

    With --approved, which takes --base, --receipt and --sign-with, nobody is asked. All that the
    approval binds is compared first, and it is used once. Where something live has changed since,
    nothing is given back, lost for good or set on an account by it: who was to be contained is, and
    the command ends with 5; so it does where calls were made that the plan does not name.

    With --emergency nobody is asked either: REASON goes on record, and what is done is reviewed
    afterwards, by 'review --applied'. Until then 'status' lists it.
    """
    options = _approval_options(approved, base, receipt, key, pushed_by)
    if options is not None and emergency is not None:
        raise SpecError(
            "--emergency is for what nobody approved", remedy="leave it out, or --approved"
        )
    if options is not None and (without_engine or wave is not None):
        raise SpecError(
            "--approved is for all that was approved",
            remedy="leave --wave and --without-engine out",
        )
    if without_engine:
        return contain_directly(named, None, wave=wave, emergency=emergency, as_json=as_json)
    if options is not None:
        return _apply_approved(named, options, verify=verify, verbose=verbose, as_json=as_json)
    try:
        return _apply(
            named,
            emergency,
            yes=yes,
            wave=wave,
            verify=verify,
            verbose=verbose,
            as_json=as_json,
        )
    except (ForeignStateError, ForeignProjectError) as error:
        return contain_directly(named, error, wave=wave, emergency=emergency, as_json=as_json)


def _approval_options(
    file: Path | None,
    base: str | None,
    receipt: Path | None,
    key: Path | None,
    pushed_by: tuple[str, ...],
) -> ApprovalOptions | None:
    if file is None and (base, receipt, key, pushed_by) == (None, None, None, ()):
        return None
    if file is None or base is None or receipt is None or key is None:
        raise SpecError(
            "--approved, --base, --receipt and --sign-with go together",
            remedy="name all four, or none of them",
        )
    return ApprovalOptions(file, base, key, receipt, pushed_by)


def _apply(
    named: str | None,
    emergency: str | None,
    *,
    yes: bool,
    wave: int | None,
    verify: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    incident = begin(named)
    whole = incident.project.spec(incident.stack)
    caller = caller_of(incident)
    # Before anything else reads the state.
    incident.engine.require_own(incident.stack)
    before = state.StackState()
    if wave is not None:
        before = state.load(incident.engine, incident.stack) or before
    incident, spec = incident.in_waves(whole, wave, before)
    incident = _let_begin(incident, emergency)
    is_asked = not yes and emergency is None and not as_json and on_terminal()
    if is_asked:
        _ensure_stack(incident, as_json=as_json)
        _ask(incident, spec)
    waiting = [item.named for item in whole.targets if item not in spec.targets]
    advance, run = _run(incident, spec, [], verbose=verbose, as_json=as_json)
    error = failures.error_of(run, verb="up", stack=incident.stack)
    if error is not None and failures.is_unusable_state(run):
        raise ForeignStateError(error.message, remedy=error.remedy) from error
    return _conclude(advance, spec, run, error, caller.arn, waiting, verify=verify, as_json=as_json)


def _let_begin(incident: Incident, emergency: str | None) -> Incident:
    """Return *incident*, with what lets its run begin where the profile asks for something.

    Raises:
        RefusedError: it asks for an approval, and this is no emergency.
    """
    workplace, stack = incident.workplace, incident.stack
    if emergency is not None:
        return admitted(incident, declared(workplace, "up", emergency, stack))
    journal = workplace.ledger().journal_of(stack)
    require_admitted(workplace.settings.profile, journal, None)
    return incident


def _apply_approved(
    named: str | None, options: ApprovalOptions, *, verify: bool, verbose: bool, as_json: bool
) -> int:
    incident = begin(named)
    incident.engine.require_own(incident.stack)
    spec = incident.project.spec(incident.stack)
    caller = caller_of(incident)
    incident, spec = incident.in_waves(spec, None, state.StackState())
    approved = approved_run(incident, options)
    incident = admitted(incident, approved.use())
    if not approved.admission.is_whole:
        return _add_alone(incident, spec, approved, as_json=as_json)
    made: list[MadeChange] = []
    try:
        advance, run = _run(incident, spec, made, verbose=verbose, as_json=as_json)
    except ContainmentError as error:
        approved.finish(made, error)
        raise
    ended_by = failures.error_of(run, verb="up", stack=incident.stack)
    ended_by = approved.finish(run.changes, ended_by)
    return _conclude(advance, spec, run, ended_by, caller.arn, (), verify=verify, as_json=as_json)


def _run(
    incident: Incident,
    spec: IncidentSpec,
    made: list[MadeChange],
    *,
    verbose: bool,
    as_json: bool,
) -> tuple[Ahead, Run]:
    """Contain ahead of the engine, and run it; add to *made* what was changed, whatever comes."""
    with contained_ahead(incident, spec) as advance:
        made += advance.changes
        _ensure_stack(advance.incident, as_json=as_json)
        run = advance.incident.run("up", *advance.options, verbose=verbose)
        made += run.changes
    return advance, replace(run, changes=(*advance.changes, *run.changes))


def _conclude(  # noqa: PLR0917 -- all that there is to say at the end
    advance: Ahead,
    spec: IncidentSpec,
    run: Run,
    error: ContainmentError | None,
    caller: str,
    waiting: Sequence[str],
    *,
    verify: bool,
    as_json: bool,
) -> int:
    """Say what was done, what stays open and how to undo it; raise *error*, or verify."""
    incident = advance.incident
    stack_state = state.load(incident.engine, incident.stack) or state.StackState()
    if error is None:
        stack_state = incident.settled(stack_state)
        error = report.working_key(stack_state, spec)
    elif advance.changes and not stack_state.resources:
        error = not_in_state(error, incident.stack)
    principals = report.principals(stack_state, spec)
    verify = verify and error is None
    if as_json:
        made = _document(incident, run, principals, error, waiting)
        if not verify:
            render.document(made)
            return ended(error)
        probed = verdict.probed(incident, spec, stack_state)
        render.document({**made, "verification": verdict.keep(incident, *probed)})
        return verdict.exit_code(incident, probed.result)
    _tell(run, advance.lines)
    differences.show_written(run.changes)
    if principals and not isinstance(error, RefusedError):
        _show(incident, principals, caller, error, waiting)
    if error is not None:
        raise error
    if not verify:
        return 0
    probed = verdict.probed(incident, spec, stack_state)
    verdict.keep(incident, *probed)
    render.say()
    verdict.show(incident, probed.result, caller)
    return verdict.exit_code(incident, probed.result)


def _add_alone(
    incident: Incident, spec: IncidentSpec, approved: ApprovedRun, *, as_json: bool
) -> int:
    """Contain whom the approval still lets be contained; nothing is given back, nor lost."""
    with contained_ahead(incident, approved.limited(spec)) as advance:
        pass
    error = approved.finish(advance.changes, approved.void()) or approved.void()
    if as_json:
        render.document(
            {
                "stack": incident.stack,
                "result": _PARTLY,
                "verified": False,
                **place_document(incident.workplace),
                "written": differences.written_rows(advance.changes),
                "error": error_document(error),
            }
        )
        return ended(error)
    differences.show_written(advance.changes)
    raise error


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
            *(
                ("NOT reviewed", matter.what.removeprefix("not reviewed: "))
                for matter in matters_of(
                    open_of(incident.workplace, incident.stack), incident.stack
                )
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
        "not_reviewed": rows_of(open_of(incident.workplace, incident.stack)),
        "stays_open": report.stays_open(resources),
        "written": differences.written_rows(run.changes),
        "changes": dict(run.events.summary),
        "steps": report.steps(run.events),
        "diagnostics": report.diagnostics(run.events),
        "verify": f"containment verify {incident.stack}",
        "undo": f"containment lift {incident.stack}",
        "error": error_document(error) if error else None,
    }
