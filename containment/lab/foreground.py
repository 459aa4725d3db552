"""A lab in the foreground, noted for the other commands, ended by Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from containment.lab import runtime
from containment.lab.http.server import LabServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType


# Names a file that a lab tells at once what it could not answer; the test suite reads it.
NOTED_IN = "CONTAINMENT_LAB_UNANSWERED"


def noted_in(environ: Mapping[str, str]) -> Path | None:
    """Return the file for what a lab cannot answer, None where nobody wants to know."""
    stated = environ.get(NOTED_IN)
    return Path(stated) if stated else None


def serve(
    directory: Path,
    port: int,
    *,
    announce: Callable[[runtime.RunningLab], None],
    noted_in: Path | None = None,
) -> None:
    """Serve on *port* (0: a free one) until interrupted.

    Raises:
        UnavailableError: the port is taken.
    """
    server = LabServer(port, noted_in=noted_in)
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
