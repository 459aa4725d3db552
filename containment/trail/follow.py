"""The trace: from a leaked credential and a pile of logs to everything that came out of it."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

from containment.errors import NotFoundError
from containment.trail.answer.fixpoint import answer
from containment.trail.facts.index import Index
from containment.trail.facts.scan import Scanner, Selection
from containment.trail.facts.store import VERSION, Contributions, Entry, Store
from containment.trail.lineage.seeds import begin
from containment.trail.logs import files as log_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from containment.trail.answer.result import Trace
    from containment.trail.facts.calls import Call
    from containment.trail.facts.evidence import Moment
    from containment.trail.logs.files import FileReport


def trace(
    seed: str,
    *,
    since: str,
    logs: Iterable[str | os.PathLike[str]],
    workers: int | None = None,
    index: Path | None = None,
    inventory: Mapping[str, str] | None = None,
    unread: Iterable[FileReport] = (),
    progress: Callable[[int, int], None] = lambda _read, _total: None,
) -> Trace:
    """Follow *seed* through *logs* from *since* on, to a fixpoint.

    Args:
        seed: an access key id, the ARN of a user, role or role session, or an instance id.
        since: T0, ``YYYY-MM-DDTHH:MM:SSZ``; nothing before it is the attacker's.
        logs: files and folders of CloudTrail logs, in any form and any order.
        workers: how many processes read; all processors by default.
        index: a folder that keeps the facts of files already read, for the next question.
        inventory: resource ARN or id to owner, where tags do not tell.
        unread: what could not be brought here, to be told among the files and gaps.
        progress: called with files done and files in all.

    Raises:
        SpecError: *seed* or *since* cannot be used.
        NotFoundError: one of *logs* is not there.
    """
    start = begin(seed, since)
    moment = start.since
    roots = [os.fspath(path) for path in logs]
    paths = log_files.find(roots)
    if not paths:
        raise NotFoundError(
            "there is no log file in what --logs names",
            remedy="give the folder that holds AWSLogs/, or single files",
        )
    late = [path for path in paths if not log_files.too_early(path, moment)]
    skipped = [
        log_files.FileReport(path, "pruned", "delivered before the trace begins")
        for path in sorted(set(paths) - set(late))
    ]
    scanner = Scanner(workers or os.cpu_count() or 1)
    place = index / name_of(roots) if index else None
    with (
        scanner.running(),
        Index(place, Entry, VERSION).open() if place else nullcontext() as kept,
        closing(Store(_entries(scanner, late, kept, progress))) as store,
    ):
        source = FileSource(store, scanner)
        return answer(start, source, inventory=inventory or {}, others=[*unread, *skipped])


def name_of(logs: list[str]) -> str:
    """One index for one set of logs, wherever it is asked from."""
    whole = "\0".join(sorted(os.path.realpath(path) for path in logs))
    return hashlib.blake2b(whole.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _entries(
    scanner: Scanner,
    paths: list[str],
    kept: Index[Entry] | None,
    progress: Callable[[int, int], None],
) -> Iterator[Entry]:
    """Yield the entry of each of *paths*: what the index knows, then what is read."""
    indexed: set[str] = set()
    for entry in kept.unchanged(paths) if kept else ():
        indexed.add(entry.report.path)
        yield entry
    for entry in scanner.index(sorted(set(paths) - indexed), progress):
        if kept:
            kept.add(entry)
        yield entry


def _compare(report: FileReport, again: FileReport) -> None:
    """Say in *report* if its file was another one when it was read *again*."""
    if again.status == "unreadable":
        report.status, report.detail = "unreadable", f"gone since it was read: {again.detail}"
    elif again.sha256 != report.sha256:
        report.status, report.detail = "partly_read", "changed since it was read: trace again"


class FileSource:
    """Log files and their fact index."""

    def __init__(self, store: Store, scanner: Scanner) -> None:
        self._store = store
        self._scanner = scanner

    @property
    def small(self) -> bool:
        """Whether the facts of all files fit in memory with ease."""
        return self._store.small

    def everything(self) -> Contributions:
        """Return every fact and use."""
        return self._store.everything()

    def lookup(self, names: AbstractSet[str]) -> Contributions:
        """Return every fact and use that bears one of *names*."""
        return self._store.lookup(names)

    def calls(
        self, fresh: AbstractSet[str], selection: Selection
    ) -> Iterator[tuple[list[Call], list[Moment]]]:
        """Read the files that hold one of *fresh* again."""
        files = self._store.files
        hit = [(number, files[number].report.path) for number in self._store.files_with(fresh)]
        for result in self._scanner.calls(hit, selection):
            for number, again in result.reports:
                _compare(files[number].report, again)
            yield result.calls, result.moments

    def reports(self) -> list[FileReport]:
        """Say what became of each file."""
        return [kept.report for kept in self._store.files]

    def places(self) -> list[tuple[str, str]]:
        """Return the accounts and Regions that the files cover."""
        return sorted({place for kept in self._store.files for place in kept.places})
