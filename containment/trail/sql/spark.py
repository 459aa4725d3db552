"""Run the trace's statements on Spark: over a table of its catalogue, or over log objects.

Objects are read as CloudTrail delivers them, one JSON document a line, with the columns of AWS's
documented table. Spark leaves out what it cannot read without a word, so each object is counted
first, and one that brings no records is told.

Source: Spark SQL guide, "JSON Files", "Generic File Source Options" (ignoreCorruptFiles),
"Parameterized queries"; SparkSession.interruptAll. Spark replaces ``${…}`` in a statement, but
never in what is bound.
"""

from __future__ import annotations

import os
import re
import shutil
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from containment.errors import NotFoundError, SpecError, UnavailableError
from containment.trail.logs.files import FileReport, is_digest, too_early

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.trail.sql.statements import Statement

VIEW = "cloudtrail_logs"
_IDENTITY = """STRUCT<type:STRING, principalId:STRING, arn:STRING, accountId:STRING,
 invokedBy:STRING, accessKeyId:STRING, userName:STRING,
 sessionContext:STRUCT<attributes:STRUCT<mfaAuthenticated:STRING, creationDate:STRING>,
  sessionIssuer:STRUCT<type:STRING, principalId:STRING, arn:STRING, accountId:STRING,
   userName:STRING>>>"""
_TEXTS = (
    "eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode"
    " errorMessage requestParameters responseElements additionalEventData requestID eventID"
    " readOnly eventType recipientAccountId sharedEventID sessionCredentialFromConsole"
)
_RESOURCES = "ARRAY<STRUCT<ARN:STRING, accountId:STRING, type:STRING>>"
_RECORD = ", ".join(f"{name}:STRING" for name in _TEXTS.split())
SCHEMA = (
    f"Records ARRAY<STRUCT<userIdentity:{_IDENTITY}, resources:{_RESOURCES}, {_RECORD}>>".replace(
        "\n", ""
    )
)
# Where nobody says which Spark: this machine's, which listens on loopback and nowhere else.
LOCAL = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",
}
_COUNTED = "Records ARRAY<STRUCT<eventID:STRING>>"


class Spark:
    """A Spark session: the one that *settings* and Spark's own configuration describe."""

    dialect = "spark"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """Start it, or join the one that is running.

        Raises:
            UnavailableError: pyspark or Java is missing, or Spark does not start.
        """
        try:
            sql: Any = import_module("pyspark.sql")
        except ImportError as error:
            raise UnavailableError(
                "pyspark is not installed", remedy="pip install 'containment[trace,spark]'"
            ) from error
        java = os.path.join(os.environ.get("JAVA_HOME", ""), "bin", "java")  # noqa: PTH118, TID251 -- as Spark looks for it
        if shutil.which("java") is None and shutil.which(java) is None:
            raise UnavailableError(
                "Spark needs Java and finds none",
                remedy="install Java 17 or later, or set JAVA_HOME",
            )
        builder = sql.SparkSession.builder.appName("containment-trace")
        for name, value in {**_QUIET, **(settings or {})}.items():
            builder = builder.config(name, value)
        try:
            self._session = builder.getOrCreate()
        except Exception as error:
            raise UnavailableError(
                f"Spark does not start: {_first_line(error)}",
                remedy="check JAVA_HOME and Spark's configuration (SPARK_CONF_DIR)",
            ) from error

    def __call__(self, statement: Statement) -> Iterator[dict[str, Any]]:
        """Execute *statement* and yield its rows by column name.

        Raises:
            UnavailableError: Spark cannot execute it.
        """
        try:
            frame = self._session.sql(statement.text, args=statement.bound)
            for row in frame.toLocalIterator():
                yield row.asDict()
        except KeyboardInterrupt:
            self._session.interruptAll()
            raise
        except _errors() as error:
            raise UnavailableError(
                f"Spark cannot execute the query: {_first_line(error)}",
                remedy="check that the table is AWS's documented CloudTrail table",
            ) from error

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of *table*: Spark's type by the lower-case name.

        Raises:
            NotFoundError: Spark's catalogue has no such table.
        """
        try:
            return {str(name).lower(): kind for name, kind in self._session.table(table).dtypes}
        except _errors() as error:
            raise NotFoundError(
                f"Spark has no table {table}: {_first_line(error)}",
                remedy="name a table of Spark's catalogue, or give --logs PATH",
            ) from error

    def read_objects(self, paths: Iterable[str], since: str) -> list[FileReport]:
        """Make the log objects under *paths* the table ``VIEW``; return what became of each.

        Objects that were delivered before *since* are left out.

        Raises:
            NotFoundError: there are none, or a path is not there.
            SpecError: a path is of no file system that Spark knows.
        """
        read = self._session.read.option("recursiveFileLookup", "true")
        # Spark's own folder is that of whoever started it first.
        absolute_paths = [path if "://" in path else os.path.abspath(path) for path in paths]  # noqa: PTH100 -- text in, text out
        try:
            listed = read.format("binaryFile").load(absolute_paths).inputFiles()
        except _errors() as error:
            kind = NotFoundError if "PATH_NOT_FOUND" in str(error) else SpecError
            raise kind(
                f"Spark cannot read {', '.join(absolute_paths)}: {_first_line(error)}",
                remedy="give a folder or s3a:// prefix of log objects, as Spark reaches it",
            ) from error
        objects = sorted(path for path in map(_place, listed) if not is_digest(path))
        late = [path for path in objects if not too_early(path, since)]
        if not late:
            raise NotFoundError(
                f"no log object in {', '.join(absolute_paths)} was delivered after {since}",
                remedy="give the folder that holds AWSLogs/",
            )
        readable = read.option("ignoreCorruptFiles", "true")
        records = readable.schema(SCHEMA).json(late).selectExpr("inline(Records)")
        records.createOrReplaceTempView(VIEW)
        counts = (
            readable.schema(_COUNTED)
            .json(late)
            .selectExpr("_metadata.file_path AS path", "size(Records) AS records")
            .groupBy("path")
            .agg({"records": "sum"})
            .collect()
        )
        return _reports(late, {_place(path): count for path, count in counts}) + [
            FileReport(path, "pruned", "delivered before the trace begins")
            for path in sorted(set(objects) - set(late))
        ]

    def stop(self) -> None:
        """End the session."""
        self._session.stop()


def _reports(paths: list[str], counts: Mapping[str, int | None]) -> list[FileReport]:
    """Say of each object how many records came; Spark is silent where it could read none."""
    reports = []
    for path in paths:
        count = counts.get(path)
        if path not in counts:
            reports.append(FileReport(path, "unreadable", "truncated, not gzip, or empty"))
        elif count is None or count < 0:
            reports.append(FileReport(path, "no_records", "not as CloudTrail delivers it"))
        else:
            reports.append(FileReport(path, records=count))
    return reports


def _place(url: str) -> str:
    """Return *url* as it was given: Spark writes file:/// here and file:/ there, and escapes."""
    return re.sub(r"^file:/+", "/", unquote(url))


def _errors() -> tuple[type[Exception], ...]:
    """Return what Spark raises: its own errors, and those of the bridge to Java."""
    error_types = [import_module("pyspark.errors").PySparkException]
    error_types.append(import_module("py4j.protocol").Py4JError)
    return tuple(error_types)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
