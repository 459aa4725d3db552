"""The forms in which CloudTrail records reach an investigator, read into events.

What CloudTrail itself delivers (S3 objects ``{"Records": […]}``, arrays, JSON lines) is decoded
exactly. All else is parsed and searched for records: other JSON, tables, lines with JSON in them,
and damaged files. What cannot be read is counted by its reason, with an example.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from containment.trail.logs.columns import EXPORTED, parsed, proper_identity, struct
from containment.trail.logs.envelopes import NOTIFIER, Contents, records_amid, records_in
from containment.trail.logs.records import (
    NO_PART,
    NO_TIME,
    ODD_ACCOUNT,
    Event,
    Record,
    Request,
    is_odd_account,
    part_shown,
    texts,
    value_at,
)
from containment.trail.logs.slices import TOKENS
from containment.trail.logs.tables import holds_records, table_rows
from containment.trail.logs.tallies import Tallies
from containment.trail.logs.times import can_be_logged, read_time, unwrapped

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
REQUESTS = Reader(Request, _Envelope[Request], list[Request])


NO_LOG = "neither JSON nor a CloudTrail table"
NO_RECORD = "unreadable"


@dataclass(slots=True)
class Decoded(Generic[Kind]):
    """The records of one file, what was left out and why, what was assumed, what was wrong."""

    events: list[Kind]
    omissions: Tallies = field(default_factory=Tallies)
    assumptions: Tallies = field(default_factory=Tallies)
    fault: str = ""
    control: int = 0  # messages that hold no record and are not meant to
    # Of callers who sign with an access key: how many name it, where columns were read.
    keyed: int = 0
    keyless: int = 0
    garbled: bool = False  # it was not UTF-8, and bad bytes were replaced

    @property
    def damaged(self) -> bool:
        """Whether some of it could not be read."""
        return bool(NO_RECORD in self.omissions or self.fault)


NOT_ITS_OWN = "records without a time of their own, dated by their exporter's"
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
    _leave_out_impossible(decoded)
    return decoded


def decode_rows(rows: Iterable[dict[str, Any]], reader: Reader[Kind]) -> Decoded[Kind]:
    """Read the records of *rows*, in whatever columns they are."""
    result: Decoded[Kind] = Decoded([])
    _take(map(records_in, rows), result, reader)
    _leave_out_impossible(result)
    return result


def _leave_out_impossible(decoded: Decoded[Kind]) -> None:
    """Leave out records of a time at which AWS logged nothing: it stands for one not known."""
    odd = [event for event in decoded.events if not can_be_logged(event.event_time)]
    if odd:
        decoded.events = [event for event in decoded.events if can_be_logged(event.event_time)]
        decoded.omissions.count(NO_TIME, odd[0].time, len(odd))


def _exactly(content: bytes, reader: Reader[Kind]) -> Decoded[Kind] | None:
    """Read what CloudTrail itself delivers; None if it is anything else."""
    try:
        if content[:1] == b"{":
            # A line for a record and one record alone look the same; the envelope is the rule.
            records = reader.envelope.decode(content).Records
            if records is not msgspec.UNSET and not _are_notifications(records):
                return Decoded(records)
        elif content[:1] == b"[":
            records = reader.array.decode(content)
            if not _are_notifications(records):
                return Decoded(records)
    except _UNREADABLE:
        pass
    return None


def _are_notifications(records: list[Kind]) -> bool:
    """Tell whether *records* are S3's own events, which are written in the words of records."""
    return bool(records) and NOTIFIER in {records[0].event_source, records[-1].event_source}


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _carefully(content: bytes, reader: Reader[Kind]) -> Decoded[Kind]:
    """Read what the fast path could not: other envelopes, tables, lines, and damaged files."""
    result: Decoded[Kind] = Decoded([])
    if content[:1] not in b"{[":
        rows = table_rows(content)
        if rows is not None:
            _take(map(records_in, rows), result, reader)
        elif not (holds_records(content) and _embedded(content, result, reader)):
            result.fault = NO_LOG
    elif not _document(content, result, reader) and not (
        b"\n" in content and _lines(content, result, reader)
    ):
        _values(content, result, reader)
    if not result.events and not result.omissions and not result.control:
        result.fault = result.fault or "no records in it"
    return result


def _document(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Read one JSON document; False if it is none."""
    try:
        document: Any = msgspec.json.decode(content)
    except _UNREADABLE:
        return False
    contents = records_in(document)
    if not contents.nothing:  # a document without records is told as such, not as a bad record
        _take([contents], result, reader)
    return True


def _lines(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Read JSON lines; False (and nothing read) when the content is not lines at all."""
    try:
        events: Any = reader.one.decode_lines(content)
        if events and not any(event.event_source == NOTIFIER for event in events):
            result.events = events
            return True
    except _UNREADABLE:
        pass
    lines = [line for line in content.split(b"\n") if line.strip()]
    whole = sum(line.rstrip().endswith(b"}") and line[:1] == b"{" for line in lines[:50])
    if whole < min(len(lines), 50) / 2:
        return False
    documents: list[Contents] = []
    for line in lines:
        exact = _exactly(line, reader)
        if exact is not None:
            result.events += exact.events
        elif not _append(line, result, reader):
            documents.append(_contents_of(line))
    if result.events or any(item.records or item.control for item in documents):
        _take(documents, result, reader)
    elif unreadable := sum(document.unreadable for document in documents):
        result.omissions.count(NO_RECORD, number=unreadable)  # the other lines are no log at all
    return True


def _embedded(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Read lines with JSON behind a time or other text; False if no record is in them."""
    documents: list[Contents] = []
    for line in content.decode("utf-8", "replace").split("\n"):
        start = line.find("{")
        if start >= 0:
            documents.append(records_amid(line, start))
    if not any(document.records for document in documents):
        return False
    _take(documents, result, reader)
    return True


def _is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
    except _UNREADABLE:
        return False
    return True


def _contents_of(line: bytes) -> Contents:
    try:
        return records_in(msgspec.json.decode(line))
    except _UNREADABLE:
        return Contents(unreadable=1)


_BETWEEN = b" \t\r\n,"  # as documents cut out of an array have


def _values(content: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> None:
    """Read JSON documents that follow each other without a line between, the last perhaps cut."""
    depth = start = end = stray = 0
    for token in TOKENS.finditer(content):
        bracket = token.group()
        if bracket in (b"{", b"["):
            if not depth:
                start = token.start()
                stray += len(content[end:start].strip(_BETWEEN))
            depth += 1
        elif bracket in (b"}", b"]") and depth:
            depth -= 1
            if not depth:
                end = token.end()
                _value(content[start:end], result, reader)
    if depth:
        _elements(content[start:], result, reader)
        result.fault = "truncated: it ends inside the JSON"
    elif stray + len(content[end:].strip(_BETWEEN)):
        result.fault = "text that is no JSON between or behind the records"


def _value(value: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> None:
    exact = _exactly(value, reader)
    if exact is not None:
        result.events += exact.events
    elif _append(value, result, reader):
        pass
    elif _is_json(value):
        _take([_contents_of(value)], result, reader)
    else:
        _elements(value, result, reader)


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
                part = value[start : token.end()]
                if not _append(part, result, reader):
                    _take([_loosely(part)], result, reader)


def _loosely(part: bytes) -> Contents:
    """Parse with Python's decoder, which takes what the exact one refuses."""
    try:
        return records_in(json.loads(part))
    except (ValueError, RecursionError):
        return Contents(unreadable=1)


def _append(raw: bytes, result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Add the record that *raw* is, in CloudTrail's own form; False if it is none."""
    try:
        event: Any = reader.one.decode(raw)
    except _UNREADABLE:
        return False
    if event.event_source == NOTIFIER:
        return False
    result.events.append(event)
    return True


def _take(documents: Iterable[Contents], result: Decoded[Kind], reader: Reader[Kind]) -> None:
    """Add the records of *documents*, each of which ought to hold one at least."""
    for contents in documents:
        result.control += contents.control
        unreadable = contents.unreadable + contents.nothing
        for record in contents.records:
            unreadable += not _add(record, result, reader)
        if unreadable:
            result.omissions.count(NO_RECORD, number=unreadable)


def _add(record: dict[str, Any], result: Decoded[Kind], reader: Reader[Kind]) -> bool:
    """Bring *record* to CloudTrail's own form and add it; False if that cannot be done.

    One without a readable time is counted as such: whether it matters cannot be told.
    """
    when = unwrapped(record.get("eventTime"))
    reading = read_time(when) if isinstance(when, str | int | float) else None
    if reading is None:
        result.omissions.count(NO_TIME, "" if when is None else when)
        return True
    if reading.assumed:
        result.assumptions.count(reading.assumed, when)
    account = record.get("recipientAccountId")
    if isinstance(account, str) and is_odd_account(account):
        result.omissions.count(ODD_ACCOUNT, account)
        return True
    who = _identity(record)
    usual = record | {"eventTime": reading.moment.isoformat(), "userIdentity": who}
    if EXPORTED in record:
        result.assumptions.count(NOT_ITS_OWN, when)
    _count_keys(who, result)
    for name in _OFTEN_TEXT:
        value = usual.get(name)
        if isinstance(value, str) and (value[:1] in {"{", "["} or value == "null"):
            usual[name] = part = parsed(value)
            if isinstance(part, str):
                usual[name] = None
                result.assumptions.count(NO_PART, part_shown(value))
    try:
        event: Any = reader.one.decode(_json(usual))
    except _UNREADABLE:
        try:
            event = reader.one.decode(_json(_tame(usual)))
        except (ValueError, RecursionError, TypeError, AttributeError):
            return False
    result.events.append(event)
    return True


def _count_keys(who: Any, result: Decoded[Kind]) -> None:
    if isinstance(who, dict) and who.get("type", "IAMUser") in _SIGNERS:
        result.keyed += bool(who.get("accessKeyId"))
        result.keyless += not who.get("accessKeyId")


def _identity(record: dict[str, Any]) -> Any:
    """Return the userIdentity of *record* with CloudTrail's names and times."""
    who = record.get("userIdentity")
    if isinstance(who, str):
        loaded = parsed(who)
        who = proper_identity(struct(loaded) if isinstance(loaded, str) else loaded)
    attributes = value_at(who, "sessionContext", "attributes")
    if not (isinstance(who, dict) and isinstance(attributes, dict)):
        return who
    created = unwrapped(attributes.get("creationDate"))
    reading = read_time(created) if isinstance(created, str | int | float) else None
    if reading is None:
        return who
    session = {**who["sessionContext"], "attributes": attributes | {"creationDate": reading.text}}
    return who | {"sessionContext": session}


def _json(record: object) -> bytes:
    return json.dumps(record).encode("utf-8", "backslashreplace")


# Whose calls are signed with an access key, but for a sign-in to the console.
_SIGNERS = frozenset({"IAMUser", "AssumedRole", "FederatedUser"})
_OFTEN_TEXT = ("requestParameters", "responseElements", "additionalEventData", "resources")
_FREE = frozenset({*_OFTEN_TEXT, "userIdentity"})
_TRUTHS = frozenset({"readOnly", "sessionCredentialFromConsole"})


def _tame(record: dict[str, Any]) -> dict[str, Any]:
    """Bring an exporter's slips into the record's types; the free-form parts are free anyway."""
    tame = texts({name: value for name, value in record.items() if name not in _FREE})
    tame |= {name: record[name] for name in _FREE & record.keys()}
    return tame | {name: bool(record[name]) for name in _TRUTHS & record.keys()}
