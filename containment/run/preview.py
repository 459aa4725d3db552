"""What an ``up`` or a lift of a stack would change, without the engine: AWS is only read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from containment.diff import IncidentDiff
from containment.diff.building import contained, lifted
from containment.plan import notices, plan
from containment.run.direct import pinned_to_users

if TYPE_CHECKING:
    from containment.lifecycle.wire import Inputs
    from containment.lifecycle.workplace import Workplace
    from containment.run.state import StackState
    from containment.spec import IncidentSpec


def of_up(stack: str, spec: IncidentSpec, before: StackState, workplace: Workplace) -> IncidentDiff:
    """Return what an ``up`` of *spec* changes where *before* is applied.

    Raises:
        ContainmentError: the spec cannot be planned, or one of its keys not be resolved.
    """
    clients, caller = workplace.clients(), workplace.caller()
    spec = pinned_to_users(spec, workplace)
    profile = workplace.settings.profile
    declared = plan(spec, spec_file=f"stacks/{stack}.yaml", profile=profile)
    workplace.declared = [item.principal.arn for item in declared]
    principals = contained(declared, by_principal(before), partial(workplace.context, reading=True))
    return IncidentDiff(
        stack,
        title=spec.title,
        disposition=str(spec.disposition),
        account=", ".join(sorted({item.principal.split(":")[4] for item in principals})),
        caller=caller.arn,
        emulated=clients.emulated,
        principals=tuple(principals),
        notices=notices(spec),
        next=()
        if any(item.verb == "refuse" for item in principals)
        else (f"containment up {stack}",),
    )


def of_lift(stack: str, before: StackState, workplace: Workplace) -> IncidentDiff:
    """Return what a lift of *before* changes."""
    clients, caller = workplace.clients(), workplace.caller()
    principals = lifted(by_principal(before), partial(workplace.context, reading=True))
    ready = principals and not any(item.conflicts for item in principals)
    return IncidentDiff(
        stack,
        disposition=", ".join(sorted({item.state.lift.disposition for item in before.resources})),
        account=", ".join(sorted({item.principal.split(":")[4] for item in principals})),
        caller=caller.arn,
        emulated=clients.emulated,
        principals=tuple(principals),
        notices=() if principals else ("the stack holds nothing of ours",),
        next=(f"containment lift {stack}",) if ready else (),
    )


def by_principal(before: StackState) -> dict[str, dict[str, Inputs]]:
    """Return what *before* holds: by principal's ARN and action's word, its state."""
    applied: dict[str, dict[str, Inputs]] = {}
    for item in before.resources:
        applied.setdefault(item.state.principal, {})[item.resource] = item.state
    return applied
