"""Read a file of reports, whatever service or scanner wrote it. Pure.

Several may be in one: a list, a line each, the messages of a queue or a topic around them. What is
of no form that is known is named by its place, never by its text, and spoils no other.

Sources: Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format" (``Message``); Amazon SQS
API Reference, ReceiveMessage (``Messages``, ``Body``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from containment.errors import SpecError
from containment.intake.leaks import MAX_BYTES, read_leaks
from containment.signals import (
    access_analyzer,
    certificate,
    cloudtrail,
    cloudwatch_alarm,
    config_compliance,
    cost,
    credential_report,
    guardduty,
    health,
    ocsf,
    scanners,
    security_hub,
    trace,
)
from containment.signals.fields import documents, member

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.signals.fields import Document
    from containment.signals.signal import Report

# Each is asked in turn; the first that knows the form answers.
PARSERS: tuple[Callable[[Document], list[Report] | None], ...] = (
    security_hub.read,
    guardduty.read,
    ocsf.read,
    health.read,
    access_analyzer.read,
    config_compliance.read,
    cloudwatch_alarm.read,
    cloudtrail.read,
    trace.read,
    credential_report.read,
    cost.read,
    certificate.read,
    scanners.read,
)
_DEEPEST = 8
_MOST = 10_000
_LISTS = ("Findings", "MetricAlarms")


@dataclass(frozen=True, slots=True)
class Reports:
    """What was read: each report once, and what could not be, by its place."""

    reports: tuple[Report, ...]
    unread: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reading:
    reports: dict[tuple[str, str], Report] = field(default_factory=dict[tuple[str, str], "Report"])
    unread: list[str] = field(default_factory=list[str])

    def take(self, reports: list[Report]) -> None:
        for one in reports:
            self.reports.setdefault((one.source, one.id), one)


def read_reports(content: bytes, name: str) -> Reports:
    """Return the reports in *content*, which is what *name* holds.

    Raises:
        SpecError: it is too large, compressed, or holds nothing that is known.
    """
    if len(content) > MAX_BYTES:
        raise SpecError(f"{name} is larger than 64 MiB", remedy="split it")
    if content.startswith(b"\x1f\x8b"):
        raise SpecError(f"{name} is compressed", remedy="unpack it with 'gunzip' first")
    reading = _Reading()
    text = content.decode("utf-8-sig", errors="replace")
    if text.lstrip().startswith(("{", "[")):
        _read_json(text, reading)
    elif (reports := credential_report.of_table(text)) is not None:
        reading.take(reports)
    else:
        leaks = read_leaks(content, name)
        reading.take(scanners.of_leaks(leaks))
        reading.unread.extend(leaks.unread)
    if not reading.reports:
        rows = [f"  {line}" for line in reading.unread[:5]]
        raise SpecError(
            f"{name} holds no report of a leak that is known here",
            remedy="see docs/signals.md for the forms, or say it with --message",
            rows=rows,
        )
    return Reports(tuple(reading.reports.values()), tuple(reading.unread))


def _read_json(text: str, reading: _Reading) -> None:
    try:
        _take(json.loads(text), "entry", 0, reading)
    except RecursionError:
        reading.unread.append("the document: lists in lists too deep to be followed")
    except ValueError:
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    _take(json.loads(line), f"line {number}", 0, reading)
                except (ValueError, RecursionError):
                    reading.unread.append(f"line {number}: not JSON")


def _take(node: Any, place: str, depth: int, reading: _Reading) -> None:
    if depth > _DEEPEST or len(reading.reports) >= _MOST:
        reading.unread.append(f"{place}: too deep, or more than {_MOST} reports")
    elif isinstance(node, list):
        for number, one in enumerate(node, start=1):
            _take(one, f"{place} {number}", depth + 1, reading)
    elif isinstance(node, dict):
        _take_document(cast("Document", node), place, depth, reading)
    else:
        reading.unread.append(f"{place}: no report")


def _take_document(node: Document, place: str, depth: int, reading: _Reading) -> None:
    inner = _inside(node)
    if inner is not None:
        _take(inner, place, depth + 1, reading)
        return
    for parser in PARSERS:
        reports = parser(node)
        if reports is not None:
            if not reports:
                reading.unread.append(f"{place}: a sample, or of no leak that still goes on")
            reading.take(reports)
            return
    reading.unread.append(f"{place}: of a form that is not known")


def _inside(node: Document) -> object:
    """Return what *node* is only the envelope or the list of; None where it is a report itself."""
    if node.get("Type") == "Notification" and isinstance(node.get("Message"), str):
        return _parsed(str(node["Message"]))
    if isinstance(node.get("Messages"), list):
        return [_parsed(str(one.get("Body"))) for one in documents(node, "Messages")]
    for holder in (node, member(node, "detail")):
        for name in _LISTS:
            if isinstance(member(holder, name), list):
                return member(holder, name)
    return None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
