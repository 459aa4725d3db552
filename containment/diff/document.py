"""The diff as data, for programs: the same names as the model, in the order of the model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from containment.diff.model import IncidentDiff

VERSION = 1


def as_document(diff: IncidentDiff) -> dict[str, Any]:
    """Return *diff* as a JSON document; strings in it are as AWS has them, not made safe.

    A document's diff is a list of ``[sign, text]`` pairs.
    """
    document = asdict(diff)
    for principal in document["principals"]:
        principal["facts"] = dict(principal["facts"])
        for change in principal["changes"]:
            change["lines"] = [[line["sign"], line["text"]] for line in change["lines"]]
    return {
        "version": VERSION,
        **document,
        "summary": diff.summary,
        "counts": {str(verb): count for verb, count in diff.counts.items()},
    }
