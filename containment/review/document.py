"""A review as data, for programs; `schema` is what it is published as."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from typing import TYPE_CHECKING, Any

from containment.diff import as_document as diff_as_document

if TYPE_CHECKING:
    from containment.review.model import IncidentReview, Review

VERSION = 1


def schema() -> Any:
    """Return the JSON Schema of the document."""
    file = resources.files("containment.review") / "review.schema.json"
    return json.loads(file.read_text(encoding="utf-8"))


def as_document(review: Review) -> dict[str, Any]:
    """Return *review* as a JSON document; strings in it are as AWS has them, not made safe."""
    return {
        "version": VERSION,
        "base": review.base,
        "head": review.head,
        "profile": review.profile,
        "caller": review.caller,
        "emulated": review.emulated,
        "verdict": review.verdict,
        "exit_code": review.exit_code,
        "summary": review.summary,
        "sections": [
            {"title": section.title, "points": [asdict(point) for point in section.points]}
            for section in review.sections
        ],
        "findings": [asdict(finding) for finding in review.findings],
        "incidents": [_incident(incident) for incident in review.incidents],
        "others": list(review.others),
    }


def _incident(incident: IncidentReview) -> dict[str, Any]:
    return {
        "incident": incident.incident,
        "file": incident.file,
        "kind": incident.kind,
        "owner": incident.owner,
        "review_by": incident.review_by,
        "guard": incident.guard,
        "diff": diff_as_document(incident.diff) if incident.diff else None,
        "fields": [asdict(item) for item in incident.fields],
        "findings": [asdict(finding) for finding in incident.findings],
        "irreversible": [
            {"principal": subject, "what": what} for subject, what in incident.irreversible
        ],
        "unreadable": list(incident.unreadable),
        "unread": list(incident.unread),
    }
