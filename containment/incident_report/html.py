"""A report as one HTML page that needs nothing else, its timeline drawn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from containment.clock import moment_of
from containment.diff import page_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.incident_report.contents import Happening, IncidentReport

_CLASSES: Mapping[str, str] = {
    "compromise": "removed",
    "attacker": "removed",
    "change": "changed",
    "verdict": "added",
    "lift": "added",
}
# Points that are closer than this, of a thousand, would hide each other.
_APART = 14.0
_BEGIN, _END = 20.0, 980.0


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of the drawn timeline: where it is, of which class, and its number below."""

    x: float
    lane: int
    css: str
    number: int


def as_html(report: IncidentReport) -> str:
    """Return *report* as a page; all text in it is escaped, and the page forbids itself scripts."""
    return page_of("report.html.j2", report=report, marks=drawn(report.timeline), classes=_CLASSES)


def drawn(timeline: Sequence[Happening]) -> list[Mark]:
    """Return where each dated point of *timeline* is drawn: by its time, in lanes if crowded."""
    dated = [
        (moment, number, one)
        for number, one in enumerate(timeline, 1)
        if (moment := moment_of(one.moment)) is not None
    ]
    if not dated:
        return []
    first, last = dated[0][0], max(moment for moment, _, _ in dated)
    whole = max((last - first).total_seconds(), 1.0)
    places = [
        _BEGIN + (_END - _BEGIN) * (moment - first).total_seconds() / whole
        for moment, _, _ in dated
    ]
    lanes = [0]
    for before, after in pairwise(places):
        lanes.append((lanes[-1] + 1) % _LANES if after - before < _APART else 0)
    return [
        Mark(round(x, 1), lane, _CLASSES[one.kind], number)
        for x, lane, (_, number, one) in zip(places, lanes, dated, strict=True)
    ]


_LANES = 5
