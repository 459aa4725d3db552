"""Rows of the CloudTrail table as Athena and CloudTrail Lake export them.

Names are in lower case, requestparameters and responseelements are JSON in a string, and in CSV
the struct useridentity is printed by Presto as ``{type=IAMUser, principalid=AIDA…, …}``.

Source: Athena User Guide, "Create a table for CloudTrail logs in Athena using manual
partitioning" (column names and struct fields).
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = {
    name.lower(): name
    for name in (
        "eventVersion",
        "userIdentity",
        "eventTime",
        "eventSource",
        "eventName",
        "awsRegion",
        "sourceIPAddress",
        "userAgent",
        "errorCode",
        "errorMessage",
        "requestParameters",
        "responseElements",
        "additionalEventData",
        "requestID",
        "eventID",
        "readOnly",
        "resources",
        "eventType",
        "recipientAccountId",
        "sharedEventID",
        "vpcEndpointId",
        "sessionCredentialFromConsole",
    )
}
_STRUCT_FIELDS = {
    name.lower(): name
    for name in (
        "type",
        "principalId",
        "arn",
        "accountId",
        "invokedBy",
        "accessKeyId",
        "userName",
        "sessionContext",
        "attributes",
        "mfaAuthenticated",
        "creationDate",
        "sessionIssuer",
        "sourceIdentity",
        "webIdFederationData",
        "ec2RoleDelivery",
        "inScopeOf",
        "issuerType",
        "credentialsIssuedTo",
        "onBehalfOf",
        "userId",
        "identityStoreArn",
        "identityProvider",
    )
}
# "name=" counts as a field only for the known names, so that a "=" inside a value does not.
_FIELD = re.compile(
    r"(?:(?<=[{,] )|(?<=\{))(" + "|".join(sorted(_STRUCT_FIELDS, key=len, reverse=True)) + r")=",
    re.IGNORECASE,
)
_FIELD_LIMIT = 1 << 24


def is_table(content: bytes) -> bool:
    """Tell whether *content* begins as a CSV export of the CloudTrail table does."""
    head = content[:4096].split(b"\n", 1)[0].lower()
    return b"eventname" in head and (b"useridentity" in head or b"cloudtrailevent" in head)


def csv_rows(content: bytes) -> Iterator[dict[str, Any]] | None:
    """Return the rows of a CSV export of the CloudTrail table; None if *content* is none."""
    csv.field_size_limit(_FIELD_LIMIT)
    return _rows(content) if is_table(content) else None


def _rows(content: bytes) -> Iterator[dict[str, Any]]:
    reader = csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline=""))
    try:
        header = [name.strip().lower() for name in next(reader)]
        for row in reader:
            if row:
                yield dict(zip(header, row, strict=False))
    except csv.Error:
        yield {}


def record_of_row(row: dict[str, Any]) -> dict[str, Any] | None:
    """Give a row its CloudTrail shape back; None if it is no record."""
    if not row.get("eventname"):
        return None
    record: dict[str, Any] = {}
    for column, name in _COLUMNS.items():
        value = row.get(column)
        if value is None or value in ("", "null", "NULL"):
            continue
        if isinstance(value, str) and name in _NESTED:
            value = _nested(value)
        record[name] = _proper_case(value) if name == "userIdentity" else value
    if isinstance(record.get("eventTime"), int | float):
        record.pop("eventTime")
    return record


_NESTED = frozenset(
    {"userIdentity", "requestParameters", "responseElements", "additionalEventData", "resources"}
)


def _nested(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    if value.startswith("{") and value.endswith("}"):
        return _struct(value)
    return None


def _struct(value: str) -> dict[str, Any]:
    """Parse Presto's print of a struct: ``{name=value, name={…}}``."""
    fields = list(_FIELD.finditer(value))
    root: dict[str, Any] = {}
    stack: list[dict[str, Any]] = [root]
    for index, field in enumerate(fields):
        end = fields[index + 1].start() if index + 1 < len(fields) else len(value)
        content = value[field.end() : end].rstrip().removesuffix(",")
        name = _STRUCT_FIELDS[field[1].lower()]
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


def _proper_case(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    return {
        _STRUCT_FIELDS.get(str(name).lower(), name): (
            _proper_case(inner) if isinstance(inner, dict) else inner
        )
        for name, inner in value.items()
    }
