"""The diff for a terminal or a pipe: styled lines, folded at the width and never cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment import text
from containment.diff import sections
from containment.diff.model import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from containment.diff.model import Change, IncidentDiff, PrincipalDiff

_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red", " ": ""}
_LABEL = 14


@dataclass(frozen=True, slots=True)
class StyledLine:
    """One printable line; *style* is a rich style, empty for plain text.

    *hang* is the column at which it goes on where it is folded.
    """

    text: str
    style: str = ""
    hang: int = 0


def as_lines(diff: IncidentDiff, width: int = 0) -> list[StyledLine]:
    """Return *diff* as lines of at most *width* cells; 0 leaves them whole, for a pipe.

    A word longer than the line (an ARN) is continued on the next one, so nothing is left out.
    """
    return [StyledLine(part, line.style) for line in _lines(diff) for part in _fold(line, width)]


def as_written(written: Mapping[str, Sequence[Change]], width: int = 0) -> list[StyledLine]:
    """Return what a run wrote on each principal as lines, as `as_lines` returns them."""
    return [
        StyledLine(part, line.style)
        for line in _written_lines(written)
        for part in _fold(line, width)
    ]


def _written_lines(written: Mapping[str, Sequence[Change]]) -> Iterator[StyledLine]:
    for principal, changes in written.items():
        yield StyledLine("")
        yield StyledLine(f"written on {text.plain(principal)}", "bold")
        for change in changes:
            yield from _change(change)


def _lines(diff: IncidentDiff) -> Iterator[StyledLine]:
    yield StyledLine(text.plain(diff.incident), "bold")
    for label, value in sections.head(diff):
        yield _labelled(label, value)
    for refusal in diff.refusals:
        yield _labelled("refused", refusal, "bold red")
    for notice in diff.notices:
        yield _labelled("note", notice, "yellow")
    for item in diff.principals:
        yield StyledLine("")
        yield from _principal(item)
    yield StyledLine("")
    yield StyledLine(text.plain(diff.summary), "bold")
    for index, command in enumerate(diff.next):
        yield _labelled("next" if index == 0 else "", command, "cyan")


def _principal(item: PrincipalDiff) -> Iterator[StyledLine]:
    sign = sections.SIGNS[item.verb]
    yield StyledLine(
        f"{sign} {text.plain(sections.heading(item))}", f"bold {_STYLES[sign]}".strip()
    )
    yield _labelled("arn", item.principal)
    for name, value in item.facts:
        yield _labelled(name, value)
    for change in item.changes:
        yield from _change(change)
    for label, texts in sections.notes(item):
        style = "bold red" if label == "conflict" else ""
        for index, line in enumerate(texts):
            yield _labelled(label if index == 0 else "", line, style)


def _change(change: Change) -> Iterator[StyledLine]:
    parts = [text.plain(part) for part in (change.subject, change.summary) if part]
    reason = f"  ({text.plain(change.reason)})" if change.reason else ""
    yield StyledLine(f"  {change.sign} {'  '.join(parts)}{reason}", _STYLES[change.sign], 6)
    shown = excerpt(change.lines)
    for line in shown.lines:
        body = text.plain(line.text)
        hang = 10 + len(body) - len(body.lstrip())
        yield StyledLine(f"      {line.sign} {body}", _STYLES[line.sign], hang)
    if shown.omitted:
        yield StyledLine(f"        ({text.counted(shown.omitted, 'line')} unchanged)", "dim")


def _labelled(label: str, value: str, style: str = "") -> StyledLine:
    start = f"    {text.plain(label).ljust(_LABEL)} "
    return StyledLine(f"{start}{text.plain(value)}".rstrip(), style, len(start))


def _fold(line: StyledLine, width: int) -> list[str]:
    if not width or len(line.text) <= width:
        return [line.text]
    hang = line.hang if line.hang < width // 2 else width // 4
    parts: list[str] = []
    rest, indent = line.text, ""
    while len(indent) + len(rest) > width:
        room = width - len(indent)
        blank = rest.rfind(" ", len(rest) - len(rest.lstrip()) + 1, room + 1)
        end = blank if blank > max(hang - len(indent), 0) else room
        parts.append(f"{indent}{rest[:end]}".rstrip())
        rest, indent = rest[end:].lstrip(" "), " " * hang
    return [*parts, f"{indent}{rest}"]
