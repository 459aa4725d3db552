"""Run the trace's statements on Athena.

Source: Athena API reference, "StartQueryExecution", "GetQueryExecution", "StopQueryExecution",
"GetQueryResults" (pages of a thousand rows, the first row of the first page holds the column
names), "WorkGroupConfiguration" (BytesScannedCutoffPerQuery); Athena User Guide, "Work with query
results and recent queries" (a CSV file in the output location).
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError, RefusedError, SpecError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from containment.trail.sql.statements import Statement

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 5.0
_CELL = 1 << 27
_S3 = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)


class Athena:
    """Executes statements one after the other; *scanned* tells what that cost so far."""

    dialect = "athena"

    def __init__(
        self,
        client: Any,
        s3: Any,
        *,
        database: str,
        output: str = "",
        workgroup: str = "primary",
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._s3 = s3
        self._workgroup = workgroup
        self._asked: dict[str, Any] = {
            "QueryExecutionContext": {"Database": database},
            "WorkGroup": workgroup,
        }
        if output:
            self._asked["ResultConfiguration"] = {"OutputLocation": output}
        self._pause = pause
        self.scanned = 0

    def limit(self) -> int | None:
        """Return how many bytes the workgroup lets one query scan; None where it does not say.

        Raises:
            SpecError: there is no such workgroup, or nowhere to put results.
        """
        try:
            workgroup = self._client.get_work_group(WorkGroup=self._workgroup)["WorkGroup"]
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == "InvalidRequestException":
                raise SpecError(
                    f"there is no workgroup {self._workgroup}", remedy="check --workgroup"
                ) from error
            return None  # whoever may start queries need not see the workgroup's settings
        except BotoCoreError as error:
            raise _refused(error) from error
        configuration = workgroup.get("Configuration") or {}
        managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled")
        place = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        if not (place or managed or "ResultConfiguration" in self._asked):
            raise SpecError(
                f"the workgroup {self._workgroup} has no place for results",
                remedy="give one with --output s3://bucket/prefix/",
            )
        cutoff = configuration.get("BytesScannedCutoffPerQuery")
        return int(cutoff) if cutoff else None

    def __call__(self, statement: Statement) -> Iterator[dict[str, Any]]:
        """Execute *statement* and yield its rows by column name; Ctrl-C stops it at Athena too.

        Raises:
            AccessError: Athena or S3 refuses the caller.
            RefusedError: the workgroup's limit of bytes was reached.
            SpecError: Athena refuses the request.
            UnavailableError: the query failed or was cancelled.
        """
        try:
            started = self._client.start_query_execution(QueryString=statement.text, **self._asked)
            execution = started["QueryExecutionId"]
            try:
                place = self._wait(execution)
            except BaseException:
                self._stop(execution)
                raise
            yield from self._rows(execution, place)
        except (ClientError, BotoCoreError) as error:
            raise _refused(error) from error

    def _wait(self, execution: str) -> str:
        pause = _FIRST_PAUSE_S
        while True:
            query_execution = self._client.get_query_execution(QueryExecutionId=execution)[
                "QueryExecution"
            ]
            state = query_execution["Status"]["State"]
            if state in ("SUCCEEDED", "FAILED", "CANCELLED"):
                self.scanned += query_execution.get("Statistics", {}).get("DataScannedInBytes", 0)
            if state == "SUCCEEDED":
                return str(
                    (query_execution.get("ResultConfiguration") or {}).get("OutputLocation") or ""
                )
            if state in ("FAILED", "CANCELLED"):
                raise _ended(
                    execution, state, query_execution["Status"].get("StateChangeReason", "")
                )
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _stop(self, execution: str) -> None:
        """End the query: what nobody waits for would go on, and cost."""
        try:
            self._client.stop_query_execution(QueryExecutionId=execution)
        except (ClientError, BotoCoreError):
            return  # it has ended, or Athena cannot be reached: the first error is the one to tell

    def _rows(self, execution: str, place: str) -> Iterator[dict[str, Any]]:
        """Read the result's file, or page through it where S3 does not hand it out."""
        match = _S3.fullmatch(place)
        with tempfile.TemporaryDirectory(prefix="containment-athena-") as folder:
            file = Path(folder, "result.csv")
            if match is not None and self._fetched(match[1], match[2], file):
                yield from _table(file)
                return
        columns: list[str] = []
        asked: dict[str, Any] = {"QueryExecutionId": execution, "MaxResults": 1000}
        while True:
            page = self._client.get_query_results(**asked)
            for row in page["ResultSet"]["Rows"]:
                cells = [cell.get("VarCharValue") for cell in row["Data"]]
                if columns:
                    yield dict(zip(columns, cells, strict=True))
                else:
                    columns = [cell or "" for cell in cells]
            if not page.get("NextToken"):
                return
            asked["NextToken"] = page["NextToken"]

    def _fetched(self, bucket: str, key: str, file: Path) -> bool:
        try:
            body = self._s3.get_object(Bucket=bucket, Key=key)["Body"]
        except ClientError:
            return False
        with file.open("wb") as copy:
            shutil.copyfileobj(body, copy)
        return True


def _table(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a result file, where nothing and the empty text look the same."""
    csv.field_size_limit(_CELL)
    with file.open(encoding="utf-8", errors="replace", newline="") as text:
        for row in csv.DictReader(text):
            yield {name: value or None for name, value in row.items()}


def _ended(execution: str, state: str, why: str) -> RefusedError | UnavailableError:
    if "scanned limit" in why.lower():
        return RefusedError(
            f"Athena stopped query {execution} at the workgroup's limit: {why}",
            remedy="raise the limit, use another --workgroup, or read less with --only-region",
        )
    return UnavailableError(
        f"Athena query {execution} {state.lower()}: {why or 'no reason given'}",
        remedy="see it in Athena's history, and check that the table is AWS's documented one",
    )


_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException"})


def _refused(error: ClientError | BotoCoreError) -> AccessError | SpecError | UnavailableError:
    if not isinstance(error, ClientError):
        return AccessError(
            f"Athena cannot be reached: {error}", remedy="check credentials, Region and network"
        )
    refusal = error.response.get("Error", {})
    code, text = refusal.get("Code", ""), refusal.get("Message", "")
    if code in _DENIED or "Token" in code:
        return AccessError(
            f"Athena refuses: {text or code}",
            remedy="use credentials with athena:StartQueryExecution, athena:GetQueryExecution,"
            " athena:GetQueryResults, glue:GetTable, and S3 access to the logs and the output",
        )
    if code == "InvalidRequestException":
        return SpecError(
            f"Athena refuses the request: {text}", remedy="check --output, --workgroup"
        )
    return UnavailableError(f"Athena answers {code}: {text}", remedy="try again in a minute")
