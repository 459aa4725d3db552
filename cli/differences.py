"""What a run changes, made for a stack and shown in the form that was asked for."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from cli import render
from containment.aws.resolve import resolve_access_key
from containment.diff import (
    IncidentDiff,
    as_html,
    as_lines,
    as_markdown,
    as_written,
    changes_as_rows,
    written,
)
from containment.diff.building import contained, lifted
from containment.plan import notices, plan
from containment.spec import pin

if TYPE_CHECKING:
    from cli.incident import Incident
    from containment.lifecycle.wire import Inputs
    from containment.run.result import Run
    from containment.run.state import StackState
    from containment.spec import IncidentSpec

Applied = dict[str, dict[str, "Inputs"]]


def of_up(incident: Incident, spec: IncidentSpec, before: StackState) -> IncidentDiff:
    """Return what an ``up`` of *spec* changes where *before* is applied; AWS is only read.

    Raises:
        ContainmentError: the spec cannot be planned, or one of its keys not be resolved.
    """
    clients, caller = incident.workplace.clients(), incident.workplace.caller()
    if spec.unpinned:
        owners = {
            key: resolve_access_key(clients.iam, clients.sts, key).principal.arn
            for key in spec.unpinned
        }
        spec = pin(spec, owners)
    profile = incident.workplace.settings.profile
    declared = plan(spec, spec_file=f"stacks/{incident.stack}.yaml", profile=profile)
    principals = contained(
        declared, _by_principal(before), partial(incident.workplace.context, reading=True)
    )
    return IncidentDiff(
        incident.stack,
        title=spec.title,
        disposition=str(spec.disposition),
        account=", ".join(sorted({item.principal.split(":")[4] for item in principals})),
        caller=caller.arn,
        emulated=clients.emulated,
        principals=tuple(principals),
        notices=notices(spec),
        next=(f"containment up {incident.stack}",),
    )


def of_lift(incident: Incident, before: StackState) -> IncidentDiff:
    """Return what a lift of *before* changes; AWS is only read."""
    clients, caller = incident.workplace.clients(), incident.workplace.caller()
    principals = lifted(_by_principal(before), partial(incident.workplace.context, reading=True))
    ready = principals and not any(item.conflicts for item in principals)
    return IncidentDiff(
        incident.stack,
        disposition=", ".join(sorted({item.state.lift.disposition for item in before.resources})),
        account=", ".join(sorted({item.principal.split(":")[4] for item in principals})),
        caller=caller.arn,
        emulated=clients.emulated,
        principals=tuple(principals),
        notices=() if principals else ("the stack holds nothing of ours",),
        next=(f"containment lift {incident.stack}",) if ready else (),
    )


def show(diff: IncidentDiff, form: str = "text") -> None:
    """Print *diff* as *form* says; on a terminal folded at its width, and coloured."""
    if form == "markdown":
        render.verbatim(as_markdown(diff))
        return
    if form == "html":
        render.verbatim(as_html(diff))
        return
    for line in as_lines(diff, _width()):
        render.say(line.text, style=line.style)


def show_written(run: Run) -> None:
    """Print what *run* wrote on each principal, which was known without reading AWS once more."""
    for line in as_written(written(run.changes), _width()):
        render.say(line.text, style=line.style)


def written_rows(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Return the same as data, by principal's ARN."""
    return {arn: changes_as_rows(changes) for arn, changes in written(run.changes).items()}


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _by_principal(before: StackState) -> Applied:
    applied: Applied = {}
    for item in before.resources:
        applied.setdefault(item.state.principal, {})[item.resource] = item.state
    return applied
