"""A lab in the foreground, noted for the other commands, ended by Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from containment.lab import runtime
from containment.lab.server import LabServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType


def serve(directory: Path, port: int, *, announce: Callable[[runtime.RunningLab], None]) -> None:
    """Serve on *port* (0: a free one) until interrupted.

    Raises:
        UnavailableError: the port is taken.
    """
    server = LabServer(port)
    lab = runtime.note(directory, server.port)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            announce(lab)
            server.serve()
    finally:
        # A second Ctrl-C must not leave credentials behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        server.stop()
        runtime.forget(lab)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
