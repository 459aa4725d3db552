"""One log file, from disk to events, with an account of what happened on the way."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from containment.trail.containers import Decoded, Kind, Reader, decode
from containment.trail.files import FileReport, Status
from containment.trail.inflate import inflate

# Larger than any log object of CloudTrail by far, small enough for a workstation.
LARGEST = 1 << 30


def read(
    path: str, reader: Reader[Kind], largest: int = LARGEST
) -> tuple[Decoded[Kind], FileReport]:
    """Read *path*; whatever goes wrong is in the report, and what was readable still counts."""
    report = FileReport(path)
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            report.status, report.detail = "unreadable", "not a regular file"
            return Decoded([]), report
        with Path(path).open("rb") as file:
            raw = file.read(largest + 1)
    except OSError as error:
        report.status, report.detail = "unreadable", error.strerror or type(error).__name__
        return Decoded([]), report
    report.size = len(raw)
    report.sha256 = hashlib.sha256(raw).hexdigest()
    inflated = inflate(raw, largest)
    del raw
    decoded = decode(inflated.content, reader)
    report.records = len(decoded.events)
    report.rejected = decoded.rejected
    report.detail = "; ".join(filter(None, (inflated.fault, decoded.fault)))
    report.status = _status(report, inflated.fault, decoded.fault)
    return decoded, report


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
