"""Read CloudTrail's records beside the looks: a use after T, and AWS's own record of a refusal.

Records come minutes late and Regions take their time to be asked, so it is done in a thread of its
own, and whoever holds takes what has come. AWS's authorization records are asked for as soon as a
refusal shows, for they are kept for a day.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.errors import ContainmentError, StoppedError
from containment.verify.hold.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from containment.verify.evidence import Evidence

# What stops more than the rung that a principal is at, by kind and rung. The words for a user at
# rung deny-all are the guard's: nothing inside the account is stronger.
_NEXT: Mapping[tuple[str, str], str] = {
    ("user", "key-only"): "deny-all",
    ("role", "session"): "revoke-sessions",
    ("role", "revoke-sessions"): "close-trust",
    ("role", "close-trust"): "deny-all",
}


def next_rung(kind: str, rung: str, stack: str) -> str:
    """Return, in words, how to contain somebody more than *rung* does."""
    stronger = _NEXT.get((kind, rung))
    change = f"'rung: {stronger}' for it" if stronger else "'guard: {mode: quarantine}'"
    return f"write {change} in stacks/{stack}.yaml and run 'containment up {stack} --yes'"


@dataclass
class RecordWatch:
    """Looks at CloudTrail's records again and again; each thing that it sees is told once.

    Attributes:
        look: reads the records once and returns what they show.
        rungs: the kind and rung of each principal of the incident, by ARN.
        stack: the incident.
        pool: runs the reading.
    """

    look: Callable[[], Iterable[Evidence]]
    rungs: Callable[[], Mapping[str, tuple[str, str]]]
    stack: str
    pool: Executor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="records")
    )
    _reported: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _running: Future[list[Evidence]] | None = None

    def events(self) -> list[Event]:
        """Return what has been seen since the last time, and have the records read again."""
        events: list[Event] = []
        if self._running is not None and self._running.done():
            events = self._events(self._running)
            self._running = None
        if self._running is None:
            self._running = self.pool.submit(lambda: list(self.look()))
        return events

    def close(self) -> None:
        """Begin nothing new."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _events(self, finished: Future[list[Evidence]]) -> list[Event]:
        try:
            evidence = finished.result()
        except StoppedError:
            return []
        except ContainmentError as error:
            return list(self._new([Event("problem", self.stack, error.message, error.remedy)]))
        return list(self._new(self._told_by(evidence)))

    def _told_by(self, evidence: Iterable[Evidence]) -> Iterator[Event]:
        for one in evidence:
            if one.level == "V4" and one.outcome == "broken":
                place = self.rungs().get(one.subject)
                step = next_rung(*place, self.stack) if place else one.step
                yield Event("used", one.subject, one.what, step)
            elif one.level == "V4+" and one.outcome == "holds":
                yield Event("evidence", one.subject, one.what)
            elif one.level == "V4" and one.outcome == "open":
                yield Event("problem", one.subject, one.what, one.step)

    def _new(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if (event.kind, event.what) not in self._reported:
                self._reported.add((event.kind, event.what))
                yield event
