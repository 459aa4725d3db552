"""A review as one page of Markdown, and as one comment that a forge takes whole.

Texts from outside stand in code spans and code blocks, as in a diff's Markdown. Between tags of
HTML there are words of ours alone, and every part closes what it opens: so a part is shown or left
out, and never cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment import text
from containment.diff import principal_as_markdown
from containment.review import sections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.review.model import IncidentReview, Point, Review, Section

MARKER = "<!-- containment review -->"
"""How a pipeline finds the comment that it wrote before, to write over it."""

LIMIT = 65_536
"""The longest comment that GitHub takes, in characters; we count bytes, which are never fewer."""

# How long a text of a point may be: whole where there is room, shorter where there is not.
_LENGTHS = (2_000, 600, 240, 100)
_SECTION_BUDGET = 6_000


def as_markdown(review: Review) -> str:
    """Return the whole review as a page."""
    parts = [_head(review)]
    parts += [_section(section, _LENGTHS[0]) for section in review.sections]
    parts += ["".join(_incident(incident)) for incident in review.incidents]
    return "\n".join(parts)


def as_comment(review: Review) -> str:
    """Return the review as a comment of at most `LIMIT` bytes.

    What is lifted, cannot be undone or is refused is always in it; what is left out is counted.
    """
    for length in _LENGTHS:
        must = [_head(review)]
        must += [_section(one, length) for one in review.sections if one.weight == "must"]
        if _size(must) <= LIMIT - _SECTION_BUDGET:
            return _filled(review, must, length)
    counts = "\n".join(
        f"- **{section.title}**: {len(section.points):,}" for section in review.sections
    )
    return (
        f"{_head(review)}\n**This is more than a comment can hold, so it cannot be reviewed by"
        f" one.** Read the whole page, or make several changes of it.\n\n{counts}\n"
    )


def fits(review: Review) -> bool:
    """Tell whether a comment holds all that it must."""
    must = [_head(review)]
    must += [_section(one, _LENGTHS[-1]) for one in review.sections if one.weight == "must"]
    return _size(must) <= LIMIT - _SECTION_BUDGET


@dataclass(slots=True)
class _Room:
    """How many bytes are left, and what takes them."""

    bytes_left: int

    def take(self, part: str) -> bool:
        size = len(part.encode()) + 1
        if size > self.bytes_left:
            return False
        self.bytes_left -= size
        return True


def _filled(review: Review, must: list[str], length: int) -> str:
    may = [section for section in review.sections if section.weight == "may"]
    # What is left out is counted, so there is room for each count from the start.
    room = _Room(LIMIT - _size(must) - _size([_count(section) for section in may]) - 200)
    parts = list(must)
    for section in may:
        parts += _shortened(section, room, length)
    left_out = 0
    for incident in review.incidents:
        details, omitted = _details(incident, room)
        parts += details
        left_out += omitted
    if left_out:
        parts.append(f"_{text.counted(left_out, 'principal')} left out here; see the whole page._")
    return "\n".join(parts)


def _shortened(section: Section, room: _Room, length: int) -> list[str]:
    """Return *section* within its budget, with a count of what is left out."""
    budget = _Room(min(_SECTION_BUDGET, room.bytes_left - 300))
    rows: list[str] = []
    for point in section.points:
        row = _row(point, min(length, _LENGTHS[1]))
        if not budget.take(row):
            break
        rows.append(row)
    omitted = len(section.points) - len(rows)
    if omitted:
        rows.append(f"- _{omitted:,} more left out here; see the whole page_\n")
    part = f"{_section_head(section)}{''.join(rows)}"
    return [part] if room.take(part) else [_count(section)]


def _count(section: Section) -> str:
    return f"\n**{section.title}**: {len(section.points):,}, left out here\n"


def _details(incident: IncidentReview, room: _Room) -> tuple[list[str], int]:
    """Return the incident's part, and how many of its principals are left out of it."""
    opening = f"<details><summary>{sections.title(incident)}</summary>\n\n"
    closing = "\n</details>\n"
    start = opening + "".join(_incident_head(incident))
    if not room.take(start + closing):
        return [], len(incident.principals)
    parts = [start]
    omitted = 0
    for item in sections.in_order(incident):
        part = "\n" + principal_as_markdown(item)
        if room.take(part):
            parts.append(part)
        else:
            omitted += 1
    return ["".join([*parts, closing])], omitted


def _head(review: Review) -> str:
    lines = [MARKER, "## Containment review", ""]
    if review.emulated:
        lines += ["**EMULATED**: not AWS; no real account is touched", ""]
    lines += [f"**{review.verdict}**", "", review.summary, ""]
    lines += [f"- {label}: {text.markdown(value)}" for label, value in sections.head(review)]
    lines.append("- by the model of a preview, without the engine; nothing was changed")
    return "\n".join(lines) + "\n"


def _section(section: Section, length: int) -> str:
    rows = "".join(_row(point, length) for point in section.points)
    return f"{_section_head(section)}{rows}"


def _section_head(section: Section) -> str:
    note = f"{section.note}\n\n" if section.note else ""
    return f"\n### {section.title} ({len(section.points):,})\n\n{note}"


def _row(point: Point, length: int) -> str:
    whose = f" of {text.markdown(point.incident)}" if point.incident else ""
    shown = f": {text.markdown(_short(point.text, length))}" if point.text else ""
    return f"- {text.markdown(point.subject)}{whose}{shown}\n"


def _short(value: str, length: int) -> str:
    return value if len(value) <= length else f"{value[:length]}…"


def _incident(incident: IncidentReview) -> Iterator[str]:
    yield f"\n## {sections.title(incident)}\n\n"
    yield from _incident_head(incident)
    for item in sections.in_order(incident):
        yield "\n" + principal_as_markdown(item)


def _incident_head(incident: IncidentReview) -> Iterator[str]:
    for label, value in sections.rows(incident):
        yield f"- {label}: {text.markdown(_short(value, _LENGTHS[1]))}\n"


def _size(parts: list[str]) -> int:
    return sum(len(part.encode()) + 1 for part in parts)
