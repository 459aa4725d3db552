"""What a lift would do to each resource of a stack, and what a look at it says, without the engine.

The engine never asks a resource in the preview of a destroy: it reads each, and that is done here.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.diff.building import foresee_lift
from containment.errors import ContainmentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.lifecycle.context import Context, Severity
    from containment.lifecycle.workplace import Workplace
    from containment.run.state import Recorded

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a lift of one resource would bring, what stands against it, what reading it says."""

    recorded: Recorded
    will: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def on_destroy(self) -> str:
        """The sentence that the stack shows to reviewers."""
        return self.recorded.state.on_destroy


def foresee(resources: Iterable[Recorded], workplace: Workplace) -> list[Forecast]:
    """Return the forecast of every one of *resources*."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(partial(_forecast, workplace=workplace), resources))


def _forecast(recorded: Recorded, workplace: Workplace) -> Forecast:
    notes: list[str] = []

    def say(_severity: Severity, message: str) -> None:
        notes.append(message)

    def context_of(account: str) -> Context:
        return workplace.context(account, say, reading=True)

    # What cannot be read is told by the forecast itself.
    with suppress(ContainmentError, ClientError, BotoCoreError):
        recorded.action(context_of(recorded.state.target.account)).read(recorded.state)
    texts = tuple(dict.fromkeys(notes))
    foreseen = foresee_lift(recorded.action, recorded.state, context_of)
    return Forecast(recorded, foreseen.will, (*foreseen.conflicts, *foreseen.unread), texts)
