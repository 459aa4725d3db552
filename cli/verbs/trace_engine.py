"""The options of ``containment trace`` for tables behind an engine, and what they set going."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from containment.clock import utc_now
from containment.errors import RefusedError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from containment.trail import Trace
    from containment.trail.logs.files import FileReport
    from containment.trail.sql.glue import Estimate
    from containment.trail.sql.partitions import Layout
    from containment.trail.sql.source import Run
    from containment.trail.sql.spark import Spark
    from containment.trail.sql.statements import Condition

_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Engine:
    """Which engine to ask, over what, and how much that may cost."""

    engine: str
    table: str
    server: str
    workgroup: str
    output: str
    only_account: tuple[str, ...]
    only_region: tuple[str, ...]
    day_column: str
    price: float
    spend: float
    yes: bool

    @property
    def reads_files(self) -> bool:
        """Whether it is the reader of files, and no engine at all."""
        return self.engine == "files"

    @property
    def asks_aws(self) -> bool:
        """Whether it is asked with the responder's own credentials."""
        return self.engine == "athena"


_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["files", "athena", "trino", "spark"]),
        default="files",
        show_default=True,
        help="What reads the logs; all but files take a CloudTrail table.",
    ),
    click.option("--table", default="", metavar="DB.TABLE", help="AWS's CloudTrail table."),
    click.option("--server", default="", metavar="URL", help="Trino: https://user@host/catalog."),
    click.option(
        "--workgroup", default="primary", show_default=True, help="Athena: the workgroup to use."
    ),
    click.option("--output", default="", metavar="S3_URL", help="Athena: where results go."),
    click.option(
        "--only-account", multiple=True, metavar="ID", help="Read this account's partitions alone."
    ),
    click.option(
        "--only-region", multiple=True, metavar="NAME", help="Read this Region's partitions alone."
    ),
    click.option(
        "--day-column",
        default="",
        metavar="NAME=FORMAT",
        help="Partitions by day: timestamp=yyyy/MM/dd, or year,month,day.",
    ),
    click.option(
        "--price",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="Athena: US dollars for a terabyte scanned.",
    ),
    click.option(
        "--spend",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="Athena: ask where the estimate is above so many dollars.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask about the cost."),
)


def engine_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give *command* the options of the engines, which it gets as one ``engine``."""

    @wraps(command)
    def called(*args: Any, **given: Any) -> int:
        chosen = Engine(**{one.name: given.pop(one.name) for one in fields(Engine)})
        return command(*args, engine=chosen, **given)

    for option in reversed(_OPTIONS):
        option(called)
    return called


def follow(
    chosen: Engine,
    credential: str,
    since: str,
    logs: list[str],
    inventory: Mapping[str, str],
    *,
    live: bool,
) -> Trace:
    """Trace *credential* through the table of the chosen engine.

    Raises:
        SpecError: a setting that the engine needs is missing or cannot be used.
        RefusedError: it would cost more than was agreed to.
    """
    from containment.trail.lineage.seeds import begin  # noqa: PLC0415 -- as in cli.trace
    from containment.trail.sql.source import trace_table  # noqa: PLC0415

    moment = begin(credential, since).since  # before anything is paid for
    if live or (logs and chosen.engine != "spark"):
        raise SpecError(
            f"{chosen.engine} reads a table, and neither files nor LookupEvents",
            remedy="give --table, without --logs and --live",
        )
    if not chosen.table and not logs:
        raise SpecError(
            f"--engine {chosen.engine} needs a table", remedy="name it with --table database.table"
        )
    start = {"athena": _athena, "trino": _trino, "spark": _spark}[chosen.engine]
    with_what = start(chosen, moment, logs)
    found = trace_table(
        credential,
        since=since,
        run=with_what.run,
        table=with_what.table,
        dialect=chosen.engine,
        partitions=with_what.partitions,
        lacks=with_what.lacks,
        inventory=inventory,
        objects=with_what.objects,
        unread=_left_out(chosen),
    )
    with_what.done()
    return found


@dataclass(slots=True)
class _Prepared:
    run: Run
    table: str
    partitions: tuple[tuple[Condition, ...], ...] = ()
    lacks: Iterable[str] = ()
    objects: Iterable[FileReport] = ()
    done: Callable[[], None] = lambda: None


def _athena(chosen: Engine, moment: str, _: list[str]) -> _Prepared:
    from containment.aws import trail_source  # noqa: PLC0415 -- boto3 is slow to import
    from containment.trail.sql import athena, glue  # noqa: PLC0415

    database, name = _database(chosen.table)
    clients = trail_source.engine_clients()
    table = glue.describe(clients.glue, database, name)
    lacks = table.lacks
    partitions = _conditions(chosen, _layout(chosen, table.layout, table.all_columns), moment)
    run = athena.Athena(
        clients.athena,
        clients.s3,
        database=database,
        output=chosen.output,
        workgroup=chosen.workgroup,
    )
    limit = run.limit()
    _agree(
        chosen, glue.estimate(clients.glue, clients.s3, table, partitions, until=utc_now()), limit
    )

    def done() -> None:
        spent = run.scanned / 1e12 * chosen.price
        _say(f"athena scanned {run.scanned / _GIGABYTE:,.2f} GB, about ${spent:,.2f}")

    return _Prepared(run, chosen.table, partitions, lacks, done=done)


def _database(table: str) -> tuple[str, str]:
    parts = table.split(".")
    if len(parts) > 2 or not all(parts):  # noqa: PLR2004 -- database.table
        raise SpecError(
            f"{table!r} is no table of Athena's own catalogue",
            remedy="write it as --table database.table",
        )
    return ("default", *parts)[-2], parts[-1]


def _agree(chosen: Engine, estimate: Estimate, limit: int | None) -> None:
    dollars = estimate.dollars(chosen.price)
    if estimate.bytes is None:
        what = f"what this will cost cannot be told: {estimate.why}"
    else:
        held = f"{estimate.bytes / _GIGABYTE:,.2f} GB"
        what = f"the partitions hold {held}; three scans cost about ${dollars:,.2f}"
        if limit is not None and estimate.bytes > limit:
            raise RefusedError(
                f"the partitions hold {held} and the workgroup {chosen.workgroup} stops a query at"
                f" {limit / _GIGABYTE:,.2f} GB",
                remedy="use another --workgroup, or read less with --only-account, --only-region",
            )
    _say(what)
    if chosen.yes or (dollars is not None and dollars <= chosen.spend):
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RefusedError(
            f"{what}, and nobody can be asked", remedy="agree with --yes, or raise --spend"
        )
    click.confirm("go on?", abort=True, err=True)


def _trino(chosen: Engine, moment: str, _: list[str]) -> _Prepared:
    from containment.trail.sql import trino  # noqa: PLC0415 -- as above

    if not chosen.server:
        raise SpecError(
            "--engine trino needs a server", remedy="give --server https://user@host:port/catalog"
        )
    password = os.environ.get("TRINO_PASSWORD", "")  # noqa: TID251 -- cli reads settings
    run = trino.connect(chosen.server, password)
    return _by_columns(chosen, run, run.columns(chosen.table), moment)


def _spark(chosen: Engine, moment: str, logs: list[str]) -> _Prepared:
    from containment.trail.sql import spark  # noqa: PLC0415 -- as above

    if chosen.table and logs:
        raise SpecError(
            "a table and log files at once cannot be read", remedy="give --table or --logs"
        )
    if logs and (chosen.only_account or chosen.only_region or chosen.day_column):
        raise SpecError(
            "log files have no partitions to choose by", remedy="give the folders that count"
        )
    run = spark.Spark({} if _configured() else spark.LOCAL)
    if logs:
        objects = _read_objects(run, logs, moment)
        return _Prepared(run, spark.VIEW, objects=objects, done=run.stop)
    prepared = _by_columns(chosen, run, run.columns(chosen.table), moment)
    prepared.done = run.stop
    return prepared


def _read_objects(run: Spark, logs: list[str], moment: str) -> list[FileReport]:
    from containment.trail.sql.source import reach  # noqa: PLC0415 -- as above

    return run.read_objects(logs, reach(moment))


def _configured() -> bool:
    """Whether somebody has said which Spark this is."""
    names = ("SPARK_CONF_DIR", "SPARK_HOME", "SPARK_REMOTE", "MASTER", "PYSPARK_SUBMIT_ARGS")
    return any(os.environ.get(name) for name in names)  # noqa: TID251 -- cli reads settings


def _by_columns(chosen: Engine, run: Run, columns: set[str], moment: str) -> _Prepared:
    """Hold the table to AWS's columns; which of them are partitions, the reader has to say."""
    from containment.trail.sql.glue import lacking  # noqa: PLC0415 -- as above
    from containment.trail.sql.partitions import layout_named  # noqa: PLC0415

    lacks = lacking(columns, chosen.table)
    layout = layout_named(columns, chosen.day_column)
    return _Prepared(run, chosen.table, _conditions(chosen, layout, moment), lacks)


def _layout(chosen: Engine, known: Layout, columns: Iterable[str]) -> Layout:
    from containment.trail.sql.partitions import layout_named  # noqa: PLC0415 -- as above

    return layout_named(columns, chosen.day_column) if chosen.day_column else known


def _conditions(chosen: Engine, layout: Layout, moment: str) -> tuple[tuple[Condition, ...], ...]:
    from containment.trail.sql.source import reach  # noqa: PLC0415 -- as above

    return layout.conditions(reach(moment), chosen.only_account, chosen.only_region)


def _left_out(chosen: Engine) -> list[FileReport]:
    """What was asked not to be read is a gap like any other."""
    from containment.trail.logs.files import FileReport  # noqa: PLC0415 -- as above

    only = [*chosen.only_account, *chosen.only_region]
    if not only:
        return []
    name = f"{chosen.engine}:{chosen.table} outside {', '.join(only)}"
    return [FileReport(name, "partly_read", "as it was asked for")]


def _say(what: str) -> None:
    click.echo(what, err=True)
