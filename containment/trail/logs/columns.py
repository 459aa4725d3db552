"""Give a row of columns its CloudTrail shape back, whatever the columns are called.

Names are compared without case and punctuation; a value may be JSON in text, a struct as Athena
prints it, or spread over columns with dots. Columns that hold the record's own text are looked at
by :mod:`~containment.trail.logs.envelopes`, which prefers them.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from containment.trail.logs.schema import (
    FREE,
    IDENTITY_FIELDS,
    OF_EVENTS,
    TIMES,
    inner_name,
    is_part,
    place_of,
    squeezed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEEPEST = 8
_LONGEST_PRINT = 1 << 20  # characters; a record has 256 KB at most
_MOST_ITEMS = 1000
# What exports print for a value that is not there.
_NOTHING = frozenset({
    "", "null", "none", "nil", "-", "--", "---", "(null)", "<null>", "[null]", "(none)", "(empty)",
    "(blank)", "nan", "nat", "<na>", "n/a", "#n/a", "\\n", "undefined",
})  # fmt: skip
# Marks a record whose time is the exporter's, which may be when it arrived there.
EXPORTED = " exported"
_MISSING = "NA"  # as R prints it; inside a request it may be a name
# What Splunk's searches have for the errorCode of a call without one, and others after it.
_NO_ERROR = frozenset({"success", "succeeded", "ok", "0", "false", "noerror", "no error"})
_ACCOUNT = re.compile(r"\d{9,11}", re.ASCII)
_ACCOUNT_DIGITS = 12
_WHEN = frozenset({"eventTime", "creationDate"})  # which may be wrapped: {"$date": …}
_INDEX = re.compile(r"(.*)\[(\d{1,3})\]", re.ASCII)


def record_of(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the record whose columns are in *row*; None if they do not name a call."""
    record: dict[str, Any] = {}
    aliases: list[tuple[tuple[str, ...], Any]] = []
    times: dict[str, Any] = {}
    if all(isinstance(value, list) for value in row.values()):  # as Elastic gives "fields"
        row = {name: value[0] if len(value) == 1 else value for name, value in row.items()}
    for column, value in _fields(row):
        place = place_of(column)
        value = cell(value)  # noqa: PLW2901 -- the same cell
        if says_nothing(value) or (place and not place.path[1:] and value == _MISSING):
            continue
        if place is None:
            short = squeezed(column.rsplit(".", 1)[-1])
            if short in TIMES:
                times.setdefault(short, value)
        elif place.alias:
            aliases.append((place.path, value))
        else:
            _put(record, place.path, value)
    for path, value in aliases:
        _put(record, path, value)
    if not isinstance(record.get("eventName"), str):
        return None
    if "eventTime" not in record:
        _date(record, times)
    return record


def _date(record: dict[str, Any], times: Mapping[str, Any]) -> None:
    """Give *record* a time of its exporter's, marked unless that is the event's."""
    name = next((name for name in TIMES if name in times), None)
    if name is not None:
        record["eventTime"] = times[name]
        if name not in OF_EVENTS:
            record[EXPORTED] = True


def says_nothing(value: Any) -> bool:
    """Tell whether *value* is what an export prints where there is none."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def cell(value: Any) -> Any:
    """Return *value* without what a spreadsheet puts around it: ``="…"``, ``'…``, spaces."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.strip("'")


def no_error(value: Any) -> bool:
    """Tell whether *value*, an errorCode, says that there was no error."""
    if isinstance(value, str):
        return says_nothing(value) or value == _MISSING or value.strip().lower() in _NO_ERROR
    return not value


def _fields(row: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        column = f"{before}.{name}" if before else str(name)
        if isinstance(value, dict) and depth < _DEEPEST and not _is_whole(column):
            yield from _fields(value, column, depth + 1)
        else:
            yield column, value


def _is_whole(column: str) -> bool:
    """Tell whether an object at *column* is kept as it is: its names are not the schema's."""
    place = place_of(column)
    return place is not None and (place.path[0] in FREE or place.path[-1] in _WHEN)


def _put(record: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    head, *rest = path
    if head in FREE and rest:
        if not isinstance(record.get(head), dict):
            record[head] = {}  # columns say more than a print of the whole
        _spread(record[head], rest, value)
        return
    if not rest:
        if is_part(head):
            _put_part(record, head, value)
        else:
            record.setdefault(head, _account(head, value))
        return
    node = record.setdefault(head, {})
    for name in rest[:-1]:
        if not isinstance(node, dict):
            return
        node = node.setdefault(name, {})
    if isinstance(node, dict):
        node.setdefault(rest[-1], _account(rest[-1], value))


def _put_part(record: dict[str, Any], name: str, value: Any) -> None:
    """Put a whole part in place; one that is spread over columns as well is kept as columns say."""
    part = parsed(value) if isinstance(value, str) else value
    if name == "userIdentity":
        part = proper_identity(struct(part) if isinstance(part, str) else part)
    elif name == "resources" and isinstance(part, str):
        part = _resources(part)
    elif name in FREE:
        part = _proper_names(part)
    present = record.get(name)
    if isinstance(present, dict) and isinstance(part, dict):
        record[name] = part | present
    elif not isinstance(present, dict | list):
        record[name] = part


def _proper_names(value: Any, depth: int = 0) -> Any:
    """Bring the names that a lineage rests on to CloudTrail's case."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [_proper_names(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    exact = {name for name in value if inner_name(str(name)) == name}
    return {
        name if (proper := inner_name(str(name))) in exact else proper: _proper_names(
            inner, depth + 1
        )
        for name, inner in value.items()
    }


def parsed(text: str) -> Any:
    """Return what *text* holds as JSON, which may be text in JSON once more; else the text.

    So is what Python prints of an object, as tables of pandas have it.
    """
    value: Any = text
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return _printed(value)
    return value


def _printed(text: str) -> Any:
    if not text.startswith(("{'", "[{'")) or len(text) > _LONGEST_PRINT:
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _resources(text: str) -> list[dict[str, Any]]:
    """Read an array of structs as Presto prints it: ``[{arn=…, accountid=…, type=…}, …]``."""
    if not (text.startswith("[{") and text.endswith("}]")):
        return []
    items = [struct("{" + item + "}") for item in text[2:-2].split("}, {")]
    return [
        {"ARN" if name == "arn" else name: inner for name, inner in item.items()} for item in items
    ]


def _account(name: str, value: Any) -> Any:
    """Give an account id the leading zeros back that a spreadsheet takes away."""
    if name not in {"accountId", "recipientAccountId"} or isinstance(value, bool):
        return value
    text = str(value).removesuffix(".0")
    return text.zfill(_ACCOUNT_DIGITS) if _ACCOUNT.fullmatch(text) else text


def _spread(part: dict[str, Any], path: list[str], value: Any) -> None:
    """Put *value* at *path*, where ``name{}``, ``name[0]`` and ``name.0`` are lists."""
    node: Any = part
    for position, raw in enumerate(path):
        rest = path[position + 1 :]
        if raw.endswith("{}"):
            _spread_items(node, raw[:-2], rest, value)
            return
        index = _INDEX.fullmatch(raw)
        name, number = (index[1], index[2]) if index else (raw, "")
        if not number and rest and rest[0].isdecimal() and len(rest[0]) <= 3:  # noqa: PLR2004 -- as _INDEX
            number, rest = rest[0], rest[1:]
        if number:
            item = _item(node.setdefault(name, []), int(number))
            if item is not None:
                _spread(item, rest, value) if rest else item.update({"": value})
            return
        if not rest:
            node.setdefault(name, value)
            return
        node = node.setdefault(name, {})
        if not isinstance(node, dict):
            return


def _spread_items(node: dict[str, Any], name: str, rest: list[str], value: Any) -> None:
    """Put each of several values, as Splunk prints them, into an item of its own."""
    values = value if isinstance(value, list) else str(value).split("\n")
    items = node.setdefault(name, [])
    if not isinstance(items, list):
        return
    if not rest:
        items += values[:_MOST_ITEMS]
        return
    for number, one in enumerate(values[:_MOST_ITEMS]):
        item = _item(items, number)
        if item is not None:
            _spread(item, rest, one)


def _item(items: Any, number: int) -> dict[str, Any] | None:
    if not isinstance(items, list):
        return None
    while len(items) <= number:
        items.append({})
    return items[number] if isinstance(items[number], dict) else None


# "name=" counts as a field only for the known names, so that a "=" inside a value does not.
_FIELD = re.compile(
    r"(?:(?<=[{,] )|(?<=\{))(" + "|".join(sorted(IDENTITY_FIELDS, key=len, reverse=True)) + r")=",
    re.IGNORECASE,
)


def struct(value: str) -> dict[str, Any]:
    """Parse a struct as Presto and Trino print it: ``{name=value, name={…}}``."""
    if not (value.startswith("{") and value.endswith("}")):
        return {}
    fields = list(_FIELD.finditer(value))
    root: dict[str, Any] = {}
    stack: list[dict[str, Any]] = [root]
    for index, field in enumerate(fields):
        end = fields[index + 1].start() if index + 1 < len(fields) else len(value)
        content = value[field.end() : end].rstrip().removesuffix(",")
        name = IDENTITY_FIELDS[field[1].lower()]
        if content.startswith("{"):
            inner: dict[str, Any] = {}
            stack[-1][name] = inner
            stack.append(inner)
            content = content[1:]
            if not content.strip("}"):
                closing = len(content)
                del stack[max(1, len(stack) - closing) :]
            continue
        closing = len(content) - len(content.rstrip("}"))
        plain = content[: len(content) - closing]
        stack[-1][name] = None if plain == "null" else plain
        del stack[max(1, len(stack) - closing) :]
    return root


def proper_identity(value: Any) -> Any:
    """Bring the names in a userIdentity to CloudTrail's case; anything but an object is none."""
    if not isinstance(value, dict):
        return None
    return {
        IDENTITY_FIELDS.get(squeezed(str(name)), name): (
            proper_identity(inner) if isinstance(inner, dict) else inner
        )
        for name, inner in value.items()
    }
