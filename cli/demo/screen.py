"""How the demo looks: a timeline with the seconds at its left, and one table a run.

Colours on a terminal only, and none with NO_COLOR; in a pipe the same lines are plain.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from cli.demo.board import Board, Phase, Who, word
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from cli.demo.board import Claim, Row

_STYLES = {"ALLOWED": "green", "DENIED": "red", "-": "dim"}
_MARGIN = " " * 9


class Screen:
    """Prints to *file* and knows how long it has been going on."""

    def __init__(self, file: TextIO) -> None:
        self._console = Console(file=file, highlight=False, markup=False, soft_wrap=True)
        self._began = time.monotonic()
        self._is_quiet = False

    @contextmanager
    def quiet(self) -> Generator[None, None, None]:
        """Print nothing inside but claims that do not hold: it was told in an earlier run."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._is_quiet = False

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def plain(self, text: str = "", *, style: str = "") -> None:
        """Print a line at the margin."""
        self._print(Text(plain(text), style=style))

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.plain()
        self.plain(text, style="bold")

    def moment(self, text: str, *, style: str = "") -> None:
        """Print what happens now."""
        self._print(Text.assemble((f"{self.elapsed:6.1f} s ", "dim"), (plain(text), style)))

    def command(self, text: str) -> None:
        """Print a command that is about to run."""
        self.moment(f"$ {text}", style="bold cyan")

    def under(self, text: str, *, style: str = "") -> None:
        """Print more about the last line."""
        self._print(Text(f"{_MARGIN}  {plain(text)}".rstrip(), style=style))

    def claim(self, claim: Claim, text: str) -> None:
        """Print *text*, which says what *claim* claims, or that it does not hold."""
        if claim.holds:
            self.moment(text)
        else:
            self._is_quiet = False
            self.moment(f"NOT AS CLAIMED: {claim.claim}", style="bold red")
            self.under(f"expected {claim.expected}", style="red")
            self.under(f"seen     {claim.observed}", style="red")

    def table(self, board: Board, rows: Sequence[Row] | None = None) -> None:
        """Print who could work when (with *rows*, those only); a cell not as claimed says so."""
        chosen = board.rows if rows is None else rows
        names = max(len(row.credential) for row in chosen)
        head = f"{'':11}{'':{names}}  " + "".join(f"{phase:<11}" for phase in Phase)
        self.plain()
        self._print(Text(head.rstrip(), style="bold"))
        for who in Who:
            group = [row for row in chosen if row.who is who]
            for number, row in enumerate(group):
                self._row(board, row, str(who) if number == 0 else "", names)

    def _row(self, board: Board, row: Row, who: str, names: int) -> None:
        line = Text(f"{who:<11}{row.credential:<{names}}  ")
        for phase in Phase:
            cell = board.cell(row, phase)
            if cell.holds:
                line += Text(f"{cell.observed:<11}", style=_STYLES[cell.observed])
            else:
                line += Text(f"{cell.observed}, NOT {cell.expected}  ", style="bold reverse red")
        line.rstrip()
        self._print(line)

    def lines(self, texts: Iterable[str], *, style: str = "") -> None:
        """Print several lines under the last one."""
        for text in texts:
            self.under(text, style=style)

    def _print(self, line: Text) -> None:
        if not self._is_quiet:
            self._console.print(line)


__all__ = ["Screen", "word"]
