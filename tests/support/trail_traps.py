"""Plantings: what an attacker does, what only looks like it, and what a trace must say of each.

Every function plants its calls in a capture and writes down what follows from them by AWS's
documentation, not by the program: its source is named where it is not the trail's own record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.trail_traps_compute import COMPUTE
from tests.support.trail_traps_principals import PRINCIPALS
from tests.support.trail_traps_sessions import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.trail_composite import Composite

TRAPS: tuple[Callable[[Composite], None], ...] = SESSIONS + PRINCIPALS + COMPUTE
