"""The lab's time: the machine's, moved forward on demand.

It governs issue and expiry of sessions, ``aws:CurrentTime``, creation dates, ``Date`` headers and
log records. Signature freshness is judged on the machine's own time, since clients sign with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from containment.clock import utc_now
from containment.errors import SpecError

FURTHEST_S = timedelta(days=3660).total_seconds()


class LabClock:
    """A clock that can be advanced, never turned back."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._offset

    @property
    def offset_seconds(self) -> float:
        """How far the lab is ahead of the machine."""
        return self._offset.total_seconds()

    def advance(self, seconds: float) -> None:
        """Move the lab's time forward.

        Raises:
            SpecError: *seconds* is no number, negative, or takes the lab more than ten years ahead.
        """
        if not 0 <= seconds <= FURTHEST_S - self._offset.total_seconds():
            raise SpecError(
                f"the lab's clock cannot be advanced by {seconds} s",
                remedy="give a number of seconds from 0 to ten years in all, or reset the lab",
            )
        self._offset += timedelta(seconds=seconds)

    def reset(self) -> None:
        """Go back to the machine's time, with an empty world only."""
        self._offset = timedelta()
