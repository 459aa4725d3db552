"""The diff as data, for programs: the same names as the model, in the order of the model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.diff.model import Change, IncidentDiff

VERSION = 1


def changes_as_rows(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Return *changes* as the document has them."""
    return [
        {**asdict(change), "lines": [[line.sign, line.text] for line in change.lines]}
        for change in changes
    ]


def as_document(diff: IncidentDiff) -> dict[str, Any]:
    """Return *diff* as a JSON document; strings in it are as AWS has them, not made safe.

    A document's diff is a list of ``[sign, text]`` pairs.
    """
    document = asdict(diff)
    for principal, item in zip(document["principals"], diff.principals, strict=True):
        principal["facts"] = dict(item.facts)
        principal["changes"] = changes_as_rows(item.changes)
    return {
        "version": VERSION,
        **document,
        "summary": diff.summary,
        "counts": {str(verb): count for verb, count in diff.counts.items()},
    }
