"""The options of ``containment trace`` for tables behind an engine."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from containment.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.aws.trail_source import EngineClients

_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["files", "athena", "trino", "spark", "splunk", "insights"]),
        default="files",
        show_default=True,
        help="What reads the logs: a table's engine, or a service that searches them.",
    ),
    click.option("--table", default="", metavar="DB.TABLE", help="AWS's CloudTrail table."),
    click.option(
        "--server",
        default="",
        metavar="URL",
        help="Trino: https://user@host/catalog. Splunk: https://host:8089, token in SPLUNK_TOKEN.",
    ),
    click.option(
        "--search", default="", metavar="SPL", help="Splunk: which events, as index=aws; no pipe."
    ),
    click.option(
        "--log-group",
        multiple=True,
        metavar="NAME",
        help="CloudWatch Logs: read it whole, or ask it with --engine insights.",
    ),
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
    def with_engine(*args: Any, **options: Any) -> int:
        # Imported here, as in cli.trace: --help needs none of it.
        from containment.trail.sql.choice import EngineChoice  # noqa: PLC0415

        names = [field.name for field in fields(EngineChoice)]
        choice = EngineChoice(**{name: options.pop(name) for name in names})
        return command(*args, engine=choice, **options)

    for option in reversed(_OPTIONS):
        option(with_engine)
    return with_engine


class Terminal:
    """What a trace behind an engine takes from its surroundings: settings, clients, consent."""

    def athena_clients(self) -> EngineClients:
        """Return clients of the responder's own credentials."""
        from containment.aws import trail_source  # noqa: PLC0415 -- boto3 is slow to import

        return trail_source.engine_clients()

    def logs_client(self) -> Any:
        """Return a CloudWatch Logs client of the responder's own credentials."""
        from containment.aws import trail_source  # noqa: PLC0415 -- boto3 is slow to import

        return trail_source.logs_client()

    def splunk_token(self) -> str:
        """Return the token for the Splunk server, or nothing."""
        return os.environ.get("SPLUNK_TOKEN", "")  # noqa: TID251 -- cli reads settings

    def trino_password(self) -> str:
        """Return the password for the Trino server, or nothing."""
        return os.environ.get("TRINO_PASSWORD", "")  # noqa: TID251 -- cli reads settings

    def spark_is_configured(self) -> bool:
        """Whether somebody has said which Spark this is."""
        names = ("SPARK_CONF_DIR", "SPARK_HOME", "SPARK_REMOTE", "MASTER", "PYSPARK_SUBMIT_ARGS")
        return any(os.environ.get(name) for name in names)  # noqa: TID251 -- cli reads settings

    def say(self, line: str) -> None:
        """Print *line* beside the answer."""
        click.echo(line, err=True)

    def agree(self, cost: str) -> None:
        """Ask whether to go on at *cost*.

        Raises:
            RefusedError: nobody can be asked.
        """
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise RefusedError(
                f"{cost}, and nobody can be asked", remedy="agree with --yes, or raise --spend"
            )
        click.confirm("go on?", abort=True, err=True)
