"""The words around a review, which every rendering uses alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.diff import PrincipalDiff
    from containment.review.model import IncidentReview, Review

TITLE = "Containment review"

_KINDS = {
    "new": "a new spec",
    "changed": "a changed spec",
    "deleted": "a deleted spec",
    "named": "a spec",
}
_ORDER = {"lift": 0, "lower": 1, "refuse": 2, "contain": 3, "raise": 4, "repair": 5, "keep": 6}


def title(incident: IncidentReview) -> str:
    """Return what a part is about; the id in it is of a-z, 0-9 and hyphens alone."""
    count = text.counted(len(incident.principals), "principal")
    return f"{incident.incident}: {_KINDS[incident.kind]}, {count}"


def in_order(incident: IncidentReview) -> list[PrincipalDiff]:
    """Return the principals of *incident*, those first to whom access is given back."""
    return sorted(incident.principals, key=lambda one: _ORDER[one.verb])


def head(review: Review) -> Iterator[tuple[str, str]]:
    """Yield label and value of what holds for the whole review."""
    if review.base:
        yield "base", review.base
    yield "change", review.head
    yield "profile", review.profile or "none, so the defaults"
    yield "looked at as", review.caller


def rows(incident: IncidentReview) -> Iterator[tuple[str, str]]:
    """Yield label and value of what holds for one incident, empty ones left out."""
    diff = incident.diff
    for label, value in (
        ("title", diff.title if diff else ""),
        ("disposition", diff.disposition if diff else ""),
        ("account", diff.account if diff else ""),
        ("owner", incident.owner),
        ("review by", incident.review_by),
        ("guard", incident.guard),
    ):
        if value:
            yield label, value
    for notice in diff.notices if diff else ():
        yield "note", notice
    for item in incident.fields:
        yield "spec", f"{item.field}: {item.before} -> {item.after}"
