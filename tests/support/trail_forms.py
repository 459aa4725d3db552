# ruff: noqa: E501 -- a table of forms reads best with one form a line
"""The forms in which CloudTrail records reach an investigator, and a way to read them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containment.trail.logs.containers import WHOLE
from containment.trail.logs.files import FileReport
from containment.trail.logs.reading import read
from containment.trail.logs.records import Event

if TYPE_CHECKING:
    from trail_scene import Record


def report(path: Path, content: bytes, largest: int = 1 << 24) -> tuple[list[Event], FileReport]:
    path.write_bytes(content)
    events: list[Event] = []
    return events, read(str(path), WHOLE, events.extend, largest)


def lines(records: list[Record]) -> str:
    return "\n".join(map(json.dumps, records))


def athena(records: list[Record]) -> str:
    """As Athena prints the table of its documentation: names in lower case, structs as text."""

    def struct(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k.lower()}={struct(v)}" for k, v in value.items()) + "}"
        return "null" if value is None else str(value)

    out = io.StringIO()
    names = list(records[0])
    table = csv.writer(out, quoting=csv.QUOTE_ALL)
    table.writerow(name.lower() for name in names)
    for record in records:
        row = []
        for name in names:
            value = record.get(name)
            if name == "userIdentity":
                row.append(struct(value))
            else:
                row.append(json.dumps(value) if isinstance(value, dict) else value or "")
        table.writerow(row)
    return out.getvalue()


FORMS: dict[str, Any] = {
    "an S3 object": lambda r: json.dumps({"Records": r}),
    "an S3 object with spaces": lambda r: json.dumps({"Records": r}, indent=4),
    "keys in another order": lambda r: json.dumps({"x": 1, "Records": [dict(reversed(list(i.items()))) for i in r]}),
    "an array": json.dumps,
    "JSON lines": lines,
    "JSON lines with Windows ends": lambda r: lines(r).replace("\n", "\r\n") + "\r\n",
    "S3 objects one a line": lambda r: "\n".join(json.dumps({"Records": [i]}) for i in r),
    "EventBridge envelopes": lambda r: lines([{"detail-type": "AWS API Call via CloudTrail", "detail": i} for i in r]),
    "an array of EventBridge envelopes": lambda r: json.dumps([{"version": "0", "detail": i} for i in r]),
    "a LookupEvents answer": lambda r: json.dumps(
        {"Events": [{"EventId": i["eventID"], "EventTime": 1.5, "CloudTrailEvent": json.dumps(i)} for i in r]}
    ),
    "LookupEvents pages one a line": lambda r: "\n".join(
        json.dumps({"Events": [{"CloudTrailEvent": json.dumps(i)}], "NextToken": "t"}) for i in r
    ),
    "a log subscription": lambda r: json.dumps({"logEvents": [{"id": "1", "message": json.dumps(i)} for i in r]}),
    "search hits": lambda r: json.dumps({"hits": {"hits": [{"_source": i} for i in r]}}),
    "an Athena export": athena,
    "rows of a table as JSON": lambda r: lines([
        {k.lower(): json.dumps(v) if isinstance(v, dict) and k != "userIdentity" else v for k, v in i.items()}
        for i in r
    ]),
    "a Lake answer": lambda r: json.dumps({
        "QueryResultRows": [
            [{k.lower(): json.dumps(v) if isinstance(v, dict) else str(v)} for k, v in i.items() if v is not None]
            for i in r
        ]
    }),
    "records with @timestamp": lambda r: lines([
        {"@timestamp": i["eventTime"].replace("Z", ".000Z")} | {k: v for k, v in i.items() if k != "eventTime"}
        for i in r
    ]),
}  # fmt: skip
