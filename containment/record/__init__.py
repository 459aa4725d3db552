"""What people and signals said of an incident: append-only, chained as the ledger is."""

from __future__ import annotations

from containment.record.notes import Kind, Note, make_note
from containment.record.record import Reading, Record, open_record

__all__ = ["Kind", "Note", "Reading", "Record", "make_note", "open_record"]
