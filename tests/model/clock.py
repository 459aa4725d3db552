"""A lab's clock that stands still between the moves that a simulation makes."""

from __future__ import annotations

from datetime import datetime

from containment.clock import utc_now
from containment.lab.state.clock import LabClock


class SimulatedClock(LabClock):
    """The machine's time when it was made, and what was added since."""

    def __init__(self) -> None:
        super().__init__()
        self._start = utc_now()

    def __call__(self) -> datetime:
        return self._start + self._offset
