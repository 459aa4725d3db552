"""What is live of a stack, resource by resource, by the same reads that an ``up`` begins with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain
from containment.errors import ContainmentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.lifecycle.context import Severity
    from containment.lifecycle.workplace import Workplace
    from containment.run.state import Recorded

_AT_ONCE = 8
OPEN = frozenset({"missing", "altered", "stale", "unverified", "signed in"})


@dataclass(frozen=True, slots=True)
class LiveResource:
    """A resource and what AWS shows of it now; ``gone`` where its principal is no more."""

    recorded: Recorded
    live: str
    notes: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        """True where AWS shows less than the state declares."""
        return self.live in OPEN


def look(resources: Iterable[Recorded], workplace: Workplace) -> list[LiveResource]:
    """Look at all of *resources*; what cannot be seen is ``unknown``, and says why."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(partial(_look, workplace=workplace), resources))


def _look(recorded: Recorded, workplace: Workplace) -> LiveResource:
    notes: list[str] = []

    def say(severity: Severity, message: str) -> None:
        if severity == "warning":
            notes.append(message)

    try:
        context = workplace.context(recorded.state.target.account, say)
        now = recorded.action(context).read(recorded.state)
    except ContainmentError as error:
        return LiveResource(recorded, "unknown", (*notes, str(error)))
    except (ClientError, BotoCoreError) as error:
        failure = explain(f"reading {recorded.state.principal}", error)
        return LiveResource(recorded, "unknown", (*notes, str(failure)))
    if now is None:
        return LiveResource(recorded, "gone", tuple(notes))
    shown = str(getattr(now, "live", "applied"))
    # Why the last run could not finish is history; only a look tells whether it still is so.
    name = recorded.state.target.name
    if recorded.unfinished and shown == "applied":
        now_done = f"{name}: the last run left {recorded.resource} unfinished; AWS shows it now"
        return LiveResource(recorded, shown, (*notes, now_done))
    past = [f"the last run said of {name}: {reason}" for reason in recorded.unfinished]
    return LiveResource(recorded, shown, (*notes, *past))
