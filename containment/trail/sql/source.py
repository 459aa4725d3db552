"""Records from a table behind a SQL engine: where the logs outgrow one machine.

Few scans, each over the partitions from T0 on: one for the edges, one for the records of all names
that follow from them, and one more for each time those records raise a new name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from containment.errors import SpecError
from containment.trail.answer.fixpoint import answer
from containment.trail.lineage.seeds import begin
from containment.trail.queried_source import QueriedSource, reach
from containment.trail.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from containment.trail.answer.result import Trace
    from containment.trail.logs.files import FileReport

    Row = Mapping[str, Any]
    Run = Callable[[statements.Statement], Iterable[Row]]

_AT_ONCE = 400  # names in one statement
_LONGEST = 250_000  # letters; Athena takes 262,144 bytes: API reference, "StartQueryExecution"


class TableQuestions:
    """The two questions over a part of a CloudTrail table; *run* yields rows by column."""

    brings_all = False

    def __init__(self, run: Run, part: statements.Slice, dialect: statements.Dialect) -> None:
        self._run = run
        self._part = part
        self._dialect = dialect
        self._scans = 0
        self.faults: list[str] = []

    @property
    def name(self) -> str:
        """Engine and table."""
        return f"{self._dialect.name}:{self._part.table}"

    @property
    def cost(self) -> str:
        """How often the table was scanned."""
        return f"{self._scans} scans"

    def edges(self) -> Iterable[Row]:
        """Ask for accounts, Regions, and keys handed out."""
        return self._rows(statements.edges(self._dialect, self._part))

    def records(self, names: AbstractSet[str], whole: AbstractSet[str]) -> Iterator[bytes]:
        """Ask for the records of *names*; see :func:`statements.calls`."""
        for statement in self._statements(sorted(names), whole):
            rows = self._rows(statement)
            lines = "\n".join(json.dumps(record_of(row)) for row in rows)
            yield lines.encode("utf-8", "backslashreplace")

    def _statements(
        self, names: list[str], whole: AbstractSet[str]
    ) -> Iterator[statements.Statement]:
        """Cut *names* into statements that an engine takes; whoever wrote them chose how long."""
        some = set(names)
        statement = statements.calls(self._dialect, self._part, some, some & whole)
        if len(names) > 1 and (len(names) > _AT_ONCE or len(statement.text.encode()) > _LONGEST):
            half = len(names) // 2
            yield from self._statements(names[:half], whole)
            yield from self._statements(names[half:], whole)
        else:
            yield statement

    def _rows(self, statement: statements.Statement) -> Iterable[Row]:
        self._scans += 1
        return self._run(statement)


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
    time_type: str = "",
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
        time_type: the engine's type of eventtime, where that is no text.
        inventory: resource ARN or id to owner, where tags do not tell.
        objects: what became of each log object that the table was made of.
        unread: what of the logs is left out, to be told among the files and gaps.

    Raises:
        SpecError: *seed*, *since*, *table* or *dialect* cannot be used.
    """
    if dialect not in statements.DIALECTS:
        raise SpecError(f"{dialect!r} is no SQL dialect", remedy="use athena, trino or spark")
    start = begin(seed, since)
    part = statements.Slice(
        table, reach(start.since), tuple(partitions), frozenset(lacks), time_type
    )
    questions = TableQuestions(run, part, statements.DIALECTS[dialect])
    source = QueriedSource(questions, objects)
    return answer(start, source, inventory=inventory or {}, others=list(unread))
