"""The calls of a time, out of CloudTrail's logs: read once, kept, and answered from what is kept.

A folder of any size is answered in a moment once it was read, for what is kept of a file is its
rows and not its records. What could not be read is a note, and never counts as silence.
"""

from __future__ import annotations

import os
from array import array
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.errors import NotFoundError, UnavailableError
from containment.replay.callers import caller_of
from containment.replay.usage import ENTERING, VERSION, UsageEntry, count_files
from containment.text import counted
from containment.trail.facts.index import Index
from containment.trail.facts.scan import Scanner
from containment.trail.follow import name_of
from containment.trail.logs import files as log_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from containment.replay.callers import RecordedCaller
    from containment.replay.usage import Row
    from containment.trail.logs.files import FileReport

_SHOWN = 3
_DAY_S = 86_400
NO_DATA_EVENTS = "no data events are recorded (reads of objects, calls of functions)"


@dataclass(slots=True)
class Calls:
    """One row with its caller, narrowed to the window: when each call was, and its id."""

    caller: RecordedCaller
    row: Row
    times: array[int]
    ids: array[int]


@dataclass(slots=True)
class History:
    """What was called in a time.

    Attributes:
        since: from when on, in seconds since the epoch.
        until: up to when; the last record's time, at the latest that of the question.
        rows: by unique id of the user or role behind them.
        nameless: by the principal's label, those of records without a unique id.
        entries: by role's ARN, the calls that took it up.
        notes: what the records cannot tell.
    """

    since: int
    until: int = 0
    first: int = 0
    rows: dict[str, list[Calls]] = field(default_factory=lambda: defaultdict(list))
    nameless: dict[str, list[Calls]] = field(default_factory=lambda: defaultdict(list))
    entries: dict[str, list[Calls]] = field(default_factory=lambda: defaultdict(list))
    notes: list[str] = field(default_factory=list[str])

    def of_principal(self, unique_id: str, label: str) -> Iterator[Calls]:
        """Yield what the principal with *unique_id* called.

        Records without a unique id count by *label*, which a principal of an earlier day may have
        had.
        """
        yield from self.rows.get(unique_id, ())
        yield from self.nameless.get(label.lower(), ())

    def everybody(self) -> Iterator[Calls]:
        """Yield all calls."""
        for some in (*self.rows.values(), *self.nameless.values()):
            yield from some


def read_history(
    paths: Iterable[str],
    *,
    since: datetime,
    now: datetime,
    cache: Path | None,
    workers: int | None = None,
    unread: Sequence[FileReport] = (),
    progress: Callable[[int, int], None] = lambda _read, _total: None,
) -> History:
    """Return the calls from *since* to *now* in *paths*, files and folders of CloudTrail logs.

    Args:
        paths: where the logs are.
        since: when the window begins.
        now: when it ends.
        cache: a folder in which what was counted is kept; None to keep nothing.
        workers: how many processes read; all processors by default.
        unread: what could not be brought here.
        progress: called with files done and files in all.

    Raises:
        NotFoundError: one of *paths* is not there, or there is no log in any.
    """
    roots = list(paths)
    log_paths = log_files.find(roots)
    if not log_paths:
        raise NotFoundError(
            "there is no log file in what --logs names",
            remedy="give the folder that holds AWSLogs/, or single files",
        )
    begin = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    late = [path for path in log_paths if not log_files.too_early(path, begin)]
    history = History(int(since.timestamp()))
    reports: list[FileReport] = list(unread)
    data_events = False
    for entry in _entries(
        late, cache / "usage" / name_of(roots) if cache else None, workers, progress
    ):
        reports.append(entry.report)
        usage = entry.usage()
        data_events |= usage.has_data_events
        callers = [caller_of(raw) for raw in usage.identities]
        for row in usage.rows:
            _take(history, callers[row.identity], row, int(now.timestamp()))
    _tell(history, reports, data_events=data_events)
    return history


def _entries(
    paths: Sequence[str],
    place: Path | None,
    workers: int | None,
    progress: Callable[[int, int], None],
) -> Iterator[UsageEntry]:
    """Yield the entry of each of *paths*: what is kept, then what is read.

    A folder that cannot be written only means that the next question reads again.
    """
    with ExitStack() as stack:
        kept: Index[UsageEntry] | None = None
        if place is not None:
            try:
                kept = stack.enter_context(Index(place, UsageEntry, VERSION).open())
            except UnavailableError:
                kept = None
        entries: dict[str, UsageEntry] = {}
        for entry in kept.unchanged(paths) if kept else ():
            entries[entry.report.path] = entry
        yield from entries.values()
        scanner = stack.enter_context(Scanner(workers or os.cpu_count() or 1).running())
        new_paths, read = [path for path in paths if path not in entries], 0
        for batch in scanner.batches(count_files, new_paths):
            read += len(batch)
            progress(read, len(new_paths))
            for entry in batch:
                if kept:
                    try:
                        kept.add(entry)
                    except UnavailableError:
                        kept = None
                yield entry


def _take(history: History, caller: RecordedCaller, row: Row, until: int) -> None:
    times, ids = array("I"), array("Q")
    times.frombytes(row.times)
    ids.frombytes(row.ids)
    low, high = min(times), max(times)
    if high < history.since or low > until:
        return
    if low < history.since or high > until:
        kept = [
            (when, number)
            for when, number in zip(times, ids, strict=True)
            if history.since <= when <= until
        ]
        if not kept:
            return
        times, ids = array("I", [one for one, _ in kept]), array("Q", [one for _, one in kept])
        low, high = min(times), max(times)
    history.until = max(history.until, high)
    history.first = min(history.first or low, low)
    calls = Calls(caller, row, times, ids)
    if caller.unique_id:
        history.rows[caller.unique_id].append(calls)
    else:
        history.nameless[caller.label.lower()].append(calls)
    if row.name in ENTERING and row.entered:
        history.entries[row.entered].append(calls)


def _tell(history: History, reports: Sequence[FileReport], *, data_events: bool) -> None:
    """Note what the records cannot tell."""
    faulty = [one for one in reports if one.status not in log_files.COMPLETE]
    if faulty:
        shown = ", ".join(
            f"{one.path} ({one.status}{f': {one.detail}' if one.detail else ''})"
            for one in faulty[:_SHOWN]
        )
        more = f" and {len(faulty) - _SHOWN} more" if len(faulty) > _SHOWN else ""
        history.notes.append(f"{counted(len(faulty), 'file')} not read to the end: {shown}{more}")
    if not history.until:
        history.notes.append("the logs hold no call of that time at all, so they tell nothing")
        return
    if history.first - history.since > _DAY_S:
        days = (history.first - history.since) // _DAY_S
        history.notes.append(f"the logs begin {counted(days, 'day')} after the time asked for")
    if not data_events:
        history.notes.append(NO_DATA_EVENTS)
