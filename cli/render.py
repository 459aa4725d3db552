"""How every verb speaks: lines and tables for people, one JSON document for programs.

On a terminal tables have rules and colours (unless NO_COLOR is set); in a pipe they are plain
columns that never wrap. Text from outside is escaped, so that a name cannot act on the terminal.
With ``--json`` standard output holds exactly one JSON document and everything else goes to
standard error.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, TextIO

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from containment.text import as_json, paragraph, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NARROW = 20  # cells; less is folded by the terminal itself


def document(value: object) -> None:
    """Print *value* as the one JSON document of this run."""
    click.echo(as_json(value, indent=2))


def row(value: object) -> None:
    """Print *value* as one line of JSON, for a run that goes on and tells things as they happen."""
    click.echo(as_json(value))


def say(text: str = "", *, style: str = "") -> None:
    """Print lines for a person; *style* (a rich one, such as ``bold red``) shows on a terminal."""
    _print(text, style, sys.stdout)


def tell(text: str, *, style: str = "") -> None:
    """Print lines that are not the result: to standard error."""
    _print(text, style, sys.stderr)


def verbatim(text: str) -> None:
    """Print a file's content, which is made of lines that every reader shows as they are.

    Whoever made it wrote what is an attacker's for its format; a line that acts all the same is
    shown with escapes.
    """
    click.echo(paragraph(text), nl=not text.endswith("\n"))


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print *rows*; a cell whose text is a key of *styles* is shown in that style."""
    cells = [[plain(cell) for cell in row] for row in rows]
    columns = [plain(column) for column in columns]
    if sys.stdout.isatty():
        shown = Table(title=plain(title) or None, title_justify="left", box=SIMPLE_HEAD)
        for column in columns:
            # Folded where there is no room, never cut: half an ARN names nobody.
            shown.add_column(column, overflow="fold")
        for row in cells:
            shown.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
        Console(file=sys.stdout, highlight=False, markup=False).print(shown)
        return
    if title:
        click.echo(plain(title))
    lines = [columns, *cells]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def fields(pairs: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one pair a line, aligned; an empty name continues the one above.

    On a terminal a value goes on below itself, and no word of it is cut.
    """
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        start = f"  {name.ljust(width)}  "
        for line in _folded(plain(value), len(start)):
            say(f"{start}{line}".rstrip())
            start = " " * len(start)


def _folded(text: str, indent: int) -> list[str]:
    """Return *text* as lines that fit a terminal behind *indent* cells; whole in a pipe."""
    room = shutil.get_terminal_size().columns - indent
    if not sys.stdout.isatty() or room < _NARROW:
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [text]


def _print(text: str, style: str, file: TextIO) -> None:
    lines = paragraph(text)
    if style and file.isatty():
        console = Console(file=file, highlight=False, markup=False, soft_wrap=True)
        console.print(Text(lines, style=style))
    else:
        click.echo(lines, file=file)
