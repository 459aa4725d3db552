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
from containment.diff.building import lift_of
from containment.errors import ContainmentError

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


def foresee(resources: Iterable[Recorded], workplace: Workplace) -> list[Forecast]:
    """Return the forecast of every one of *resources*."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(partial(_forecast, workplace=workplace), resources))


def _forecast(recorded: Recorded, workplace: Workplace) -> Forecast:
    state: Any = recorded.state
    try:
        context = workplace.context(state.target.account)
        return Forecast(recorded, *lift_of(recorded.action(context), state))
    except ContainmentError as error:
        return Forecast(recorded, conflicts=(str(error),))
    except (ClientError, BotoCoreError) as error:
        return Forecast(recorded, conflicts=(str(explain(f"reading {state.principal}", error)),))
