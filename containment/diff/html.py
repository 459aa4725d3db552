"""The diff as one HTML page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from containment import text
from containment.diff import sections
from containment.diff.model import excerpt

if TYPE_CHECKING:
    from containment.diff.model import IncidentDiff

_WORDS = {"+": "added", "-": "removed", "~": "changed", "!": "refused", " ": "stays"}


def as_html(diff: IncidentDiff) -> str:
    """Return *diff* as a page; all text in it is escaped, and the page forbids itself scripts."""
    return page_of("page.html.j2", diff=diff)


def page_of(template: str, **values: object) -> str:
    """Return the page that *template* makes of *values*, under the same rules."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("containment.diff"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "plain": text.plain,
        "heading": sections.heading,
        "notes": sections.notes,
        "excerpt": excerpt,
    }
    names: dict[str, Any] = {"head": sections.head, "signs": sections.SIGNS, "words": _WORDS}
    environment.filters.update(filters)
    environment.globals.update(names)
    return environment
