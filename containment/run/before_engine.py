"""Contain what a spec names before the engine is started, which takes over what was done.

The engine checks one resource after another and writes its state twice for each, and no deny waits
for that. This adds and takes nothing away: a rung that is lowered, a target that is taken out and
whatever is in doubt are left to the engine. Nothing is changed of a principal before the ledger has
it on disk, which stands in for the state if this process dies: so where no ledger is written, the
engine contains alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import ContainmentError
from containment.facets.marks import is_snapshot_id
from containment.lifecycle.snapshot import RESOURCE, Snapshot
from containment.run import direct
from containment.run.direct import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.lifecycle.wire import Inputs
    from containment.lifecycle.workplace import Workplace
    from containment.plan import Declaration, PrincipalPlan
    from containment.run.direct import Say
    from containment.run.state import Recorded, StackState
    from containment.spec import IncidentSpec


def contain(
    spec: IncidentSpec, workplace: Workplace, stack_state: StackState, *, spec_file: str, say: Say
) -> tuple[Applied, ...]:
    """Apply *spec* to AWS as far as it adds to *stack_state*.

    Nothing is applied where the spec may not be: the engine finds the same and says it.

    Returns:
        What was applied or tried, in the order of the plan; empty where all is left to the engine.
    """
    workplace = replace(workplace, patient=False, recorded=True, engine_follows=True)
    try:
        _, declared = direct.planned(spec, workplace, spec_file)
        if direct.refusals(declared, workplace, say, simulate=False):
            return ()
    except (ContainmentError, ClientError, BotoCoreError):
        return ()

    def take(item: PrincipalPlan) -> Applied:
        remembered = _resources_by_word(stack_state, item.principal.arn).get(item.snapshot.resource)
        if remembered is not None:
            # Without a usable id nothing is taken for contained here: the engine gives it one.
            usable = is_snapshot_id(getattr(remembered.state, "snapshot_id", None) or "")
            state = remembered.state if usable else None
            return Applied(item.principal.arn, item.snapshot.resource, state)
        return direct.apply(item, item.snapshot, workplace, say)

    def hold(item: PrincipalPlan, one: Declaration, snapshot: Any) -> Applied | None:
        if not direct.action_of(item, one, workplace, say).facets:
            return None  # the guard is of accounts, and takes its own time
        remembered = _resources_by_word(stack_state, item.principal.arn).get(one.resource)
        if remembered is None:
            return direct.apply(item, one, workplace, say, snapshot)
        return repair(item, one, workplace, say, snapshot, remembered)

    return tuple(direct.side_by_side(declared, take, hold))


def to_hand_over(results: Sequence[Applied], stack_state: StackState) -> list[tuple[str, Inputs]]:
    """Return what of *results* the engine is to take over: all but what its state has already."""
    return [
        (item.resource, item.state)
        for item in results
        if item.state is not None
        and not any(
            item.state is recorded.state for recorded in stack_state.resources_of(item.principal)
        )
    ]


def is_whole(results: Sequence[Applied], stack_state: StackState) -> bool:
    """Tell whether *results* are all that the engine's run is going to declare, and went well.

    Then the run changes nothing but what somebody undid meanwhile, and the ledger has all of it.
    """
    if not results or stack_state.resources or stack_state.pending:
        return False
    applied: dict[str, set[str]] = {}
    for item in results:
        if item.error is not None or item.state is None:
            return False
        applied.setdefault(item.principal, set()).add(item.resource)
    snapshots = [item.state for item in results if isinstance(item.state, Snapshot)]
    # An owner of a leaked key is declared by the program, once the snapshot has told it.
    return len(snapshots) == len(applied) and all(
        applied[state.principal] == {RESOURCE, *state.uses} and not state.owners
        for state in snapshots
    )


def repair(  # noqa: PLR0917 -- what direct.apply takes, and what is remembered
    declared: PrincipalPlan,
    item: Declaration,
    workplace: Workplace,
    say: Say,
    snapshot: Any,
    remembered: Recorded,
) -> Applied | None:
    """Put back what was undone of a resource that the state has; None where nothing was.

    What the spec asks of it otherwise than before may let something go, so the engine sees to it.
    """
    action = direct.action_of(declared, item, workplace, say)
    inputs = direct.inputs_of(declared, item, workplace, say, snapshot)
    if _differ(action, inputs, remembered.state):
        return None

    put_back = partial(action.repair, remembered.state, inputs)
    result = direct.attempt(declared.principal.arn, item.resource, put_back)
    return None if result.state is None and result.error is None else result


def asks_otherwise(  # noqa: PLR0917 -- as for repair
    declared: PrincipalPlan,
    item: Declaration,
    workplace: Workplace,
    say: Say,
    snapshot: Any,
    remembered: Recorded,
) -> bool:
    """Tell whether the spec asks something else of a resource than was applied."""
    action = direct.action_of(declared, item, workplace, say)
    inputs = direct.inputs_of(declared, item, workplace, say, snapshot)
    return _differ(action, inputs, remembered.state)


def _differ(action: Any, inputs: Any, state: Any) -> bool:
    names = type(inputs).model_fields.keys() - action.silent
    return any(getattr(inputs, name) != getattr(state, name) for name in names)


def _resources_by_word(stack_state: StackState, principal: str) -> dict[str, Recorded]:
    return {item.resource: item for item in stack_state.resources_of(principal)}
