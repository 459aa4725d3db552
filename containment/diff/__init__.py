"""What a run changes, as one model, and its renderings for terminal, Markdown, HTML and JSON."""

from __future__ import annotations

from containment.diff.document import as_document, changes_as_rows
from containment.diff.html import as_html, page_of
from containment.diff.markdown import as_markdown, principal_as_markdown
from containment.diff.model import Change, IncidentDiff, Line, PrincipalDiff, text_diff
from containment.diff.terminal import as_lines, as_written
from containment.diff.written_changes import written

__all__ = [
    "Change",
    "IncidentDiff",
    "Line",
    "PrincipalDiff",
    "as_document",
    "as_html",
    "as_lines",
    "as_markdown",
    "as_written",
    "changes_as_rows",
    "page_of",
    "principal_as_markdown",
    "text_diff",
    "written",
]
