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
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from containment.trail import reading
from containment.trail.calls import Call, call_of
from containment.trail.containers import LEAN, WHOLE
from containment.trail.files import delivery
from containment.trail.gather import Gathering
from containment.trail.store import Entry, entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.pool import Pool

    from containment.trail.evidence import Moment
    from containment.trail.records import Event

_Job = TypeVar("_Job")
_Answer = TypeVar("_Answer")

_BATCH_BYTES = 4 << 20
_BATCH_FILES = 256
# Below this, starting processes costs more than it brings.
_WORTH_IT = 8 << 20


class Wanted(NamedTuple):
    """Which records of a file to bring: in full by key or name, in short by the caller's ARN."""

    keys: frozenset[str]
    names: frozenset[str]
    arns: frozenset[str]


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
        self, paths: Sequence[str], progress: Callable[[int, int], None] = lambda _done, _of: None
    ) -> Iterator[Entry]:
        """Read *paths* for their facts."""
        jobs = [(batch, self._largest) for batch in _batches(paths)]
        done = 0
        for entries in self._map(_index_batch, jobs, paths):
            done += len(entries)
            progress(done, len(paths))
            yield from entries

    def calls(
        self, files: Sequence[tuple[int, str]], wanted: Wanted
    ) -> Iterator[tuple[list[Call], list[Moment]]]:
        """Read *files* (number and path) again for the records that *wanted* names."""
        by_path = {path: number for number, path in files}
        jobs = [
            ([(by_path[path], path) for path in batch], wanted, self._largest)
            for batch in _batches(list(by_path))
        ]
        yield from self._map(_calls_batch, jobs, list(by_path))

    def _map(
        self, work: Callable[[_Job], _Answer], jobs: list[_Job], paths: Sequence[str]
    ) -> Iterator[_Answer]:
        if self._workers == 1 or len(jobs) < 2 or _size(paths) < _WORTH_IT:  # noqa: PLR2004
            yield from map(work, jobs)
            return
        if self._pool is None:
            # Ours is the only thread that matters here, and a fork shares the loaded modules.
            context = multiprocessing.get_context("fork" if os.name == "posix" else None)
            self._pool = context.Pool(self._workers, initializer=_settle)
        yield from self._pool.imap_unordered(work, jobs)


def _settle() -> None:
    """In a worker: records are short-lived and hold no cycles, so the collector only costs.

    The allocator is told to keep what a file needed for the next one, for giving 20 MB back to
    the system and asking for it again costs as much as a tenth of the reading. Only glibc knows
    the call; elsewhere nothing changes.
    """
    gc.disable()
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
        report.first, report.last = facts.first, facts.last
        entries.append(entry_of(report, stamp, facts))
    return entries


def _calls_batch(
    job: tuple[list[tuple[int, str]], Wanted, int],
) -> tuple[list[Call], list[Moment]]:
    files, wanted, largest = job
    calls: list[Call] = []
    moments: list[Moment] = []
    for number, path in files:

        def take(events: list[Event], number: int = number) -> None:
            for event in events:
                sort_out(event, number, wanted, calls, moments)

        reading.read(path, WHOLE, take, largest)
    return calls, moments


def sort_out(
    event: Event, number: int, wanted: Wanted, calls: list[Call], moments: list[Moment]
) -> None:
    """Take *event* as a call in full or as a moment, as far as it is wanted."""
    who = event.who
    if who.access_key_id in wanted.keys:
        calls.append(call_of(event, number))
    elif who.arn in wanted.arns or who.arn in wanted.names:
        call = call_of(event, number)
        if who.invoked_by or not who.access_key_id or who.arn in wanted.names:
            calls.append(call)
        else:
            moments.append(call.moment())


def stamp_of(path: str) -> tuple[int, int]:
    """Return size and modification time of *path*; zeros if it is not there any more."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- once for each of 10,000 files
    except OSError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


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
