"""The process as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from containment.process.rules import ProcessStatus

FORMAT = "containment-process-1"


def as_document(status: ProcessStatus) -> dict[str, Any]:
    """Return *status* as one JSON document."""
    return {
        "format": FORMAT,
        "incident": status.incident,
        "title": status.title,
        "made_at": status.made_at,
        "emulated": status.emulated,
        "summary": status.summary,
        "warnings": list(status.warnings),
        "steps": [
            {
                "number": one.step.number,
                "phase": one.step.phase,
                "title": one.step.title,
                "progress": str(one.progress),
                "why": one.why,
                "at": one.moment or None,
                "author": one.author or None,
                "command": one.command or None,
            }
            for one in status.steps
        ],
    }
