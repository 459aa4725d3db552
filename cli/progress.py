"""What a verb shows while the engine works: one line on a terminal, nothing in a pipe.

The engine's own output goes into a file of this user's alone; it is kept, and named, where the run
did not come to a good end.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from cli import render
from containment.text import fitted, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class EngineOutput:
    """The lines of one run of the engine, in a file that nobody else can read.

    Attributes:
        path: the file.
        is_shown: whether the lines are printed as well, to standard error.
    """

    def __init__(self, name: str, *, is_shown: bool) -> None:
        descriptor, path = tempfile.mkstemp(prefix=f"containment-{name}-", suffix=".log")
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self.path = Path(path)
        self.is_shown = is_shown

    def take(self, line: str) -> None:
        """Write down a line."""
        self._file.write(f"{plain(line)}\n")
        if self.is_shown:
            render.tell(line)

    def close(self, *, keep: bool) -> None:
        """Close the file, and delete it unless it is to be kept."""
        self._file.close()
        if not keep:
            self.path.unlink(missing_ok=True)


@contextmanager
def progress(doing: str, output: EngineOutput) -> Generator[Callable[[str], None], None, None]:
    """Yield what takes a line of the engine; on a terminal its last one is shown meanwhile."""
    if output.is_shown or not sys.stderr.isatty():
        yield output.take
        return
    console = Console(file=sys.stderr, highlight=False, markup=False)
    with console.status(Text(doing)) as status:

        def show(line: str) -> None:
            output.take(line)
            if line.strip():
                room = max(console.width - len(doing) - 6, 10)
                status.update(Text(f"{doing}: {fitted(plain(line.strip()), room)}"))

        yield show


@contextmanager
def steps(doing: str) -> Generator[Callable[[str], None]]:
    """Yield what takes what is done now; on a terminal the last of it is shown meanwhile."""
    if not sys.stderr.isatty():
        yield lambda _step: None
        return
    console = Console(file=sys.stderr, highlight=False, markup=False)
    with console.status(Text(doing)) as status:

        def show(step: str) -> None:
            room = max(console.width - len(doing) - 6, 10)
            status.update(Text(f"{doing}: {fitted(plain(step), room)}"))

        yield show
