"""An incident whose process is at its beginning, and one whose every step has its evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from containment.descendants import Record, Traced
from containment.ledger.chain import Head
from containment.process.rules import ProcessSources
from containment.record import Reading
from containment.spec import IncidentSpec
from tests.support import report_scene
from tests.support.report_scene import ROLE, USER

INCIDENT = "inc-2026-0042"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_MANY = ("1.b", "3.c", "4.a", "4.b.i", "4.b.ii", "5.a", "5.a.i", "5.a.ii")


def _numbered(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    common = {"at": "2026-11-24T10:00:00Z", "author": "ana", "incident": INCIDENT}
    return [{**common, "n": number, **one} for number, one in enumerate(entries, start=1)]


ENTRIES: list[dict[str, Any]] = _numbered(
    [
        {
            "kind": "signal",
            "text": "alert 17",
            "source": "secret-scan",
            "id": "1",
            "subject": {"key_id": "AKIAIOSFODNN7EXAMPLE", "principal": ""},
        },
        {"kind": "verdict", "text": "it is ours", "of": "1", "positive": "true-positive"},
        {"kind": "impact", "text": "none"},
        {"kind": "alternative", "text": "no deployment that day"},
        *(
            {"kind": "message", "text": "x", "to": "legal", "receipt": "read", "step": step}
            for step in ("1.h", "1.i", "3.d")
        ),
        *({"kind": "decision", "text": "see the ticket", "step": step} for step in _MANY),
        {"kind": "decision", "text": "nothing", "step": "4.b", "applies": "no"},
        {"kind": "lesson", "text": "rotate", "owner": "ben"},
    ]
)


def record_of(entries: list[dict[str, Any]]) -> Reading:
    """A record that is intact and holds *entries*."""
    return Reading("the record", "intact", "", tuple(entries), Head(len(entries), "0" * 64))


def scene(**more: Any) -> ProcessSources:
    """The beginning: a spec and nothing else."""
    begun: dict[str, Any] = {
        "spec": IncidentSpec.model_validate(report_scene.SPEC),
        "record": Reading("the record", "none"),
        "in_state": (),
        "entries": [],
        "ledger": "missing",
        "verdicts": [],
        "descendants": None,
        "now": NOW,
    }
    return ProcessSources(**{**begun, **more})


def complete(**more: Any) -> ProcessSources:
    """The end: every step has its evidence."""
    trace = Traced("AKIAIOSFODNN7EXAMPLE", "2026-11-23T21:14:00Z", "2026-11-24T09:00:00Z")
    everything: dict[str, Any] = {
        "record": record_of(ENTRIES),
        "in_state": (USER, ROLE),
        "entries": report_scene.entries(),
        "ledger": "intact",
        "verdicts": report_scene.verdicts(),
        "descendants": Record(INCIDENT, (trace,)),
    }
    return scene(**{**everything, **more})
