"""A review for a terminal or a pipe: the sections first, then each incident as a preview has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment import text
from containment.diff import as_lines
from containment.diff.terminal import StyledLine
from containment.review import sections

if TYPE_CHECKING:
    from containment.review.model import Review

_STYLES = {
    "Not a spec": "bold red",
    "Refused": "bold red",
    "Lifted": "red",
    "Lowered": "yellow",
    "Cannot be undone": "bold red",
    "Somebody has to decide": "bold red",
    "Could not be analysed": "bold yellow",
    "Needs code review first": "yellow",
}


def as_text(review: Review, width: int = 0) -> list[StyledLine]:
    """Return *review* as lines of at most *width* cells where they are a diff's; 0 folds none."""
    lines = [StyledLine(sections.TITLE, "bold")]
    lines += [
        StyledLine(f"    {label.ljust(14)} {text.plain(value)}")
        for label, value in sections.head(review)
    ]
    for section in review.sections:
        style = _STYLES.get(section.title, "bold")
        lines += [StyledLine(""), StyledLine(f"{section.title} ({len(section.points)})", style)]
        for point in section.points:
            whose = f" of {text.plain(point.incident)}" if point.incident else ""
            shown = f": {text.plain(point.text)}" if point.text else ""
            lines.append(StyledLine(f"  {text.plain(point.subject)}{whose}{shown}"))
    for incident in review.incidents:
        lines += [StyledLine(""), StyledLine(sections.title(incident), "bold")]
        lines += [
            StyledLine(f"    {label.ljust(14)} {text.plain(value)}")
            for label, value in sections.rows(incident)
        ]
        if incident.diff is not None:
            lines += as_lines(incident.diff, width)
    summary = "" if not review.summary else f": {review.summary}"
    return [*lines, StyledLine(""), StyledLine(f"{review.verdict}{summary}", "bold")]
