"""Records from an engine that is asked for them by name: where the logs outgrow one machine.

Two questions: what the engine holds and who was handed which key; and the records of names, again
for each name that those records raise. What comes back is read by the same code as a file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from containment.trail.facts.gather import Gathering
from containment.trail.facts.scan import Selection, Sorting
from containment.trail.facts.store import Contributions
from containment.trail.logs.containers import WHOLE, decode
from containment.trail.logs.files import FileReport
from containment.trail.logs.reading import sentences
from containment.trail.logs.records import seconds
from containment.trail.logs.tallies import Tallies
from containment.trail.logs.times import normal_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from containment.trail.facts.calls import Call
    from containment.trail.facts.evidence import Moment
    from containment.trail.logs.records import Event

    Row = Mapping[str, Any]

# A session that is alive at T0 was issued 36 hours before at most: STS API reference,
# "GetSessionToken". An older issue cannot tell whose a key of the trace is.
_LOOK_BACK = timedelta(hours=36)
_IN_FULL = re.compile(r"arn:|[^/:]*/user/")


def reach(since: str) -> str:
    """Return the moment from which records are asked for, for a trace from *since* on."""
    epoch = seconds(since)
    if epoch is None:
        return since
    return (datetime.fromtimestamp(epoch, UTC) - _LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")


class Questions(Protocol):
    """The two questions, as one engine understands them."""

    @property
    def name(self) -> str:
        """What is asked, as a file of the trace's report is called."""
        ...

    @property
    def brings_all(self) -> bool:
        """Whether :meth:`records` brings all records of every name, and not of *whole* alone."""
        ...

    @property
    def cost(self) -> str:
        """How often the engine was asked, for the report."""
        ...

    @property
    def faults(self) -> list[str]:
        """What the engine did not answer to the end."""
        ...

    def edges(self) -> Iterable[Row]:
        """Yield what is held, by account and Region, and which key was handed which.

        Rows have ``caller``, ``minted`` (keys, with commas), ``account``, ``region``, ``records``,
        ``first_at`` and ``last_at``.
        """
        ...

    def records(self, names: AbstractSet[str], whole: AbstractSet[str]) -> Iterator[bytes]:
        """Yield the records of *names* as JSON lines, a batch at a time; all those of *whole*."""
        ...


class QueriedSource:
    """An engine as a source of the lineage."""

    small = False

    def __init__(self, questions: Questions, objects: Iterable[FileReport] = ()) -> None:
        self._questions = questions
        self._children: dict[str, set[str]] | None = None
        self._asked: set[str] = set()
        self._whole: set[str] = set()
        self._events: dict[bytes, Event] = {}
        self._places: set[tuple[str, str]] = set()
        self._objects = list(objects)
        self._report = FileReport(questions.name)
        self._omissions: dict[bytes, Tallies] = {}
        self._assumptions = Tallies()
        self._unread = Tallies()

    def everything(self) -> Contributions:
        """Return what has been asked for so far."""
        gathered = Gathering()
        gathered.add(sorted(self._events.values(), key=lambda e: (e.time, e.event_id or "")))
        self._omissions[b""] = gathered.omissions
        self._unread = gathered.unread
        facts = gathered.facts()
        return Contributions(facts.facts, facts.uses)

    def lookup(self, names: AbstractSet[str]) -> Contributions:
        """Return every fact and use that bears one of *names*, and what follows from them."""
        # All calls will be wanted of the seed, which is asked for first, of whom it gave a key to,
        # and of users; and what is under an ARN tells whose a forwarded session is.
        members = set(names) if self._children is None else set(filter(_IN_FULL.match, names))
        members |= self._descendants(names)
        self._ask(names | members, members)
        return self.everything()

    def calls(
        self, fresh: AbstractSet[str], selection: Selection
    ) -> Iterator[tuple[list[Call], list[Moment]]]:
        """Yield the records that *wanted* asks for."""
        self._ask(fresh, set(fresh))
        calls: list[Call] = []
        moments: list[Moment] = []
        Sorting(0, selection, calls, moments).add(self._events.values())
        yield calls, moments

    def reports(self) -> list[FileReport]:
        """Say what was read, as if it were a file; its objects, where they are known."""
        report = self._report
        omissions = Tallies()
        for some in self._omissions.values():
            omissions.add(some)
        faults = [
            *self._questions.faults,
            *sentences(omissions),
            *filter(None, [self._unread.text()]),
        ]
        report.status = "partly_read" if faults else "ok"
        report.detail = "; ".join([*faults, self._questions.cost])
        report.rejected = omissions.total
        report.assumed = self._assumptions.text()
        if self._objects:
            report.records = 0  # each is counted with its object
        return [*self._objects, report]

    def places(self) -> list[tuple[str, str]]:
        """Return the accounts and Regions that the engine holds records of."""
        return sorted(self._places)

    def _descendants(self, names: AbstractSet[str]) -> set[str]:
        """Every key handed out by one of *names*, by what was handed to that, and so on."""
        children = self._children if self._children is not None else self._edges()
        descendants: set[str] = {name for name in names if name in children}
        queue = [name for name in names if name in children]
        while queue:
            for child in children.get(queue.pop(), ()):
                if child not in descendants:
                    descendants.add(child)
                    queue.append(child)
        return descendants

    def _edges(self) -> dict[str, set[str]]:
        children: defaultdict[str, set[str]] = defaultdict(set)
        report = self._report
        for row in self._questions.edges():
            if row["caller"]:
                children[row["caller"]].update(filter(None, (row["minted"] or "").split(",")))
            self._places.add((row["account"] or "", row["region"] or ""))
            report.records += int(row["records"])
            first, last = normal_time(row["first_at"] or ""), normal_time(row["last_at"] or "")
            report.first = min(filter(None, (report.first, first)), default="")
            report.last = max(report.last, last)
        self._children = children
        return children

    def _ask(self, names: AbstractSet[str], whole: set[str]) -> None:
        whole -= self._whole
        new = names - self._asked
        if not self._questions.brings_all:
            new |= whole
        self._asked |= names
        self._whole |= whole
        for lines in self._questions.records(new, whole) if new else ():
            decoded = decode(lines, WHOLE)
            # The same batch may come again; what it leaves out counts once.
            if decoded.omissions:
                self._omissions[lines] = decoded.omissions
            self._assumptions.add(decoded.assumptions)
            for event in decoded.events:
                # The same record comes again with every name it bears.
                self._events.setdefault(_identity(event), event)


def _identity(event: Event) -> bytes:
    parts = (event.event_id, event.time, event.event_name, event.request_id, event.account)
    free = (event.raw_identity, event.request_parameters, event.response_elements)
    return repr(parts).encode("utf-8", "backslashreplace") + b"\0".join(map(bytes, free))
