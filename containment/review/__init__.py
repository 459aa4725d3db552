"""What a change of specs would do once it is applied, judged before it is merged. Reads only."""

from containment.review.change import ProposedChange, between, of_project
from containment.review.document import as_document, schema
from containment.review.html import as_html
from containment.review.judging import Judge, profile_of
from containment.review.markdown import MARKER, as_comment, as_markdown, fits
from containment.review.model import REFUSED, Review
from containment.review.revisions import open_repository
from containment.review.terminal import as_text

__all__ = [
    "MARKER",
    "REFUSED",
    "Judge",
    "ProposedChange",
    "Review",
    "as_comment",
    "as_document",
    "as_html",
    "as_markdown",
    "as_text",
    "between",
    "fits",
    "of_project",
    "open_repository",
    "profile_of",
    "schema",
]
