"""Open the SQL engine that holds a CloudTrail table, agree on the cost, and trace through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from containment.clock import utc_now
from containment.errors import RefusedError, SpecError
from containment.trail.lineage.seeds import begin
from containment.trail.logs.files import FileReport
from containment.trail.queried_source import reach
from containment.trail.sql import athena, glue, spark, trino
from containment.trail.sql.partitions import layout_named
from containment.trail.sql.source import trace_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from containment.trail.answer.result import Trace
    from containment.trail.sql.choice import EngineChoice
    from containment.trail.sql.glue import Estimate
    from containment.trail.sql.partitions import Layout
    from containment.trail.sql.source import Run
    from containment.trail.sql.spark import Spark
    from containment.trail.sql.statements import Condition

_GIGABYTE = 1e9


class AthenaClients(Protocol):
    """The boto3 clients that Athena's tables need."""

    @property
    def athena(self) -> Any:
        """Run queries."""
        ...

    @property
    def glue(self) -> Any:
        """Describe the table and its partitions."""
        ...

    @property
    def s3(self) -> Any:
        """Read results, and measure what the partitions hold."""
        ...


class Surroundings(Protocol):
    """What the program that asks provides: settings, clients, and someone to ask."""

    def athena_clients(self) -> AthenaClients:
        """Return clients of the responder's own credentials."""
        ...

    def trino_password(self) -> str:
        """Return the password for the Trino server, or nothing."""
        ...

    def spark_is_configured(self) -> bool:
        """Whether a Spark is configured; else one is started in this process."""
        ...

    def say(self, line: str) -> None:
        """Tell the responder *line*."""
        ...

    def agree(self, cost: str) -> None:
        """Have the responder agree to *cost*; RefusedError if nobody can be asked."""
        ...


def trace_engine(
    choice: EngineChoice,
    credential: str,
    since: str,
    logs: list[str],
    *,
    inventory: Mapping[str, str],
    surroundings: Surroundings,
    live: bool,
) -> Trace:
    """Trace *credential* through the table of the chosen engine.

    Raises:
        SpecError: a setting that the engine needs is missing or cannot be used.
        RefusedError: it would cost more than was agreed to.
    """
    moment = begin(credential, since).since  # before anything is paid for
    if live or (logs and choice.engine != "spark"):
        raise SpecError(
            f"{choice.engine} reads a table, and neither files nor LookupEvents",
            remedy="give --table, without --logs and --live",
        )
    if not choice.table and not logs:
        raise SpecError(
            f"--engine {choice.engine} needs a table", remedy="name it with --table database.table"
        )
    start = {"athena": _athena, "trino": _trino, "spark": _spark}[choice.engine]
    opened = start(choice, moment, logs, surroundings)
    answer = trace_table(
        credential,
        since=since,
        run=opened.run,
        table=opened.table,
        dialect=choice.engine,
        partitions=opened.partitions,
        lacks=opened.lacks,
        time_type=opened.time_type,
        inventory=inventory,
        objects=opened.objects,
        unread=_left_out(choice),
    )
    opened.close()
    return answer


@dataclass(slots=True)
class _Opened:
    run: Run
    table: str
    partitions: tuple[tuple[Condition, ...], ...] = ()
    lacks: Iterable[str] = ()
    objects: Iterable[FileReport] = ()
    time_type: str = ""
    close: Callable[[], None] = lambda: None


def _athena(choice: EngineChoice, moment: str, _: list[str], surroundings: Surroundings) -> _Opened:
    database, name = _database(choice.table)
    clients = surroundings.athena_clients()
    table = glue.describe(clients.glue, database, name)
    lacks = table.lacks
    partitions = _conditions(choice, _layout(choice, table.layout, table.all_columns), moment)
    run = athena.Athena(
        clients.athena,
        clients.s3,
        database=database,
        output=choice.output,
        workgroup=choice.workgroup,
    )
    limit = run.limit()
    estimate = glue.estimate(clients.glue, clients.s3, table, partitions, until=utc_now())
    _agree(choice, estimate, limit, surroundings)

    def close() -> None:
        spent = run.scanned / 1e12 * choice.price
        surroundings.say(f"athena scanned {run.scanned / _GIGABYTE:,.2f} GB, about ${spent:,.2f}")

    return _Opened(
        run, choice.table, partitions, lacks, time_type=table.columns["eventtime"], close=close
    )


def _database(table: str) -> tuple[str, str]:
    parts = table.split(".")
    if len(parts) > 2 or not all(parts):  # noqa: PLR2004 -- database.table
        raise SpecError(
            f"{table!r} is no table of Athena's own catalogue",
            remedy="write it as --table database.table",
        )
    return ("default", *parts)[-2], parts[-1]


def _agree(
    choice: EngineChoice, estimate: Estimate, limit: int | None, surroundings: Surroundings
) -> None:
    dollars = estimate.dollars(choice.price)
    if estimate.bytes is None:
        cost = f"what this will cost cannot be told: {estimate.why}"
    else:
        size = f"{estimate.bytes / _GIGABYTE:,.2f} GB"
        cost = f"the partitions hold {size}; three scans cost about ${dollars:,.2f}"
        if limit is not None and estimate.bytes > limit:
            raise RefusedError(
                f"the partitions hold {size} and the workgroup {choice.workgroup} stops a query at"
                f" {limit / _GIGABYTE:,.2f} GB",
                remedy="use another --workgroup, or read less with --only-account, --only-region",
            )
    surroundings.say(cost)
    if choice.yes or (dollars is not None and dollars <= choice.spend):
        return
    surroundings.agree(cost)


def _trino(choice: EngineChoice, moment: str, _: list[str], surroundings: Surroundings) -> _Opened:
    if not choice.server:
        raise SpecError(
            "--engine trino needs a server", remedy="give --server https://user@host:port/catalog"
        )
    run = trino.connect(choice.server, surroundings.trino_password())
    return _by_columns(choice, run, run.columns(choice.table), moment)


def _spark(
    choice: EngineChoice, moment: str, logs: list[str], surroundings: Surroundings
) -> _Opened:
    if choice.table and logs:
        raise SpecError(
            "a table and log files at once cannot be read", remedy="give --table or --logs"
        )
    if logs and (choice.only_account or choice.only_region or choice.day_column):
        raise SpecError(
            "log files have no partitions to choose by", remedy="give the folders that count"
        )
    run: Spark = spark.Spark({} if surroundings.spark_is_configured() else spark.LOCAL)
    if logs:
        objects = run.read_objects(logs, reach(moment))
        return _Opened(run, spark.VIEW, objects=objects, close=run.stop)
    opened = _by_columns(choice, run, run.columns(choice.table), moment)
    opened.close = run.stop
    return opened


def _by_columns(choice: EngineChoice, run: Run, columns: Mapping[str, str], moment: str) -> _Opened:
    """Hold the table to AWS's columns; which of them are partitions, the reader has to say."""
    lacks = glue.lacking(columns, choice.table)
    layout = layout_named(columns, choice.day_column)
    conditions = _conditions(choice, layout, moment)
    return _Opened(run, choice.table, conditions, lacks, time_type=columns["eventtime"])


def _layout(choice: EngineChoice, table_layout: Layout, columns: Iterable[str]) -> Layout:
    return layout_named(columns, choice.day_column) if choice.day_column else table_layout


def _conditions(
    choice: EngineChoice, layout: Layout, moment: str
) -> tuple[tuple[Condition, ...], ...]:
    return layout.conditions(reach(moment), choice.only_account, choice.only_region)


def _left_out(choice: EngineChoice) -> list[FileReport]:
    """Return a report of what was asked not to be read."""
    only = [*choice.only_account, *choice.only_region]
    if not only:
        return []
    name = f"{choice.engine}:{choice.table} outside {', '.join(only)}"
    return [FileReport(name, "partly_read", "as it was asked for")]
