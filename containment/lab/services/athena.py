"""Athena as AWS answers it: the queries are executed, where moto would answer each with nothing.

A query reads S3 with its caller's permissions, is QUEUED, then RUNNING for one answer each, and
ends as SUCCEEDED, FAILED or CANCELLED. Only one SELECT over one table of Glue is executed.

Source: Athena API reference, "StartQueryExecution", "GetQueryExecution", "GetQueryResults",
"StopQueryExecution", "WorkGroupConfiguration"; Athena User Guide, "Access to Athena" (a query needs
the caller's access to the table in Glue, to the objects and to the output location).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.athena.responses import AthenaResponse

from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.services import athena_objects, athena_sql
from containment.lab.services.athena_sql import QueryError, Rows

_DDL = re.compile(
    r"\s*(?:CREATE|ALTER|DROP|MSCK|INSERT|UNLOAD|EXPLAIN|SHOW|DESCRIBE)\b", re.IGNORECASE
)
_PAGE = 1000
_LONGEST = 262_144
# Whether the caller of the query may do *action* on *resource*.
May = Callable[[str, str], bool]


@dataclass(slots=True)
class Run:
    """What became of one query; *state* is what it will end as."""

    state: str = "SUCCEEDED"
    why: str = ""
    scanned: int = 0
    place: str = ""
    rows: Rows = field(default_factory=lambda: Rows((), []))
    states: list[str] = field(default_factory=lambda: ["QUEUED", "RUNNING"])

    def next_state(self) -> str:
        """Return the state as the next answer tells it."""
        return self.states.pop(0) if self.states else self.state


class LabAthena(AthenaResponse):
    """Every Athena operation of the lab."""

    def __init__(self, may: May) -> None:
        super().__init__()
        self._may = may

    def answer(self, request: Any, url: str, headers: Any) -> Any:
        """Answer one call."""
        return self._dispatch(request, url, headers)

    def get_work_group(self) -> Any:
        """Tell the settings of a workgroup that is there."""
        name = self._get_param("WorkGroup")
        if name not in self.athena_backend.work_groups:
            raise _invalid(f"WorkGroup {name} is not found.")
        return super().get_work_group()

    def start_query_execution(self) -> Any:
        """Execute a query at once; its states are told one by one."""
        text = str(self._get_param("QueryString"))
        if _DDL.match(text):
            raise Refusal(Reason.NOT_IN_LAB, "The lab's Athena executes SELECT alone.")
        if len(text.encode()) > _LONGEST:
            raise _invalid("Query string exceeds the maximum length of 262144 bytes")
        name = self._get_param("WorkGroup") or "primary"
        group = self.athena_backend.work_groups.get(name)
        if group is None:
            raise _invalid(f"WorkGroup {name} is not found.")
        place = _output(group.configuration, self._get_param("ResultConfiguration") or {})
        context = self._get_param("QueryExecutionContext") or {}
        execution = self.athena_backend.start_query_execution(
            query=text,
            context=context,  # type: ignore[arg-type]  # moto's annotation is wrong
            config={"OutputLocation": place},
            workgroup=name,
            execution_parameters=None,
        )
        made: Any = self.athena_backend.executions[execution]
        made.lab = self._execute(
            text, str(context.get("Database", "default")), made.config["OutputLocation"], group
        )
        return json.dumps({"QueryExecutionId": execution})

    def _execute(self, text: str, database: str, place: str, group: Any) -> Run:
        run = Run(place=place)
        try:
            query = athena_sql.parse(text)
            source = self._scan(query, database, run)
            limit = group.configuration.get("BytesScannedCutoffPerQuery")
            if limit and run.scanned > int(limit):
                run.state, run.why = "CANCELLED", "Query cancelled! : Bytes scanned limit exceeded"
                return run
            columns = source.columns | source.keys
            records = (one for each in source.objects for one in athena_objects.records(each))
            run.rows = athena_sql.execute(query, columns, records)
            self._allowed("s3:PutObject", place.replace("s3://", "arn:aws:s3:::", 1))
            athena_objects.put(place, _csv(run.rows))
        except QueryError as error:
            run.state, run.why = "FAILED", str(error)
        return run

    def _scan(self, query: athena_sql.Query, database: str, run: Run) -> athena_objects.Table:
        """Return the table with the objects that the query has to read, and count their bytes."""
        account, region = self.current_account, self.region
        database = query.database or database
        self._allowed("glue:GetTable", f"arn:aws:glue:{region}:{account}:database/{database}")
        self._allowed(
            "glue:GetTable", f"arn:aws:glue:{region}:{account}:table/{database}/{query.table}"
        )
        stored_table = athena_objects.table(account, region, database, query.table)
        values = [
            dict(one) for one in {tuple(each.partition.items()) for each in stored_table.objects}
        ]
        kept = athena_sql.holding(query.on_partitions(stored_table.keys), values)
        objects = [each for each in stored_table.objects if each.partition in kept]
        for each in objects:
            self._allowed("s3:GetObject", f"arn:aws:s3:::{each.bucket}/{each.key}")
            run.scanned += athena_objects.size(each)
        return athena_objects.Table(stored_table.columns, stored_table.keys, objects)

    def _allowed(self, action: str, resource: str) -> None:
        if not self._may(action, resource):
            raise QueryError(f"Insufficient permissions to execute: {action} {resource}")

    def get_query_execution(self) -> Any:
        """Tell how far a query is."""
        made, run = self._run()
        state = run.next_state()
        status: dict[str, Any] = {"State": state, "SubmissionDateTime": made.start_time}
        if state == run.state and run.why:
            status["StateChangeReason"] = run.why
        scanned = run.scanned if state in ("SUCCEEDED", "FAILED", "CANCELLED") else 0
        execution = {
            "QueryExecutionId": made.id,
            "Query": made.query,
            "StatementType": "DML",
            "ResultConfiguration": {"OutputLocation": run.place},
            "QueryExecutionContext": made.context or {},
            "Status": status,
            "Statistics": {"DataScannedInBytes": scanned, "EngineExecutionTimeInMillis": 1},
            "WorkGroup": made.workgroup.name,
        }
        return json.dumps({"QueryExecution": execution})

    def stop_query_execution(self) -> Any:
        """Cancel a query, unless it has ended."""
        _, run = self._run()
        if run.states:
            run.state, run.why, run.states = "CANCELLED", "Query cancelled by user", []
        return "{}"

    def get_query_results(self) -> Any:
        """Return a page of a result, the column names as the first row of the first."""
        _, run = self._run()
        if run.states or run.state != "SUCCEEDED":
            state = run.states[0] if run.states else run.state
            raise _invalid(f"Query has not yet finished. Current state: {state}")
        size = int(self._get_param("MaxResults") or _PAGE)
        if not 1 <= size <= _PAGE:
            raise _invalid("MaxResults is more than maximum allowed length 1000.")
        start = int(self._get_param("NextToken") or 0)
        lines = [run.rows.columns, *run.rows.rows]
        rows = [
            {"Data": [{} if cell is None else {"VarCharValue": _text(cell)} for cell in line]}
            for line in lines[start : start + size]
        ]
        column_info = [{"Name": name, "Type": "varchar"} for name in run.rows.columns]
        page: dict[str, Any] = {
            "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": column_info}}
        }
        if start + size < len(lines):
            page["NextToken"] = str(start + size)
        return json.dumps(page)

    def _run(self) -> tuple[Any, Run]:
        asked = self._get_param("QueryExecutionId")
        made: Any = self.athena_backend.executions.get(asked)
        if made is None:
            raise _invalid(f"QueryExecution {asked} was not found")
        return made, made.lab


def _output(configuration: dict[str, Any], asked: dict[str, Any]) -> str:
    """Return where results go: the workgroup's place if it insists or the request names none."""
    own = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
    insists = configuration.get("EnforceWorkGroupConfiguration")
    place = own if insists or not asked.get("OutputLocation") else asked["OutputLocation"]
    if not place:
        raise _invalid(
            "No output location provided. An output location is required either through the"
            " Workgroup result configuration setting or as an API input."
        )
    return str(place)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _csv(rows: Rows) -> bytes:
    """Return a result as Athena writes it: every value in quotes, nothing without any."""
    text = io.StringIO(newline="")
    lines = [rows.columns, *rows.rows]
    for line in lines:
        cells = (
            '"' + _text(cell).replace('"', '""') + '"' if cell is not None else "" for cell in line
        )
        text.write(",".join(cells) + "\n")
    return text.getvalue().encode("utf-8", "backslashreplace")


def _invalid(message: str) -> Refusal:
    return Refusal(Reason.MALFORMED, message, code="InvalidRequestException", status=400)


def answer(may: May) -> Callable[..., Any]:
    """Return what handles Athena calls of a caller who *may* do this or that."""
    return LabAthena(may).answer
