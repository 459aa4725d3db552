"""What a lift would do to each resource, and what it would refuse, without doing it.

The engine never asks a resource in the preview of a destroy, so this makes the plan that its delete
would carry out. Nothing is changed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain
from containment.errors import ContainmentError
from containment.lifecycle import evidence
from containment.lifecycle.snapshot import RESOURCE as SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.lifecycle.workplace import Workplace
    from containment.run.state import Recorded

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a lift of one resource would bring, and what stands against it."""

    recorded: Recorded
    will: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def on_destroy(self) -> str:
        """The sentence that the stack shows to reviewers."""
        return self.recorded.state.on_destroy


def of(resources: Iterable[Recorded], workplace: Workplace) -> list[Forecast]:
    """Return the forecast of every one of *resources*."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(partial(_forecast, workplace=workplace), resources))


def _forecast(recorded: Recorded, workplace: Workplace) -> Forecast:
    state: Any = recorded.state
    try:
        context = workplace.context(state.target.account)
        live = context.locate(state, state.principal_id)
        if live is None:
            gone = f"{state.target.name} with the id {state.principal_id} is gone: nothing to lift"
            return Forecast(recorded, (gone,))
        action = recorded.action(context)
        plan = action.lift_plan(state, live, evidence.terms(context, state))
        if recorded.resource == SNAPSHOT:
            # What is under it is foreseen by the resources that made it.
            left = f"{live}: under this snapshot now: {', '.join(plan.left)}"
            return Forecast(recorded, (left,) if plan.left else ())
        conflicts = [str(conflict) for conflict in plan.conflicts]
        try:
            action.gate.require_liftable(state, plan)
        except ContainmentError as error:
            conflicts.insert(0, str(error))
    except ContainmentError as error:
        return Forecast(recorded, conflicts=(str(error),))
    except (ClientError, BotoCoreError) as error:
        return Forecast(recorded, conflicts=(str(explain(f"reading {state.principal}", error)),))
    return Forecast(recorded, tuple(f"{live}: {said}" for said in plan.will), tuple(conflicts))
