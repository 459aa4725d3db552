"""Hold an incident round after round: often while somebody undoes it, seldom once nobody does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.verify.hold import extension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containment.trail.outputs.propose import Proposal
    from containment.verify.hold.events import Event
    from containment.verify.hold.holding import Hold
    from containment.verify.hold.search import Search

# Seconds between two looks: at what is held, while it is fought over and after that; so for who is
# new, and for what takes longer. An attacker's tool looks every half second.
_QUICK_S, _SLOW_S = 0.5, 5.0
_SEARCH_S, _SLOW_SEARCH_S = 2.0, 15.0
_THOROUGH_S = 30.0
_LOGS_S = 60.0
# A look at one principal is some five calls: so many of them are looked at in a second at most.
_EACH_S = 0.1
# Nothing was undone and nobody is new for so long: it goes on slowly.
_QUIET_S = 600.0


@dataclass
class Rounds:
    """Runs the looks of *hold* and *search*, each when it is due.

    Attributes:
        hold: what holds the incident.
        search: what finds who is new.
        tell: takes each event.
        wait: waits so many seconds; True where somebody asked to stop.
        clock: seconds, for the distance between two looks.
        extending: whether what is the set's is contained without asking.
        logs: looks at CloudTrail's records; None where there are none.
    """

    hold: Hold
    search: Search
    tell: Callable[[Event], None]
    wait: Callable[[float], bool]
    clock: Callable[[], float]
    extending: bool = False
    logs: Callable[[], Iterable[Event]] | None = None
    rounds: int = 0
    _due: dict[str, float] = field(default_factory=dict[str, float])
    _disturbed_at: float = 0.0
    _open: tuple[Proposal, ...] = ()

    def run(self, until: float | None = None) -> None:
        """Go on until somebody asks to stop, nothing is left to hold, or *until* has come.

        Raises:
            ContainmentError: spec or state cannot be used.
        """
        self._disturbed_at = self.clock()
        self._tell(self.hold.begin())
        is_stopped = False
        while not (self._is_over() or is_stopped):
            self.round()
            is_late = until is not None and self.clock() >= until
            is_stopped = is_late or self.wait(0.0 if self._is_over() else self._pause())

    def round(self) -> None:
        """Look once at whatever is due."""
        self.rounds += 1
        self._tell(self.hold.look())
        if self._is_due("search", _SEARCH_S, _SLOW_SEARCH_S):
            self._search()
        if self._is_due("thorough", _THOROUGH_S, 2 * _THOROUGH_S):
            self._tell(self.hold.look_at_sign_ins())
            self._tell(self.hold.look_at_guard())
        if self.logs is not None and self._is_due("logs", _LOGS_S, 2 * _LOGS_S):
            self._tell(self.logs())

    def _search(self) -> None:
        finds = self.search.look()
        contained = [one for one in finds if self.extending and one.proposal and one.is_of_the_set]
        self._tell(one.event for one in finds if one not in contained)
        self._open += tuple(one.proposal for one in contained if one.proposal is not None)
        if self._open:
            events, self._open = extension.extend(self.hold, self._open)
            self._tell(events)

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind in {"reasserted", "proposed", "extended", "alarm", "used"}:
                self._disturbed_at = self.clock()
            self.tell(event)

    def _is_over(self) -> bool:
        return self.hold.is_over

    @property
    def _is_quiet(self) -> bool:
        return self.clock() - self._disturbed_at > _QUIET_S

    def _pause(self) -> float:
        least = _SLOW_S if self._is_quiet else _QUICK_S
        return max(least, _EACH_S * len(self.hold.principals))

    def _is_due(self, what: str, quick_s: float, slow_s: float) -> bool:
        now = self.clock()
        if now < self._due.get(what, now):
            return False
        self._due[what] = now + (slow_s if self._is_quiet else quick_s)
        return True
