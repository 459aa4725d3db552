"""Records from a table behind a SQL engine: where the logs outgrow one machine.

Few scans, each over the partitions from T0 on: one for the edges, one for all records of the
names that follow from them, and one more for each time those records raise a new name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from containment.errors import SpecError
from containment.trail import sql
from containment.trail.containers import WHOLE, decode
from containment.trail.facts import extract
from containment.trail.files import FileReport
from containment.trail.fixpoint import answer
from containment.trail.scan import Wanted, sort_out
from containment.trail.seeds import begin
from containment.trail.store import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from containment.trail.calls import Call
    from containment.trail.evidence import Moment
    from containment.trail.records import Event
    from containment.trail.result import Trace

_AT_ONCE = 400  # names in one statement; Athena takes 256 KB of text


class SqlSource:
    """A CloudTrail table; *run* executes a statement and yields rows by lower-case column."""

    small = False

    def __init__(
        self,
        run: Callable[[str], Iterable[Mapping[str, Any]]],
        table: str,
        *,
        dialect: str,
        since: str,
        partition: str = "",
    ) -> None:
        self._run = run
        self._table = sql.check_table(table)
        self._dialect = sql.DIALECTS[dialect]
        self._since = since
        self._partition = partition
        self._children: dict[str, set[str]] | None = None
        self._asked: set[str] = set()
        self._events: dict[bytes, Event] = {}
        self.scans = 0

    def everything(self) -> Found:
        """Return what has been asked for so far."""
        facts = extract(list(self._events.values()))
        return Found(facts.facts, facts.uses)

    def lookup(self, names: AbstractSet[str]) -> Found:
        """Return every fact and use that bears one of *names*, and what follows from them."""
        self._ask(names | self._descendants(names))
        return self.everything()

    def calls(
        self, fresh: AbstractSet[str], wanted: Wanted
    ) -> Iterator[tuple[list[Call], list[Moment]]]:
        """Yield the records that *wanted* asks for."""
        self._ask(fresh)
        calls: list[Call] = []
        moments: list[Moment] = []
        for event in self._events.values():
            sort_out(event, 0, wanted, calls, moments)
        yield calls, moments

    def reports(self) -> list[FileReport]:
        """Say what was read, as if the table were a file."""
        times = [event.time for event in self._events.values() if event.time]
        return [
            FileReport(
                f"{self._dialect.name}:{self._table}",
                records=len(self._events),
                detail=f"{self.scans} scans",
                first=min(times, default=""),
                last=max(times, default=""),
            )
        ]

    def places(self) -> list[tuple[str, str]]:
        """Return the accounts and Regions of the records that came."""
        return sorted({(event.account, event.region or "") for event in self._events.values()})

    def _descendants(self, names: AbstractSet[str]) -> set[str]:
        """Every key handed out by one of *names*, by what was handed to that, and so on."""
        if self._children is None:
            self._children = defaultdict(set)
            statement = sql.edges(self._dialect, self._table, self._since, self._partition)
            self.scans += 1
            for row in self._run(statement):
                minted = (row["minted"] or "").split(",")
                self._children[row["caller"]].update(filter(None, minted))
        found: set[str] = set()
        queue = [name for name in names if name in self._children]
        while queue:
            for child in self._children.get(queue.pop(), ()):
                if child not in found:
                    found.add(child)
                    queue.append(child)
        return found

    def _ask(self, names: AbstractSet[str]) -> None:
        new = sorted(names - self._asked)
        self._asked.update(new)
        for start in range(0, len(new), _AT_ONCE):
            some = set(new[start : start + _AT_ONCE])
            statement = sql.records(self._dialect, self._table, self._since, some, self._partition)
            self.scans += 1
            rows = [json.dumps(dict(row), default=str) for row in self._run(statement)]
            for event in decode("\n".join(rows).encode(), WHOLE).events:
                # The same record comes again with every name it bears.
                self._events.setdefault(_identity(event), event)


def _identity(event: Event) -> bytes:
    parts = (event.event_id, event.time, event.event_name, event.request_id, event.account)
    return repr(parts).encode() + bytes(event.request_parameters) + bytes(event.response_elements)


def trace_table(
    seed: str,
    *,
    since: str,
    run: Callable[[str], Iterable[Mapping[str, Any]]],
    table: str,
    dialect: str,
    partition: str = "",
    inventory: Mapping[str, str] | None = None,
) -> Trace:
    """Follow *seed* through a CloudTrail table; the same answer as over files.

    Args:
        seed: as for :func:`containment.trail.trace`.
        since: T0 in UTC.
        run: executes one statement and yields its rows by lower-case column name.
        table: the table of AWS's documentation, or one with its columns.
        dialect: ``athena``, ``trino`` or ``spark``.
        partition: a condition of yours on partition columns, such as ``day >= '2026/11/23'``.
        inventory: resource ARN or id to owner.

    Raises:
        SpecError: *seed*, *since*, *table* or *dialect* cannot be used.
    """
    if dialect not in sql.DIALECTS:
        raise SpecError(f"{dialect!r} is no SQL dialect", remedy="use athena, trino or spark")
    start = begin(seed, since)
    source = SqlSource(run, table, dialect=dialect, since=start.since, partition=partition)
    return answer(start, source, inventory=inventory or {}, others=[])
