"""A review as one page that needs nothing else, made as a diff's page is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.diff import page_of
from containment.review import sections

if TYPE_CHECKING:
    from containment.review.model import Review


def as_html(review: Review) -> str:
    """Return *review* as a page; all text in it is escaped, and the page forbids itself scripts."""
    return page_of(
        "review.html.j2",
        title=sections.TITLE,
        emulated=review.emulated,
        verdict=review.verdict,
        summary=review.summary,
        rows=list(sections.head(review)),
        sections=review.sections,
        incidents=[
            {
                "title": sections.title(incident),
                "rows": list(sections.rows(incident)),
                "principals": sections.in_order(incident),
            }
            for incident in review.incidents
        ],
    )
