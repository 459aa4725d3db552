"""Read many log files with several processes: once for their facts, again for the calls.

Only files that the index does not know are read for facts, and only files that hold a member are
read again. Results come back in any order; nothing depends on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from containment.trail.facts.calls import Call, call_of
from containment.trail.facts.gather import Gathering
from containment.trail.facts.principals import label
from containment.trail.facts.store import Entry, entry_of
from containment.trail.logs import reading
from containment.trail.logs.containers import LEAN, WHOLE
from containment.trail.logs.files import FileReport, delivery
from containment.trail.logs.records import identity_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from multiprocessing.pool import Pool

    from containment.trail.facts.evidence import Moment
    from containment.trail.logs.records import Event, Identity

_Job = TypeVar("_Job")
_Answer = TypeVar("_Answer")

_BATCH_BYTES = 4 << 20
_BATCH_FILES = 256
# Below this, starting processes costs more than it brings.
_WORTH_IT = 8 << 20


class Selection(NamedTuple):
    """Which records of a file to bring: in full by key or name, in short by the caller's ARN.

    Of the principals in *keyless*, those records that name no credential.
    """

    keys: frozenset[str]
    names: frozenset[str]
    arns: frozenset[str]
    keyless: frozenset[str] = frozenset()


class ScanResult(NamedTuple):
    """Records of some files, and what became of each file, by its number, this time."""

    calls: list[Call]
    moments: list[Moment]
    reports: list[tuple[int, FileReport]]


class Scanner:
    """Worker processes, started when there is enough to read."""

    def __init__(self, workers: int, largest: int = reading.LARGEST) -> None:
        self._workers = max(1, workers)
        self._largest = largest
        self._pool: Pool | None = None

    @contextlib.contextmanager
    def running(self) -> Generator[Scanner]:
        """Keep the workers until the end of the block."""
        try:
            yield self
        finally:
            if self._pool is not None:
                self._pool.terminate()
                self._pool.join()
                self._pool = None

    def index(
        self,
        paths: Sequence[str],
        progress: Callable[[int, int], None] = lambda _read, _total: None,
    ) -> Iterator[Entry]:
        """Read *paths* for their facts."""
        read = 0
        for entries in self.batches(_index_batch, paths):
            read += len(entries)
            progress(read, len(paths))
            yield from entries

    def batches(
        self, work: Callable[[tuple[list[str], int]], _Answer], paths: Sequence[str]
    ) -> Iterator[_Answer]:
        """Yield what *work* makes of *paths*, given some of them at a time and the largest size."""
        jobs = [(batch, self._largest) for batch in _batches(paths)]
        yield from self._map(work, jobs, paths)

    def calls(self, files: Sequence[tuple[int, str]], selection: Selection) -> Iterator[ScanResult]:
        """Read *files* (number and path) again for the records in *selection*."""
        by_path = {path: number for number, path in files}
        jobs = [
            ([(by_path[path], path) for path in batch], selection, self._largest)
            for batch in _batches(list(by_path))
        ]
        yield from self._map(_calls_batch, jobs, list(by_path))

    def _map(
        self, work: Callable[[_Job], _Answer], jobs: list[_Job], paths: Sequence[str]
    ) -> Iterator[_Answer]:
        if self._workers == 1 or len(jobs) < 2 or _size(paths) < _WORTH_IT:  # noqa: PLR2004
            _keep_memory()
            for job in jobs:
                with _collection_off():
                    answer = work(job)
                yield answer
            return
        if self._pool is None:
            # Ours is the only thread that matters here, and a fork shares the loaded modules.
            context = multiprocessing.get_context("fork" if os.name == "posix" else None)
            self._pool = context.Pool(self._workers, initializer=_settle)
        yield from self._pool.imap_unordered(work, jobs)


@contextlib.contextmanager
def _collection_off() -> Generator[None]:
    """Keep the collector from running: records are short-lived and hold no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _settle() -> None:
    """Set up a worker, which reads as :func:`_collection_off` does until it ends."""
    gc.disable()
    _keep_memory()


@cache
def _keep_memory() -> None:
    """Tell the allocator to keep what a file needed for the next one.

    Giving 20 MB back to the system and asking for it again costs as much as a tenth of the
    reading. Only glibc knows the call; elsewhere nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for setting in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            libc.mallopt(setting, _KEEP)


# Numbers and value as mallopt(3) has them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _KEEP = -1, -3, 1 << 28


def _index_batch(job: tuple[list[str], int]) -> list[Entry]:
    paths, largest = job
    entries = []
    for path in paths:
        stamp = stamp_of(path)
        named = delivery(path)
        gathered = Gathering((named.account, named.region) if named else None)
        report = reading.read(path, LEAN, gathered.add, largest)
        facts = gathered.facts()
        reading.leave_out(report, gathered.omissions)
        reading.note_unread(report, gathered.unread)
        report.first, report.last = facts.first, facts.last
        entries.append(entry_of(report, stamp, facts))
    return entries


def _calls_batch(job: tuple[list[tuple[int, str]], Selection, int]) -> ScanResult:
    files, selection, largest = job
    result = ScanResult([], [], [])
    for number, path in files:
        sorting = Sorting(number, selection, result.calls, result.moments)
        result.reports.append((number, reading.read(path, WHOLE, sorting.add, largest)))
    return result


class Sorting:
    """Sort the selected records of one file: *calls* in full, *moments* in short."""

    def __init__(
        self, number: int, selection: Selection, calls: list[Call], moments: list[Moment]
    ) -> None:
        self._number = number
        self._selection = selection
        self._calls = calls
        self._moments = moments
        # An identity is the same bytes in each of its records.
        self._ways: dict[bytes, int] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Add each of *events* as far as it is selected."""
        ways = self._ways
        for event in events:
            raw = bytes(event.raw_identity)
            way = ways.get(raw)
            if way is None:
                way = ways[raw] = _way(event, self._selection)
            if way == _IN_FULL:
                self._calls.append(call_of(event, self._number))
            elif way == _IN_SHORT:
                self._moments.append(call_of(event, self._number).moment())


_NOT, _IN_SHORT, _IN_FULL = range(3)


def _way(event: Event, selection: Selection) -> int:
    """Tell how the records under the identity of *event* are selected."""
    way = _way_of(event.who, selection)
    return _NOT if way and identity_fault(bytes(event.raw_identity)) else way


def _way_of(who: Identity, selection: Selection) -> int:
    if who.access_key_id in selection.keys or who.credential_id in selection.keys:
        return _IN_FULL
    if not who.arn:
        return _NOT
    principal = label(who.arn)
    named = principal in selection.names
    if principal in selection.keyless and not (who.access_key_id or who.credential_id):
        return _IN_FULL
    if named or who.arn in selection.arns:
        return _IN_FULL if named or who.invoked_by or not who.access_key_id else _IN_SHORT
    return _NOT


NO_STAMP = (0, 0, 0)


def stamp_of(path: str) -> tuple[int, int, int]:
    """Return size and times of *path*; zeros if it is not there any more.

    The time of modification can be set at will; the time of change cannot.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 -- once for each of 10,000 files
    except OSError:
        return NO_STAMP
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _size(paths: Sequence[str]) -> int:
    return sum(stamp_of(path)[0] for path in paths)


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    """Cut *paths* into jobs of about equal size, so that small files do not cost a trip each."""
    batch: list[str] = []
    size = 0
    for path in paths:
        batch.append(path)
        size += stamp_of(path)[0]
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
