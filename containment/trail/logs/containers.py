"""The forms in which CloudTrail records reach an investigator, read into events.

S3 objects (``{"Records": […]}``), arrays, JSON lines, EventBridge envelopes, LookupEvents answers,
Athena and CloudTrail Lake exports, log subscriptions, search hits. Exact parsing first; what does
not parse as a whole is cut into records, and each record that cannot be read is counted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from containment.trail.logs.envelopes import unwrap
from containment.trail.logs.records import Event, Record, texts
from containment.trail.logs.slices import TOKENS
from containment.trail.logs.tables import csv_rows, record_of_row

if TYPE_CHECKING:
    from collections.abc import Iterable


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


NO_LOG = "neither JSON nor a CloudTrail table"


@dataclass(slots=True)
class Decoded(Generic[Kind]):
    """The records of one file, how many were unreadable, and what was wrong."""

    events: list[Kind]
    rejected: int = 0
    fault: str = ""
    garbled: bool = False  # it was not UTF-8, and bad bytes were replaced

    @property
    def damaged(self) -> bool:
        """Whether some of it could not be read."""
        return bool(self.rejected or self.fault)


_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)


def decode(content: bytes, reader: Reader[Kind]) -> Decoded[Kind]:
    """Read every record of *content*, one document or several, whatever the form."""
    content = content.strip(b" \t\r\n\0")
    if not content:
        return Decoded([], fault="empty")
    garbled = not content.isascii() and not _is_utf8(content)
    if garbled:
        content = content.decode("utf-8", "replace").encode()
    decoded = _exactly(content, reader) or _carefully(content, reader)
    decoded.garbled = garbled
    return decoded


def _exactly(content: bytes, reader: Reader[Kind]) -> Decoded[Kind] | None:
    """Read what CloudTrail itself delivers; None if it is anything else."""
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
    return None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _carefully(content: bytes, reader: Reader[Kind]) -> Decoded[Kind]:
    """Read what the fast path could not: other envelopes, lines, and damaged files."""
    result: Decoded[Kind] = Decoded([])
    if content[:1] not in b"{[":
        rows = csv_rows(content)
        if rows is None:
            result.fault = NO_LOG
        else:
            _take(map(record_of_row, rows), result, reader)
    elif not _unwrapped(content, result, reader) and not (
        b"\n" in content and _lines(content, result, reader)
    ):
        _values(content, result, reader)
    if result.rejected:
        result.fault = result.fault or f"{result.rejected} unreadable records"
    elif not result.events:
        result.fault = result.fault or "no records in it"
    return result


def _unwrapped(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Read one JSON document; False if it is none."""
    try:
        parsed: Any = msgspec.json.decode(content)
    except _UNREADABLE:
        return False
    _take(unwrap(parsed), result, reader)
    return True


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
    whole = sum(line.rstrip().endswith(b"}") and line[:1] == b"{" for line in lines[:50])
    if whole < min(len(lines), 50) / 2:
        return False
    for line in lines:
        if not _unwrapped(line, result, reader) and not _append(line, result, reader):
            result.rejected += 1
    return True


def _values(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> None:
    """Read JSON documents that follow each other without a line between, the last perhaps cut."""
    depth = start = end = stray = 0
    for token in TOKENS.finditer(content):
        bracket = token.group()
        if bracket in (b"{", b"["):
            if not depth:
                start = token.start()
                stray += len(content[end:start].strip())
            depth += 1
        elif bracket in (b"}", b"]") and depth:
            depth -= 1
            if not depth:
                end = token.end()
                value = content[start:end]
                exact = _exactly(value, reader)
                if exact is not None:
                    result.events += exact.events
                elif not _unwrapped(value, result, reader):
                    _elements(value, result, reader)
    if depth:
        _elements(content[start:], result, reader)
        result.fault = "truncated: it ends inside the JSON"
    elif stray + len(content[end:].strip()):
        result.fault = "text that is no JSON between or behind the records"


def _elements(value: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> None:
    """Take the records out of a damaged document by counting brackets outside strings."""
    level = 2 if value[:1] == b"{" else 1
    depth = start = 0
    for token in TOKENS.finditer(value):
        bracket = token.group()
        if bracket in (b"{", b"["):
            if depth == level:
                start = token.start()
            depth += 1
        elif bracket in (b"}", b"]"):
            depth -= 1
            if depth == level and bracket == b"}":
                result.rejected += not _append(value[start : token.end()], result, reader)


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
        except (ValueError, RecursionError, TypeError, AttributeError):
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
