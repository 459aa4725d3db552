"""What CloudTrail records come wrapped in on their way to an investigator.

EventBridge events, LookupEvents and GetQueryResults answers, log subscriptions, search hits, rows
of a table: each gives up the records inside.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from containment.trail.logs.tables import record_of_row

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH = 16
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


def unwrap(item: Any, depth: int = 0) -> Iterator[dict[str, Any] | None]:  # noqa: C901, PLR0911, PLR0912
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
            yield from unwrap(part, depth + 1)
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
            yield from unwrap({k: v for pair in pairs for k, v in pair.items()}, depth + 1)
        return
    for name in _INSIDE:
        if item.get(name) is not None:
            yield from unwrap(item[name], depth + 1)
            return
    if item.get("eventType") == "AwsCloudTrailInsight" or "insightDetails" in item:
        return
    if depth:
        yield None
