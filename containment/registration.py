"""Order a program's resources on their way to the engine: the last one declared goes first.

A registration lasts until its resource is made, and the engine takes registrations one after
another in the order in which they came. A program declares every snapshot at once and each deny
when its snapshot is there: first come, first served would let the first deny wait until the last
snapshot of all is taken.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from queue import LifoQueue
from typing import Any

# As many registrations are under way at once; a deny waits for no more than these.
_AT_ONCE = 12


class _Newest(LifoQueue[Any]):
    """Hands out what came last, but for the end of all work, which comes after all work."""

    def _put(self, item: Any) -> None:
        if item is None:  # what an executor that is shut down tells its threads
            self.queue.insert(0, item)
        else:
            super()._put(item)


class NewestFirst(ThreadPoolExecutor):
    """Threads that take the work that was handed in last before what waits longer."""

    def __init__(self, threads: int = _AT_ONCE) -> None:
        super().__init__(threads, thread_name_prefix="registering")
        newest: Any = _Newest()  # has all that is asked of the queue that it stands in for
        self._work_queue = newest


def register_newest_first() -> None:
    """Have the SDK, in whose event loop this is called, hand on registrations in that order."""
    asyncio.get_running_loop().set_default_executor(NewestFirst())
