"""Ask CloudTrail itself, where there are no log files: LookupEvents in every enabled Region.

It answers for 90 days, with management events only, one Region a call, fifty records a page and
two calls a second: slow, and blind to data events. Both is said in the answer's gaps.

Source: CloudTrail API reference, "LookupEvents".
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.text import counted
from containment.trail.logs.files import FileReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PAUSE_S = 0.5


def lookup(
    clients: Mapping[str, Any],
    since: str,
    into: Path,
    *,
    until: str = "",
    pause: Callable[[float], None] = time.sleep,
    most_pages: int | None = None,
) -> tuple[list[Path], list[FileReport]]:
    """Write each Region's events since *since* to a file of JSON lines in *into*.

    Args:
        clients: Region -> CloudTrail client of that Region.
        since: T0 in UTC.
        into: where the files go.
        until: the last moment that is asked for, in UTC; up to now where it is empty.
        pause: waits between two pages; CloudTrail allows two calls a second and Region.
        most_pages: how many pages of a Region are asked for, the latest first; all without it.

    Returns:
        The files, and a report for each Region that did not answer to the end.
    """
    into.mkdir(parents=True, exist_ok=True)
    asked: dict[str, Any] = {"StartTime": _moment(since), "MaxResults": 50}
    if until:
        asked["EndTime"] = _moment(until)

    def ask(region: str) -> tuple[Path, FileReport | None]:
        return _ask(clients[region], region, dict(asked), into, pause, most_pages)

    with ThreadPoolExecutor(max(1, len(clients))) as pool:
        answers = list(pool.map(ask, sorted(clients)))
    return [path for path, _ in answers], [report for _, report in answers if report is not None]


def _ask(  # noqa: PLR0917 -- as `lookup`, for one Region
    cloudtrail: Any,
    region: str,
    asked: dict[str, Any],
    into: Path,
    pause: Callable[[float], None],
    most_pages: int | None,
) -> tuple[Path, FileReport | None]:
    path = into / f"LookupEvents_{region}.json"
    pages, last = 0, ""
    with path.open("w", encoding="utf-8") as file:
        while True:
            try:
                page = cloudtrail.lookup_events(**asked)
            except (ClientError, BotoCoreError) as error:
                return path, FileReport(f"LookupEvents {region}", "unreadable", str(error))
            for event in page.get("Events", ()):
                file.write(json.dumps({"CloudTrailEvent": event.get("CloudTrailEvent", "")}) + "\n")
                last = str(event.get("EventTime", last))
            pages += 1
            if not page.get("NextToken"):
                return path, None
            if pages == most_pages:
                detail = f"the latest {counted(pages, 'page')} alone were asked for, back to {last}"
                return path, FileReport(f"LookupEvents {region}", "partly_read", detail)
            asked["NextToken"] = page["NextToken"]
            pause(_PAUSE_S)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
