"""What an ``up`` or a lift of a stack would change, without the engine: AWS is only read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.actions import ACTIONS_BY_RESOURCE
from containment.aws.role_uses import RoleUses
from containment.diff import IncidentDiff
from containment.diff.building import contained, lifted
from containment.errors import ContainmentError
from containment.lifecycle.snapshot import RESOURCE as SNAPSHOT
from containment.plan import notices, owners
from containment.run.direct import planned, refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containment.aws.principal import LivePrincipal
    from containment.diff import PrincipalDiff
    from containment.lifecycle.context import Context
    from containment.lifecycle.wire import Inputs
    from containment.lifecycle.workplace import Workplace
    from containment.plan import PrincipalPlan
    from containment.replay.replaying import Replayer
    from containment.run.direct import Say
    from containment.run.state import StackState
    from containment.spec import IncidentSpec

    ContextOf = Callable[[str], Context]

_AT_ONCE = 8


def of_up(
    stack: str,
    spec: IncidentSpec,
    before: StackState,
    workplace: Workplace,
    *,
    replayer_of: Callable[[IncidentSpec], Replayer] | None = None,
    with_uses: bool = False,
) -> IncidentDiff:
    """Return what an ``up`` of *spec* changes where *before* is applied.

    *replayer_of* makes, of the spec with its keys resolved, what replays recorded calls;
    *with_uses* also lists what works with each principal, which asks other services than IAM.

    Raises:
        ContainmentError: the spec cannot be planned, or one of its keys not be resolved.
    """
    clients, caller = workplace.clients(), workplace.caller()
    profile, spec_file = workplace.settings.profile, f"stacks/{stack}.yaml"
    spec, declared = planned(spec, workplace, spec_file)
    applied = by_principal(before)
    context_of = partial(workplace.context, reading=True)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        snapshots = list(pool.map(partial(_snapshot, applied, context_of), declared))
    names = {item.principal.label for item in declared}
    for item, (snapshot, _) in zip(tuple(declared), snapshots, strict=True):
        rows = [row.model_dump() for row in getattr(snapshot, "owners", None) or ()]
        for owner in owners(spec, item.rung, rows, spec_file=spec_file, profile=profile):
            if owner.principal.label not in names:
                names.add(owner.principal.label)
                declared = (*declared, owner)
    standing_in = {
        item.principal.arn: {SNAPSHOT: snapshot, **applied.get(item.principal.arn, {})}
        for item, (snapshot, _) in zip(declared, snapshots, strict=False)
        if snapshot is not None
    }
    replayer = replayer_of(spec) if replayer_of else None
    whole = {**applied, **standing_in}
    uses_of = _uses_of() if with_uses else None
    principals = contained(declared, whole, context_of, replayer=replayer, uses_of=uses_of)
    failed = {
        item.principal.arn: error
        for item, (_, error) in zip(declared, snapshots, strict=False)
        if error
    }
    return IncidentDiff(
        stack,
        title=spec.title,
        disposition=str(spec.disposition),
        account=", ".join(sorted({item.principal.split(":")[4] for item in principals})),
        caller=caller.arn,
        emulated=clients.emulated,
        principals=tuple(_with(item, failed.get(item.principal)) for item in principals),
        notices=notices(spec),
        next=()
        if any(item.verb == "refuse" for item in principals)
        else (f"containment up {stack}",),
    )


def _uses_of() -> Callable[[Context, LivePrincipal], tuple[str, ...]]:
    """Return what lists the uses of a role; an account's workloads are listed once."""
    listings: dict[str, RoleUses] = {}
    making = Lock()

    def uses_of(context: Context, live: LivePrincipal) -> tuple[str, ...]:
        with making:
            account = live.principal.account
            uses = listings.setdefault(account, RoleUses(context.clients))
        return uses.of_role(live)

    return uses_of


def refusals_of_up(stack: str, spec: IncidentSpec, workplace: Workplace, say: Say) -> list[str]:
    """Return why an ``up`` of *spec* would be refused before anything changes, in sentences.

    Raises:
        ContainmentError: the spec cannot be planned, or one of its keys not be resolved.
    """
    _, declared = planned(spec, workplace, f"stacks/{stack}.yaml")
    return list(dict.fromkeys(str(one) for one in refusals(declared, workplace, say, reading=True)))


def _snapshot(
    applied: Mapping[str, Mapping[str, Inputs]], context_of: ContextOf, item: PrincipalPlan
) -> tuple[Any, str]:
    """Return the snapshot that an ``up`` goes by, and why it would take none, if so.

    It finds a user who was renamed by the leaked key, and the users whose keys the leaked ones are.
    """
    remembered = applied.get(item.principal.arn, {}).get(SNAPSHOT)
    if remembered is not None:
        return remembered, ""
    try:
        action: Any = ACTIONS_BY_RESOURCE[SNAPSHOT](context_of(item.principal.account))
        inputs = action.checked(action.inputs_type.model_validate(item.snapshot.inputs))
        return action.create(inputs, preview=True), ""
    except ContainmentError as error:
        return None, str(error)
    except (ClientError, BotoCoreError):
        return None, ""  # what cannot be read is told of the principal


def _with(item: PrincipalDiff, conflict: str | None) -> PrincipalDiff:
    if conflict is None or item.conflicts:
        return item
    return replace(item, conflicts=(conflict,))


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
