"""Bring the records of a trail from CloudWatch Logs: FilterLogEvents, page by page.

Everything since T0 comes, so this is for log groups of modest size; Insights asks by name.

Source: CloudWatch Logs API reference, "FilterLogEvents" (a page may be empty and still have a next
token; times in milliseconds).
"""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.trail.logs.files import FileReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_TRIES = 4
_EARLIER = timedelta(hours=1)  # as for files: clocks differ


def log_group_events(
    logs: Any,
    groups: Iterable[str],
    since: str,
    into: Path,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[list[Path], list[FileReport]]:
    """Write each group's events since *since* to a file of JSON lines in *into*.

    A page that does not come is asked for again; what came before it counts.

    Args:
        logs: a CloudWatch Logs client.
        groups: names or ARNs of log groups.
        since: T0 in UTC.
        into: where the files go.
        pause: waits before a page is asked for again.

    Returns:
        The files, and a report for each group that did not answer to the end.
    """
    into.mkdir(parents=True, exist_ok=True)
    start = datetime.strptime(since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - _EARLIER
    paths: list[Path] = []
    failed: list[FileReport] = []
    for group in groups:
        # The name is the account's; a digest is a file's.
        name = hashlib.sha256(group.encode("utf-8", "backslashreplace")).hexdigest()[:24]
        path = into / f"log-group_{name}.json"
        paths.append(path)
        fault = _write(logs, group, int(start.timestamp() * 1000), path, pause)
        if fault:
            failed.append(FileReport(f"log group {group}", "unreadable", fault))
    return paths, failed


def _write(logs: Any, group: str, start: int, path: Path, pause: Callable[[float], None]) -> str:
    asked: dict[str, Any] = {"logGroupIdentifier": group, "startTime": start}
    tries = 0
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        while True:
            try:
                page = logs.filter_log_events(**asked)
            except (ClientError, BotoCoreError) as error:
                tries += 1
                if tries == _TRIES or _is_final(error):
                    return f"FilterLogEvents: {error}"
                pause(2**tries)
                continue
            tries = 0
            for event in page.get("events", ()):
                file.write(json.dumps({"message": event.get("message", "")}) + "\n")
            if not page.get("nextToken"):
                return ""
            asked["nextToken"] = page["nextToken"]


def _is_final(error: ClientError | BotoCoreError) -> bool:
    """Tell whether asking again is of no use."""
    response: Any = error.response if isinstance(error, ClientError) else {}
    code = str(response.get("Error", {}).get("Code", ""))
    return code in {
        "AccessDeniedException",
        "ResourceNotFoundException",
        "InvalidParameterException",
    }
