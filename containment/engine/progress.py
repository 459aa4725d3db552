"""Show progress: a line that changes on a terminal, or a plain line now and then in a pipe."""

import sys
import time
from typing import TextIO

PLAIN_EVERY_S = 20.0


class Progress:
    """Tell how far a long step is, on standard error, so that output stays clean."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._last_plain = time.monotonic()
        self._started = time.monotonic()

    def elapsed(self) -> str:
        """Minutes and seconds since the start, as in ``3:07``."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d}"

    def say(self, text: str) -> None:
        """Print *text* as a line that stays."""
        self._write(f"{self._clear()}{text}\n")

    def show(self, text: str) -> None:
        """Replace the changing line by *text*; without a terminal, print it only now and then."""
        if self._terminal:
            self._write(f"{self._clear()}{text}")
        elif time.monotonic() - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = time.monotonic()
            self._write(f"{text}\n")

    def end(self) -> None:
        """Take the changing line away."""
        self._write(self._clear())

    def _clear(self) -> str:
        return "\r\x1b[K" if self._terminal else ""

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(text)
            self._stream.flush()
