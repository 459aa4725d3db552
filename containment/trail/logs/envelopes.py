"""Find CloudTrail records in whatever they are wrapped in on their way to an investigator.

A record is looked for in every object, list and JSON text inside, to a bounded depth, and known by
its fields and not by the names around it: EventBridge, SNS, SQS and Kinesis deliveries, log
subscriptions, search hits, exports of Splunk, Elastic, Athena, CloudTrail Lake, CloudWatch Logs and
Azure Monitor, OCSF events. The parts of a record that a caller fills are never searched.

Source: CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions" (control
messages, gzip in base64); Amazon SNS Developer Guide, "Parsing Amazon SNS message formats"; S3 User
Guide, "Event message structure" (notifications, test event); CloudTrail User Guide, "CloudTrail
record contents for Insights events" and "CloudTrail digest file structure".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from containment.trail.logs.columns import record_of
from containment.trail.logs.ocsf import is_ocsf, record_of_ocsf
from containment.trail.logs.schema import names_call, place_of
from containment.trail.logs.tables import holds_records

# Who tells that an object was made, in the words of a record; a record names a service's domain.
NOTIFIER = "aws:s3"
_DEEPEST = 24
_LARGEST = 1 << 24  # of what is packed inside a message; Kinesis takes 10 MB
_HEAD = 1 << 16  # characters, where a record's first names are
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PACKED = ("H4sI", "eyJ", "eyA", "W3si", "eyAi", "ewog")  # gzip and JSON objects in base64
_FIRST_NAME = re.compile(r'[\[{\s]*"(\w{1,40})"\s*:', re.ASCII)
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeError)


@dataclass(slots=True)
class Contents:
    """What an item holds: records, and how many things that ought to be records and are not.

    *control* is how many messages hold no record and are not meant to.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    unreadable: int = 0
    control: int = 0

    @property
    def nothing(self) -> bool:
        """Whether neither a record nor a fault nor a control message was seen."""
        return not (self.records or self.unreadable or self.control)

    def add(self, other: Contents) -> None:
        """Take in what *other* holds."""
        self.records += other.records
        self.unreadable += other.unreadable
        self.control += other.control


def records_in(item: Any, depth: int = 0) -> Contents:
    """Return the CloudTrail records inside *item*."""
    if depth > _DEEPEST:
        return Contents(unreadable=1)
    if isinstance(item, dict):
        return _in_object(item, depth)
    if isinstance(item, list):
        return _in_list(item, depth)
    if isinstance(item, str):
        return _in_text(item, depth)
    return Contents()


def _in_object(item: dict[str, Any], depth: int) -> Contents:
    if _is_control(item):
        return Contents(control=1)
    if _is_record(item):
        return Contents([item])
    if "detail-type" in item and not str(item.get("source", "aws.")).startswith("aws."):
        return Contents(unreadable=1)  # anybody may put such an event, with any detail
    if is_ocsf(item):
        record = record_of_ocsf(item)
        return Contents([record]) if record else Contents(unreadable=1)
    rows = _rows_of(item)
    table = _in_list(rows, depth + 1) if rows else Contents()
    return table if table.records else _in_row(item, depth)


def _in_row(item: dict[str, Any], depth: int) -> Contents:
    """Return the record that *item* is or has a column for, or else those anywhere inside."""
    row = record_of(item) if _may_be_row(item) else None
    inside = Contents()
    for name, value in item.items():
        if isinstance(value, dict | list | str) and not (row and place_of(str(name))):
            inside.add(records_in(value, depth + 1))
    if row is None:
        return inside
    whole = [record for record in inside.records if _is_of(record, row)]
    # What else lies in a row is not the row's: a caller may have put it there.
    return Contents([whole[0] if whole else row])


def _in_list(items: list[Any], depth: int) -> Contents:
    pairs = _pairs(items)
    if pairs is not None:
        return records_in(pairs, depth + 1)
    contents = Contents()
    nothing, whole = 0, False
    for item in items:
        inside = records_in(item, depth + 1)
        contents.add(inside)
        nothing += inside.nothing
        whole = whole or (bool(inside.records) and not isinstance(item, str))
    # Beside a record there ought to be others; beside the text of one there are other columns.
    contents.unreadable += nothing if whole else 0
    return contents


def _in_text(text: str, depth: int) -> Contents:
    text = text.strip()
    if text[:1] in {"{", "["} or text[:2] in {'"{', '"['}:
        try:
            return records_in(msgspec.json.decode(text.encode("utf-8", "replace")), depth + 1)
        except _UNREADABLE:
            return _in_lines(text, depth)
    if (start := text.find("{")) > 0 and holds_records(text[start : start + _HEAD].encode()):
        return records_amid(text, start, depth + 1)
    if text.startswith(_PACKED) and _BASE64.fullmatch(text):
        return _in_packed(text, depth)
    return Contents()


def _in_lines(text: str, depth: int) -> Contents:
    """Return the records of *text*, which is JSON lines, or is cut."""
    try:
        return records_in(_lines.decode_lines(text.encode("utf-8", "replace")), depth + 1)
    except _UNREADABLE:
        return Contents(unreadable=_begins_record(text))


def records_amid(text: str, start: int, depth: int = 0) -> Contents:
    """Return the records of the JSON in *text* from *start* on, with other text between.

    What cannot be read ends it, and counts unless it is the end of other text.
    """
    contents = Contents()
    while start >= 0:
        try:
            document, end = _decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            rest = text[start : start + _HEAD].encode("utf-8", "replace")
            contents.unreadable += contents.nothing or holds_records(rest)
            break
        contents.add(records_in(document, depth))
        start = text.find("{", end)
    return contents


_decoder = json.JSONDecoder()


def _begins_record(text: str) -> bool:
    """Tell whether *text*, which is no whole JSON, begins as a record does: somebody cut it."""
    first = _FIRST_NAME.match(text)
    return first is not None and place_of(first[1]) is not None


def _in_packed(text: str, depth: int) -> Contents:
    """Look into base64, which a stream gives its messages in, and gzip within it."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        return Contents()
    try:
        if content.startswith(b"\x1f\x8b"):
            unpacker = zlib.decompressobj(31)
            content = unpacker.decompress(content, _LARGEST)
            if not unpacker.eof:
                return Contents(unreadable=1)
        documents = _lines.decode_lines(content)
    except (zlib.error, *_UNREADABLE):
        return Contents(unreadable=1)
    return records_in(documents, depth + 1)


_lines = msgspec.json.Decoder()


def _is_record(item: dict[str, Any]) -> bool:
    """Tell whether *item* is a record in CloudTrail's own form."""
    return (
        isinstance(item.get("eventName"), str)
        and isinstance(item.get("eventTime"), str)
        and isinstance(item.get("userIdentity"), dict)
    )


def _may_be_row(item: dict[str, Any]) -> bool:
    """Tell whether the columns of *item* name a call and say something more about it."""
    if not names_call(item):
        # Elastic nests what other exports print side by side.
        event = item.get("event")
        return isinstance(event, dict) and "action" in event and "aws" in item
    return True


def _is_of(record: dict[str, Any], row: dict[str, Any]) -> bool:
    """Tell whether *record* is the whole of which *row* shows some columns."""
    for name in ("eventName", "eventID", "eventSource"):
        if row.get(name) and record.get(name) != row[name]:
            return False
    whole_identity, row_identity = record.get("userIdentity"), row.get("userIdentity")
    if isinstance(whole_identity, dict) and isinstance(row_identity, dict):
        for name in ("accessKeyId", "arn"):
            if row_identity.get(name) and row_identity[name] != whole_identity.get(name):
                return False
    return True


def _is_control(item: dict[str, Any]) -> bool:
    """Tell whether *item* is a message that holds no record and is not meant to."""
    return (
        item.get("messageType") == "CONTROL_MESSAGE"
        or item.get("Type") in {"SubscriptionConfirmation", "UnsubscribeConfirmation"}
        or item.get("Event") == "s3:TestEvent"
        or item.get("eventSource") == NOTIFIER
        or "digestStartTime" in item
        or _is_other_event(item)
        or item.get("eventType") == "AwsCloudTrailInsight"
        or "insightDetails" in item
        or ("lastrow" in item and "result" not in item)
        or ("s3ObjectKey" in item and "s3Bucket" in item)
        or (len(item) == 1 and "_index" in (item.get("index") or item.get("create") or ()))
    )


def _is_other_event(item: dict[str, Any]) -> bool:
    """Tell whether *item* is an event of EventBridge by AWS that CloudTrail has no part in."""
    return (
        "detail-type" in item
        and str(item.get("source")).startswith("aws.")
        and "CloudTrail" not in str(item["detail-type"])
    )


def _pairs(items: list[Any]) -> dict[str, Any] | None:
    """Return a row that is a list of its fields: ``[{field: …, value: …}, …]`` or ``[{a: 1}, …]``.

    CloudWatch Logs Insights and CloudTrail Lake print rows so.
    """
    row: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict):
            return None
        if len(item) == 1:
            ((name, value),) = item.items()
            if isinstance(value, dict | list):
                return None
        elif len(item) == 2:  # noqa: PLR2004 -- a name and a value
            lowered = {str(key).lower(): inner for key, inner in item.items()}
            name = lowered.get("field", lowered.get("name", lowered.get("key")))
            if "value" not in lowered or not isinstance(name, str):
                return None
            value = lowered["value"]
        else:
            return None
        row[str(name)] = value
    return row if len(row) == len(items) > 1 else None


def _rows_of(item: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of a table that is given as names and lists of values; None for no table."""
    athena = item.get("ResultSet", item)
    if isinstance(athena, dict) and isinstance(data := athena.get("Rows"), list):
        cells = [row for one in data if (row := _cells(one)) is not None]
        if cells and len(cells) == len(data):
            return [dict(zip(map(str, cells[0]), row, strict=False)) for row in cells[1:]]
    lists = {name: value for name, value in item.items() if isinstance(value, list) and value}
    for name, names in lists.items():
        header = [column for one in names if (column := _column(one)) is not None]
        for other, rows in lists.items() if len(header) == len(names) > 1 else ():
            if other == name or not all(isinstance(row, list) for row in rows):
                continue
            if all(len(row) == len(header) for row in rows):
                return [dict(zip(header, row, strict=True)) for row in rows]
            if len(rows) == len(header) and len({len(row) for row in rows}) == 1:
                return [dict(zip(header, row, strict=True)) for row in zip(*rows, strict=True)]
    return None


def _column(column: Any) -> str | None:
    if isinstance(column, dict):
        column = column.get("name", column.get("Name"))
    return column if isinstance(column, str) else None


def _cells(row: Any) -> list[Any] | None:
    """Return the cells of a row as Athena's GetQueryResults prints it."""
    cells = row.get("Data") if isinstance(row, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    return [cell.get("VarCharValue") for cell in cells]
