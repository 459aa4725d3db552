"""Ctrl-C while this program itself changes AWS."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from threading import Event


@contextmanager
def stopped_by_signals(cancelled: Event) -> Generator[None]:
    """Set *cancelled* on Ctrl-C: the change in flight is finished, and no other begun."""

    def stop(_number: int, _frame: Any) -> None:
        cancelled.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
