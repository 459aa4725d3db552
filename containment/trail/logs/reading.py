"""One log file, from disk to events, with an account of what happened on the way."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from containment.text import counted
from containment.trail.logs import parquet
from containment.trail.logs.containers import (
    NO_LOG,
    NO_RECORD,
    Decoded,
    Kind,
    Reader,
    decode,
    decode_rows,
)
from containment.trail.logs.files import FileReport, Status
from containment.trail.logs.inflate import Content
from containment.trail.logs.records import NO_PART
from containment.trail.logs.slices import Slices
from containment.trail.logs.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable

# Larger than any log object of CloudTrail by far, small enough to be done in seconds.
LARGEST = 1 << 30


def read(
    path: str,
    reader: Reader[Kind],
    take: Callable[[list[Kind]], object],
    largest: int = LARGEST,
) -> FileReport:
    """Hand the records of *path* to *take*, some at a time.

    Whatever goes wrong is in the report, and what was readable still counts. What is held in
    memory does not grow with the file.
    """
    report = FileReport(path)
    try:
        # Opening a pipe would wait for a writer, and what is at a path may change meanwhile.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC)
        with os.fdopen(number, "rb", buffering=0) as file:
            entry = os.fstat(number)
            if not stat.S_ISREG(entry.st_mode):
                report.status, report.detail = "unreadable", "not a regular file"
                return report
            content = Content(file, entry.st_size, largest)
            if os.pread(number, len(parquet.MAGIC), 0) == parquet.MAGIC:
                _read_parquet(file, content, reader, take, report, largest)
            else:
                _read(content, reader, take, report)
    except OSError as error:
        report.status, report.detail = "unreadable", error.strerror or type(error).__name__
    return report


def _read_parquet(  # noqa: PLR0917 -- as `_read`, and what is read twice
    file: BinaryIO,
    content: Content,
    reader: Reader[Kind],
    take: Callable[[list[Kind]], object],
    report: FileReport,
    largest: int,
) -> None:
    for _ in content:  # the digest is of the file as it is stored
        pass
    if content.fault:
        report.status, report.detail = "too_large", content.fault
        return
    findings = _Findings()
    try:
        for rows in parquet.rows(file, largest):
            findings.add(decode_rows(rows, reader), take, report)
    except parquet.ParquetError as error:
        findings.faults[str(error)] = None
    findings.sum_up(content, report, b"")


def _read(
    content: Content, reader: Reader[Kind], take: Callable[[list[Kind]], object], report: FileReport
) -> None:
    pieces = iter(content)
    slices = Slices(pieces)
    findings = _Findings()
    head = b""
    for document, final in slices:
        decoded = decode(document, reader)
        if decoded.damaged and not final and slices.widen():
            continue
        head = head or document[:_HEAD]
        findings.add(decoded, take, report)
        if decoded.garbled and decoded.fault != NO_LOG:
            findings.faults["not UTF-8: bad bytes were replaced"] = None
        if decoded.fault:
            findings.faults[_of_all(decoded, final=final)] = None
        # Given up before the next slice is made, their memory serves it while it is at hand.
        del document, decoded
    if slices.is_cut:
        findings.faults["a line that is too long to be read to its end"] = None
    for _ in pieces:  # what is no log is not read on, but its digest is of all of it
        pass
    findings.sum_up(content, report, head)


@dataclass(slots=True)
class _Findings:
    """What is to be told of a file, gathered while it is read."""

    faults: dict[str, None] = field(default_factory=dict[str, None])
    omissions: Tallies = field(default_factory=Tallies)
    assumptions: Tallies = field(default_factory=Tallies)
    control: int = 0
    keyed: int = 0
    keyless: int = 0

    def add(
        self, decoded: Decoded[Kind], take: Callable[[list[Kind]], object], report: FileReport
    ) -> None:
        """Hand on the records of *decoded*, and note what was left out and assumed."""
        take(decoded.events)
        report.records += len(decoded.events)
        self.control += decoded.control
        if decoded.omissions or decoded.assumptions:
            self.omissions.add(decoded.omissions)
            self.assumptions.add(decoded.assumptions)
        self.keyed += decoded.keyed
        self.keyless += decoded.keyless

    def sum_up(self, content: Content, report: FileReport, head: bytes) -> None:
        """Write it into *report*; the file's content begins with *head*."""
        report.size, report.sha256 = content.size, content.sha256
        report.rejected = self.omissions.total
        if self.keyless and not self.keyed:
            self.assumptions.count(NO_KEYS, f"{self.keyless:,} records")
        unread = Tallies()
        if NO_PART in self.assumptions:
            unread[NO_PART] = self.assumptions.pop(NO_PART)
            self.faults[unread.text()] = None
        report.assumed = self.assumptions.text()
        _judge(report, content, list(self.faults), sentences(self.omissions), head)
        if self.control and report.status == "ok" and not report.records:
            report.status = "control"
            report.detail = f"{counted(self.control, 'message')} without records"


def sentences(omissions: Tallies) -> list[str]:
    """Return a sentence for each reason why records were left out."""
    lines: list[str] = []
    for reason, tally in omissions.items():
        such = f", such as {tally.example!r}" if tally.example else ""
        if reason == NO_RECORD:
            lines.append(f"{tally.count:,} unreadable records")
        else:
            lines.append(f"{tally.count:,} records {reason}{such}")
    return lines


def leave_out(report: FileReport, omissions: Tallies) -> None:
    """Say in *report* that records counted in it were left out after all, and why."""
    if not omissions:
        return
    report.records -= omissions.total
    report.rejected += omissions.total
    report.detail = "; ".join(filter(None, (report.detail, *sentences(omissions))))
    if report.status == "ok":
        report.status = "partly_read" if report.records else "no_records"


def _of_all(decoded: Decoded[Kind], *, final: bool) -> str:
    """Return what was wrong with a slice as it is said of the file."""
    if decoded.fault.startswith("truncated") and not final:
        return "damaged JSON"
    return decoded.fault


def note_unread(report: FileReport, unread: Tallies) -> None:
    """Say in *report* what could not be read of its records, which count all the same."""
    if not unread:
        return
    report.detail = "; ".join(filter(None, (report.detail, unread.text())))
    if report.status == "ok":
        report.status = "partly_read"


# What was exported without the column tells of no key, and looks like one that was never used.
NO_KEYS = "callers without their access key ids, so no call of a key is seen"
_NO_RECORDS = frozenset({"empty", "no records in it"})
# What a name can promise, and how contents begin that are logs perhaps, packed as we do not read.
_PROMISE = re.compile(r"\.(?:json|jsonl|ndjson|csv|log|gz|zst|bz2|xz|zip|parquet)$", re.IGNORECASE)
_PACKED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip within gzip",
}


_HEAD = 512
_TAR = slice(257, 262)  # POSIX, pax: ustar interchange format


def _judge(
    report: FileReport, content: Content, faults: list[str], omitted: list[str], head: bytes
) -> None:
    """Sum up what was found as a status and a detail."""
    problems = [*faults]
    if report.records:
        problems = [fault for fault in problems if fault not in _NO_RECORDS]
    problems += omitted
    packed = next((kind for begins, kind in _PACKED.items() if head.startswith(begins)), "")
    if head[_TAR] == b"ustar":
        packed = "tar"
    if packed and NO_LOG in problems:
        problems = [f"{packed}, which is not read: unpack it first"]
    report.status = _status(report, content, problems)
    report.detail = "; ".join(filter(None, (content.fault, *problems)))


def _status(report: FileReport, content: Content, problems: list[str]) -> Status:
    if content.fault.startswith("larger than"):
        return "too_large"
    cut = any(fault.startswith("truncated") for fault in problems)
    if "truncated" in content.fault or cut:
        return "truncated"
    if report.records:
        return "partly_read" if report.rejected or problems or content.fault else "ok"
    if not problems and not content.fault:
        return "ok"  # CloudTrail does deliver files without records
    return _what_else(report.path, content) if NO_LOG in problems else "no_records"


def _what_else(path: str, content: Content) -> Status:
    """Tell a file that is no log by its name from one that ought to be."""
    if path.endswith(".gz") and not content.packed:
        return "not_gzip"
    return "no_records" if _PROMISE.search(path) else "not_a_log"
