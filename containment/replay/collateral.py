"""What a planned policy would have refused of one caller: the values that previews render."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from containment.text import counted

if TYPE_CHECKING:
    from datetime import datetime

Bound = Literal["exact", "lower bound", "upper bound"]
"""Whether so many were refused, at least so many, or at most so many."""

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Collateral:
    """Calls of one caller that would have been refused.

    Attributes:
        caller: who made them.
        by: what refuses them: ``deny``, ``inactive key``, ``trust policy``, ``guard``.
        attackers: whether they are the attacker's own, by what leaked and what came out of it.
        calls: how many.
        bound: what that number is.
        because: why it is not exact; which condition keys no record tells.
        first_at: the first of them.
        last_at: the last of them.
        ago: how long ago that was, in words.
        names: which calls, with how many of each, the commonest first.
    """

    caller: str
    by: str
    attackers: bool
    calls: int
    bound: Bound
    because: tuple[str, ...]
    first_at: str
    last_at: str
    ago: str
    names: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        """Return it as one line."""
        shown = ", ".join(f"{name} {count:,}" for name, count in self.names[:_MOST_NAMES])
        more = ", …" if len(self.names) > _MOST_NAMES else ""
        why = f": {'; '.join(self.because)}" if self.because else ""
        return (
            f"{counted(self.calls, 'call')} of {self.caller}, the last one {self.ago}"
            f" ({self.last_at}), by the {self.by} ({shown}{more}); {self.bound}{why}"
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the records of a time say of one principal.

    Attributes:
        since: from when on calls were counted.
        until: when the last record is from.
        callers: how many different callers used the principal.
        refused: what would have been refused, of each caller, the commonest first.
        passing: in words, what is refused and comes back by itself.
        notes: what the records cannot tell.
    """

    since: str
    until: str
    callers: int
    refused: tuple[Collateral, ...] = ()
    passing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def collateral(self) -> tuple[Collateral, ...]:
        """What would have been refused of others than the attacker."""
        return tuple(one for one in self.refused if not one.attackers)

    @property
    def attackers(self) -> tuple[Collateral, ...]:
        """What would have been refused of the attacker."""
        return tuple(one for one in self.refused if one.attackers)


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before *now* it was, in the largest unit that fits."""
    passed = max(now - moment, timedelta())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed.total_seconds() >= length:
            return f"{int(passed.total_seconds() // length)} {unit} ago"
    return "a moment ago"
