"""IAM is eventually consistent: wait, a bounded time, for a write to be readable.

Source: IAM User Guide, "Troubleshoot IAM: Changes that I make are not always immediately visible".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from containment.errors import ContainmentError

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


def eventually(
    shows: Callable[[], bool],
    *,
    timeout_s: float = 10.0,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask *shows* until it says yes or *timeout_s* of waiting is spent; return its last answer.

    A look that fails has not shown it: what was written stays written, and its outcome uncertain.
    """
    pause = _FIRST_PAUSE_S
    waited = 0.0
    while not _look(shows):
        if waited >= timeout_s:
            return False
        sleep(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    return True


def _look(shows: Callable[[], bool]) -> bool:
    try:
        return shows()
    except ContainmentError:
        return False
