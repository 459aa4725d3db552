"""Run a statement on Athena and hand its rows on to :mod:`containment.trail.sql_source`.

Source: Athena API reference, "StartQueryExecution", "GetQueryExecution", "GetQueryResults" (pages
of a thousand rows, the first row of the first page holds the column names); Athena pricing, "SQL
queries" (by terabyte scanned).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAUSE_S = 1.0
_DOLLARS_A_TERABYTE = 5.0
_SCANS = 3  # the edges, the records, and once more for what they raise


def estimate(compressed_bytes: int, scans: int = _SCANS) -> float:
    """Return what a trace over logs of that size will cost, in US dollars."""
    return round(scans * compressed_bytes / 1e12 * _DOLLARS_A_TERABYTE, 2)


class Athena:
    """Executes statements one after the other; *scanned* tells what that cost so far."""

    def __init__(
        self,
        client: Any,
        *,
        database: str,
        output: str,
        workgroup: str = "primary",
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._asked = {
            "QueryExecutionContext": {"Database": database},
            "ResultConfiguration": {"OutputLocation": output},
            "WorkGroup": workgroup,
        }
        self._pause = pause
        self.scanned = 0

    def __call__(self, statement: str) -> Iterator[dict[str, Any]]:
        """Execute *statement* and yield its rows by column name.

        Raises:
            AccessError: Athena or S3 refuses the caller.
            UnavailableError: the statement failed or was cancelled.
        """
        try:
            started = self._client.start_query_execution(QueryString=statement, **self._asked)
            execution = started["QueryExecutionId"]
            self._wait(execution)
            yield from self._rows(execution)
        except (ClientError, BotoCoreError) as error:
            raise AccessError(
                f"Athena does not answer: {error}",
                remedy="use credentials with athena:StartQueryExecution, athena:GetQueryResults,"
                " glue:GetTable, and s3 access to the logs and the output",
            ) from error

    def _wait(self, execution: str) -> None:
        while True:
            said = self._client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
            state = said["Status"]["State"]
            if state == "SUCCEEDED":
                self.scanned += said.get("Statistics", {}).get("DataScannedInBytes", 0)
                return
            if state in ("FAILED", "CANCELLED"):
                why = said["Status"].get("StateChangeReason", "no reason given")
                raise UnavailableError(
                    f"Athena query {execution} {state.lower()}: {why}",
                    remedy="check that the table has the columns of AWS's CloudTrail table",
                )
            self._pause(_PAUSE_S)

    def _rows(self, execution: str) -> Iterator[dict[str, Any]]:
        columns: list[str] = []
        asked: dict[str, Any] = {"QueryExecutionId": execution}
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
