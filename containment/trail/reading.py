"""One log file, from disk to events, with an account of what happened on the way."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from containment.trail.containers import decode
from containment.trail.files import FileReport, Status
from containment.trail.inflate import inflate

if TYPE_CHECKING:
    from containment.trail.records import Event

# Larger than any log object of CloudTrail by far, small enough for a workstation.
LARGEST = 1 << 30


def read(path: str, largest: int = LARGEST) -> tuple[list[Event], FileReport]:
    """Read *path*; whatever goes wrong is in the report, and what was readable still counts."""
    report = FileReport(path)
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            report.status, report.detail = "unreadable", "not a regular file"
            return [], report
        with Path(path).open("rb") as file:
            raw = file.read(largest + 1)
    except OSError as error:
        report.status, report.detail = "unreadable", error.strerror or type(error).__name__
        return [], report
    return understand(raw, report, largest)


def understand(
    raw: bytes, report: FileReport, largest: int = LARGEST
) -> tuple[list[Event], FileReport]:
    """Turn the bytes of a file into events and complete its *report*."""
    report.size = len(raw)
    report.sha256 = hashlib.sha256(raw).hexdigest()
    inflated = inflate(raw, largest)
    decoded = decode(inflated.content)
    report.records = len(decoded.events)
    report.rejected = decoded.rejected
    report.detail = "; ".join(filter(None, (inflated.fault, decoded.fault)))
    report.status = _status(report, inflated.fault, decoded.fault)
    times = [event.time for event in decoded.events]
    report.first = min(filter(None, times), default="")
    report.last = max(times, default="")
    return decoded.events, report


def _status(report: FileReport, gzip_fault: str, json_fault: str) -> Status:
    if "larger than" in gzip_fault:
        return "too_large"
    if "truncated" in gzip_fault or (json_fault.startswith("truncated") and report.records):
        return "truncated"
    if not report.records:
        if not json_fault and not gzip_fault and not report.rejected:
            return "ok"  # CloudTrail does deliver files without records
        if report.path.endswith(".gz") and json_fault.startswith("no records: neither"):
            return "not_gzip"
        return "truncated" if json_fault.startswith("truncated") else "no_records"
    return "partly_read" if report.rejected or json_fault or gzip_fault else "ok"
