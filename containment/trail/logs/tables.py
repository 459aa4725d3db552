"""Tables of CloudTrail records as text: exports of Athena, Splunk, Kibana, Azure and spreadsheets.

Columns may be fields of a record under any of their names, or hold whole records as JSON.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from containment.trail.logs.ocsf import OPERATION
from containment.trail.logs.schema import names_call

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD_LIMIT = 1 << 24
_HEAD = 1 << 16
_DELIMITERS = (",", "\t", ";", "|")
# Spreadsheets write their delimiter above the header, and PowerShell the type of the rows.
_TYPE = rb"\s*(?:#TYPE [^\r\n]*\r?\n)?"
_SEPARATOR = re.compile(_TYPE + rb"\s*\"?sep=([,;|\t])\"?\r?\n", re.IGNORECASE)
_ABOVE = re.compile(_TYPE)
_NAMES = rb"(?:eventName|eventVersion|eventTime|userIdentity)"
_IN_QUOTES = re.compile(rb"[{,]\s*\"\"" + _NAMES + rb"\"\"\s*:", re.IGNORECASE)
_RECORD = re.compile(rb"[{,]\s*\\*\"+" + _NAMES + rb"\\*\"+\s*:", re.IGNORECASE)


def is_table(content: bytes) -> bool:
    """Tell whether *content* begins as a table of CloudTrail records does."""
    return _dialect(content) is not None


def header_of(content: bytes) -> bytes:
    """Return what of a table stands above its rows, line ends included."""
    above = _SEPARATOR.match(content) or _ABOVE.match(content)
    start = above.end() if above else 0
    return content[: content.find(b"\n", start) + 1]


def holds_records(content: bytes) -> bool:
    """Tell whether *content* begins with something that holds a record as JSON."""
    return _RECORD.search(content, 0, _HEAD) is not None


def table_rows(content: bytes) -> Iterator[dict[str, Any]] | None:
    """Return the rows of a table of CloudTrail records; None if *content* is none."""
    dialect = _dialect(content)
    if dialect is None:
        return None
    csv.field_size_limit(_FIELD_LIMIT)
    start, delimiter = dialect
    return _rows(content[start:], delimiter)


def _dialect(content: bytes) -> tuple[int, str] | None:
    """Return where the header begins and what stands between columns; None for no table."""
    separator = _SEPARATOR.match(content)
    above = separator or _ABOVE.match(content)
    start = above.end() if above else 0
    end = content.find(b"\n", start, start + _HEAD)
    if end < 0:
        return None
    line = content[start:end].decode("utf-8", "replace").strip()
    delimiter = separator[1].decode() if separator else max(_DELIMITERS, key=line.count)
    names = _names(line, delimiter)
    if len(names) > 1 and (names_call(names) or OPERATION in names):
        return start, delimiter
    # No column is a field of a record: then one holds records, in quotes as a table has them.
    quoted = _IN_QUOTES.search(content, end, end + _HEAD)
    if quoted or (delimiter == "\t" and len(names) > 1 and holds_records(content[end:])):
        return (start, delimiter) if "{" not in line else None
    return None


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _rows(content: bytes, delimiter: str) -> Iterator[dict[str, Any]]:
    text = io.StringIO(content.decode("utf-8", "replace"), newline="")
    reader = csv.reader(text, delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader)]
        for row in reader:
            if row:
                yield dict(zip(header, row, strict=False))
    except csv.Error:
        yield {}
