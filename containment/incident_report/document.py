"""A report as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from containment.incident_report.contents import IncidentReport

FORMAT = "containment-report-1"


def as_document(report: IncidentReport) -> dict[str, Any]:
    """Return *report* as one JSON document."""
    document = asdict(report)
    for name in ("facts", "contained", "times", "stays_open", "missing", "access"):
        document[name] = [{"name": label, "value": value} for label, value in document[name]]
    document["verdicts"] = [
        {"verified_at": moment, "verdict": word, "caller": caller}
        for moment, word, caller in report.verdicts
    ]
    return {"format": FORMAT, **document}
