"""The forms in which CloudTrail records reach an investigator, read into events.

S3 objects (``{"Records": […]}``), arrays, JSON lines, EventBridge envelopes, LookupEvents answers,
Athena and CloudTrail Lake exports, log subscriptions, search hits. Exact parsing first; what does
not parse as a whole is cut into records, and each record that cannot be read is counted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from containment.trail.records import Event, Record, texts
from containment.trail.tables import csv_rows, record_of_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


Kind = TypeVar("Kind", bound=Record)


class _Envelope(msgspec.Struct, Generic[Kind]):
    Records: list[Kind] | msgspec.UnsetType = msgspec.UNSET


class Reader(Generic[Kind]):
    """The decoders of one kind of record: lean for the index, whole for the report."""

    def __init__(
        self, kind: type[Kind], envelope: type[_Envelope[Kind]], array: type[list[Kind]]
    ) -> None:
        self.envelope = msgspec.json.Decoder(envelope)
        self.array = msgspec.json.Decoder(array)
        self.one = msgspec.json.Decoder(kind)


LEAN = Reader(Record, _Envelope[Record], list[Record])
WHOLE = Reader(Event, _Envelope[Event], list[Event])


@dataclass(slots=True)
class Decoded(Generic[Kind]):
    """The records of one file, how many were unreadable, and what was wrong."""

    events: list[Kind]
    rejected: int = 0
    fault: str = ""


_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)
_DEPTH = 16


def decode(content: bytes, reader: Reader[Kind]) -> Decoded[Kind]:
    """Read every record of *content*, whatever its form."""
    content = _utf8(content).strip(b" \t\r\n\0")
    if not content:
        return Decoded([], fault="empty")
    if not content.isascii() and not _is_utf8(content):
        return _carefully(content, reader)
    try:
        if content[:1] == b"{":
            # A line for a record and one record alone look the same; the envelope is the rule.
            records = reader.envelope.decode(content).Records
            if records is not msgspec.UNSET:
                return Decoded(records)
        elif content[:1] == b"[":
            return Decoded(reader.array.decode(content))
    except _UNREADABLE:
        pass
    return _carefully(content, reader)


def _utf8(content: bytes) -> bytes:
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(name, "replace").encode("utf-8", "backslashreplace")
    return content


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _carefully(content: bytes, reader: Reader[Kind]) -> Decoded[Kind]:
    """Read what the fast path could not: other envelopes, lines, and damaged files."""
    fault = ""
    if not _is_utf8(content):
        content = content.decode("utf-8", "replace").encode()
        fault = "not UTF-8: bad bytes were replaced"
    result: Decoded[Kind] = Decoded([], fault=fault)
    if content[:1] not in b"{[":
        rows = csv_rows(content)
        if rows is None:
            result.fault = "no records: neither JSON nor a CloudTrail table"
            return result
        _take(map(record_of_row, rows), result, reader)
        return result
    try:
        parsed: Any = msgspec.json.decode(content)
    except _UNREADABLE:
        if b"\n" in content and _lines(content, result, reader):
            return result
        _cut(content, result, reader)
        return result
    _take(_unwrap(parsed, 0), result, reader)
    if not result.events and not result.rejected:
        result.fault = result.fault or "no records in it"
    result.fault = result.fault or _unreadable(result.rejected)
    return result


def _unreadable(rejected: int) -> str:
    return f"{rejected} unreadable records" if rejected else ""


def _lines(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Read JSON lines; False (and nothing read) when the content is not lines at all."""
    try:
        events = reader.one.decode_lines(content)
        if events:
            result.events = events
            return True
    except _UNREADABLE:
        pass
    lines = [line for line in content.split(b"\n") if line.strip()]
    first_ends = sum(line.rstrip().endswith(b"}") and line[:1] == b"{" for line in lines[:50])
    if first_ends < min(len(lines), 50) / 2:
        return False
    for line in lines:
        try:
            _take(_unwrap(msgspec.json.decode(line), 0), result, reader)
        except _UNREADABLE:
            result.rejected += not _append(line, result, reader)
    if result.rejected:
        result.fault = result.fault or f"{result.rejected} unreadable lines"
    return True


def _take(
    records: Iterable[dict[str, Any] | None], result: Decoded[Kind], reader: Reader[Kind]
) -> None:
    for record in records:
        if record is None or not _append(_json(record), result, reader):
            result.rejected += 1


def _append(raw: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Add the record that *raw* holds; False if there is none."""
    try:
        event = reader.one.decode(raw)
    except _UNREADABLE:
        try:
            event = reader.one.decode(_json(_tame(json.loads(raw))))
        except (ValueError, RecursionError, TypeError):
            return False
    result.events.append(event)
    return True


def _json(record: object) -> bytes:
    return json.dumps(record).encode("utf-8", "backslashreplace")


_FREE = frozenset(
    {"userIdentity", "requestParameters", "responseElements", "additionalEventData", "resources"}
)
_TRUTHS = frozenset({"readOnly", "sessionCredentialFromConsole"})


def _tame(record: dict[str, Any]) -> dict[str, Any]:
    """Bring an exporter's slips into the record's types; the free-form parts are free anyway."""
    tame = texts({name: value for name, value in record.items() if name not in _FREE})
    tame |= {name: record[name] for name in _FREE & record.keys()}
    return tame | {name: bool(record[name]) for name in _TRUTHS & record.keys()}


def _unwrap(item: Any, depth: int) -> Iterator[dict[str, Any] | None]:  # noqa: C901, PLR0911, PLR0912
    """Yield the CloudTrail records inside *item*; None for each thing that holds none."""
    if depth > _DEPTH:
        yield None
        return
    if isinstance(item, str):
        try:
            item = json.loads(item)
        except (ValueError, RecursionError):
            yield None
            return
    if isinstance(item, list):
        for part in item:
            yield from _unwrap(part, depth + 1)
        return
    if not isinstance(item, dict):
        yield None
        return
    if "eventName" in item or ("userIdentity" in item and "eventSource" in item):
        yield item
        return
    lowered = {str(name).lower() for name in item}
    if "eventname" in lowered and "useridentity" in lowered:
        yield record_of_row({str(name).lower(): value for name, value in item.items()})
        return
    if "QueryResultRows" in item:  # CloudTrail Lake's GetQueryResults: a list of pairs a row
        rows = item["QueryResultRows"]
        for row in rows if isinstance(rows, list) else []:
            pairs = (
                [pair for pair in row if isinstance(pair, dict)] if isinstance(row, list) else []
            )
            yield from _unwrap({k: v for pair in pairs for k, v in pair.items()}, depth + 1)
        return
    for name in _INSIDE:
        if item.get(name) is not None:
            yield from _unwrap(item[name], depth + 1)
            return
    if item.get("eventType") == "AwsCloudTrailInsight" or "insightDetails" in item:
        return
    if depth:
        yield None


# S3 object, LookupEvents, EventBridge, a log subscription, search engines' hits.
_INSIDE = (
    "Records",
    "Events",
    "CloudTrailEvent",
    "detail",
    "logEvents",
    "message",
    "eventJson",
    "eventjson",
    "hits",
    "_source",
    "_raw",
)

_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[{}\[\]]', re.DOTALL)


def _cut(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> None:
    """Cut a damaged file into its records by counting brackets outside strings."""
    level = 2 if content[:1] == b"{" else 1
    depth = start = 0
    for token in _TOKENS.finditer(content):
        mark = token.group()
        if mark in (b"{", b"["):
            if depth == level and mark == b"{":
                start = token.start()
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth == level and mark == b"}":
                piece = content[start : token.end()]
                if not _append(piece, result, reader):
                    result.rejected += 1
            elif depth <= 0:
                break
    if depth > 0:
        result.fault = "truncated: it ends inside the JSON"
    else:
        result.fault = result.fault or _unreadable(result.rejected)
    if not result.events and not result.rejected and not result.fault:
        result.fault = "no records in it"
