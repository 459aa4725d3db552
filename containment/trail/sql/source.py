"""Records from a table behind a SQL engine: where the logs outgrow one machine.

Few scans, each over the partitions from T0 on: one for the edges, one for the records of all names
that follow from them, and one more for each time those records raise a new name.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from containment.errors import SpecError
from containment.trail.facts.gather import extract
from containment.trail.facts.scan import Selection, Sorting
from containment.trail.facts.store import Contributions
from containment.trail.fixpoint import answer
from containment.trail.lineage.seeds import begin
from containment.trail.logs.containers import WHOLE, decode
from containment.trail.logs.files import FileReport
from containment.trail.logs.records import seconds
from containment.trail.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from containment.trail.facts.calls import Call
    from containment.trail.facts.evidence import Moment
    from containment.trail.logs.records import Event
    from containment.trail.result import Trace

    Row = Mapping[str, Any]
    Run = Callable[[statements.Statement], Iterable[Row]]

# A session that is alive at T0 was issued 36 hours before at most: STS API reference,
# "GetSessionToken". An older issue cannot tell whose a key of the trace is.
_LOOK_BACK = timedelta(hours=36)
_IN_FULL = re.compile(r"arn:|[^/:]*/user/")
_AT_ONCE = 400  # names in one statement
_LONGEST = 250_000  # letters; Athena takes 262,144 bytes: API reference, "StartQueryExecution"


def reach(since: str) -> str:
    """Return the moment from which records are asked for, for a trace from *since* on."""
    at = seconds(since)
    if at is None:
        return since
    return (datetime.fromtimestamp(at, UTC) - _LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")


class SqlSource:
    """A part of a CloudTrail table; *run* executes a statement and yields rows by column."""

    small = False

    def __init__(
        self,
        run: Run,
        part: statements.Slice,
        dialect: statements.Dialect,
        objects: Iterable[FileReport] = (),
    ) -> None:
        self._run = run
        self._part = part
        self._dialect = dialect
        self._children: dict[str, set[str]] | None = None
        self._asked: set[str] = set()
        self._whole: set[str] = set()
        self._events: dict[bytes, Event] = {}
        self._places: set[tuple[str, str]] = set()
        self._objects = list(objects)
        self._report = FileReport(f"{dialect.name}:{part.table}")
        self.scans = 0

    def everything(self) -> Contributions:
        """Return what has been asked for so far."""
        facts = extract(sorted(self._events.values(), key=lambda e: (e.time, e.event_id or "")))
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
        self, fresh: AbstractSet[str], wanted: Selection
    ) -> Iterator[tuple[list[Call], list[Moment]]]:
        """Yield the records that *wanted* asks for."""
        self._ask(fresh, fresh)
        calls: list[Call] = []
        moments: list[Moment] = []
        Sorting(0, wanted, calls, moments).add(self._events.values())
        yield calls, moments

    def reports(self) -> list[FileReport]:
        """Say what was read, as if the table were a file; its objects, where they are known."""
        self._report.detail = f"{self.scans} scans"
        if self._objects:
            self._report.records = 0  # each is counted with its object
        return [*self._objects, self._report]

    def places(self) -> list[tuple[str, str]]:
        """Return the accounts and Regions that the part of the table covers."""
        return sorted(self._places)

    def _descendants(self, names: AbstractSet[str]) -> set[str]:
        """Every key handed out by one of *names*, by what was handed to that, and so on."""
        children = self._children if self._children is not None else self._edges()
        found: set[str] = {name for name in names if name in children}
        queue = [name for name in names if name in children]
        while queue:
            for child in children.get(queue.pop(), ()):
                if child not in found:
                    found.add(child)
                    queue.append(child)
        return found

    def _edges(self) -> dict[str, set[str]]:
        children: defaultdict[str, set[str]] = defaultdict(set)
        report = self._report
        for row in self._rows(statements.edges(self._dialect, self._part)):
            if row["caller"]:
                children[row["caller"]].update(filter(None, (row["minted"] or "").split(",")))
            self._places.add((row["account"] or "", row["region"] or ""))
            report.records += int(row["records"])
            times = [time for time in (report.first, row["first_at"]) if time]
            report.first = min(times, default="")
            report.last = max(report.last, row["last_at"] or "")
        self._children = children
        return children

    def _ask(self, names: AbstractSet[str], whole: AbstractSet[str]) -> None:
        whole -= self._whole
        new = (names - self._asked) | whole
        self._asked |= names
        self._whole |= whole
        for statement in self._statements(sorted(new), whole):
            rows = self._rows(statement)
            records = "\n".join(json.dumps(record_of(row)) for row in rows)
            for event in decode(records.encode("utf-8", "backslashreplace"), WHOLE).events:
                # The same record comes again with every name it bears.
                self._events.setdefault(_identity(event), event)

    def _statements(
        self, names: list[str], whole: AbstractSet[str]
    ) -> Iterator[statements.Statement]:
        """Cut *names* into statements that an engine takes; whoever wrote them chose how long."""
        if not names:
            return
        some = set(names)
        statement = statements.calls(self._dialect, self._part, some, some & whole)
        if len(names) > 1 and (len(names) > _AT_ONCE or len(statement.text.encode()) > _LONGEST):
            half = len(names) // 2
            yield from self._statements(names[:half], whole)
            yield from self._statements(names[half:], whole)
        else:
            yield statement

    def _rows(self, statement: statements.Statement) -> Iterable[Row]:
        self.scans += 1
        return self._run(statement)


def _identity(event: Event) -> bytes:
    parts = (event.event_id, event.time, event.event_name, event.request_id, event.account)
    free = (event.raw_identity, event.request_parameters, event.response_elements)
    return repr(parts).encode("utf-8", "backslashreplace") + b"\0".join(map(bytes, free))


def record_of(row: Row) -> dict[str, Any]:
    """Return the CloudTrail record that *row* was."""
    attributes = {"mfaAuthenticated": row["who_mfa"], "creationDate": row["who_created"]}
    session = {"attributes": attributes, "sessionIssuer": {"arn": row["who_issuer"]}}
    who = {
        "type": row["who_type"],
        "principalId": row["who_principal"],
        "arn": row["who_arn"],
        "accountId": row["who_account"],
        "invokedBy": row["who_service"],
        "accessKeyId": row["who_key"],
        "sessionContext": session,
    }
    things = [_json(row[alias]) or [] for alias in statements.RESOURCES]
    return {
        "userIdentity": who,
        "eventTime": row["eventtime"],
        "eventSource": row["eventsource"],
        "eventName": row["eventname"] or "",
        "awsRegion": row["awsregion"],
        "sourceIPAddress": row["sourceipaddress"],
        "userAgent": row["useragent"],
        "errorCode": row["errorcode"],
        "requestParameters": _json(row["requestparameters"]),
        "responseElements": _json(row["responseelements"]),
        "additionalEventData": _json(row["additionaleventdata"]),
        "requestID": row["requestid"],
        "eventID": row["eventid"],
        "readOnly": row["readonly"],
        "recipientAccountId": row["recipientaccountid"],
        "sharedEventID": row["sharedeventid"],
        "sessionCredentialFromConsole": row["sessioncredentialfromconsole"],
        "resources": [
            {"ARN": arn, "accountId": account, "type": kind}
            for arn, account, kind in zip(*things, strict=False)
        ],
    }


def _json(text: str | None) -> Any:
    """Decode a free-form part; text that was text in the record is no JSON, and stays as it is."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


def trace_table(
    seed: str,
    *,
    since: str,
    run: Run,
    table: str,
    dialect: str,
    partitions: Iterable[tuple[statements.Condition, ...]] = (),
    lacks: Iterable[str] = (),
    inventory: Mapping[str, str] | None = None,
    objects: Iterable[FileReport] = (),
    unread: Iterable[FileReport] = (),
) -> Trace:
    """Follow *seed* through a CloudTrail table; the same answer as over files.

    Args:
        seed: as for :func:`containment.trail.trace`.
        since: T0 in UTC.
        run: executes a :class:`~containment.trail.sql.statements.Statement`; yields its rows by
            lower-case column name.
        table: the table of AWS's documentation, or one with its columns.
        dialect: ``athena``, ``trino`` or ``spark``.
        partitions: what of the table to read, see :mod:`containment.trail.sql.partitions`.
        lacks: documented columns that the table does not have.
        inventory: resource ARN or id to owner, where tags do not tell.
        objects: what became of each log object that the table was made of.
        unread: what of the logs is left out, to be told among the files and gaps.

    Raises:
        SpecError: *seed*, *since*, *table* or *dialect* cannot be used.
    """
    if dialect not in statements.DIALECTS:
        raise SpecError(f"{dialect!r} is no SQL dialect", remedy="use athena, trino or spark")
    start = begin(seed, since)
    part = statements.Slice(table, reach(start.since), tuple(partitions), frozenset(lacks))
    source = SqlSource(run, part, statements.DIALECTS[dialect], objects)
    return answer(start, source, inventory=inventory or {}, others=list(unread))
