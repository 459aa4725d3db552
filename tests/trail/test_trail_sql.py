"""The same answer from a table, and statements that a log cannot write into."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot

from containment.errors import SpecError, UnavailableError
from containment.trail import Trace, sql, trace
from containment.trail.athena import Athena, estimate
from containment.trail.sql_source import trace_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trail_scene import Scene

pytestmark = pytest.mark.plain


class Table:
    """Answers the two questions as an engine would, on records in memory."""

    def __init__(self, scene: Scene) -> None:
        self.rows = [self._row(record) for record in scene.records]
        self.statements: list[str] = []

    @staticmethod
    def _row(record: dict[str, Any]) -> dict[str, Any]:
        nested = ("requestParameters", "responseElements", "additionalEventData", "userIdentity")
        return {
            name.lower(): json.dumps(value) if name in nested and value is not None else value
            for name, value in record.items()
        }

    def run(self, statement: str) -> Iterator[dict[str, Any]]:
        self.statements.append(statement)
        if "AS minted" in statement:
            for row in self.rows:
                answer = row["responseelements"] or ""
                key = json.loads(row["useridentity"]).get("accessKeyId")
                if key and not row.get("errorcode") and '"accessKeyId"' in answer:
                    minted = re.findall(r'"accessKeyId" *: *"(\w+)"', answer)
                    yield {"caller": key, "minted": ",".join(minted)}
            return
        asked = statement.split("AND (\n", 1)[1]
        listed = set(re.findall(r"'((?:[^']|'')*)'", asked.split("eventname IN")[0]))
        patterns = set(re.findall(r"regexp_like\(\w+(?:\.\w+)?, '([^']*)'", asked))
        for row in self.rows:
            whole = json.dumps(row)
            if any(name in whole for name in listed) or any(re.search(p, whole) for p in patterns):
                yield row


def ask(scene: Scene) -> tuple[Trace, Table]:
    table = Table(scene)
    answer = trace_table(
        scene.leaked, since=scene.since, run=table.run, table="logs.cloudtrail", dialect="athena"
    )
    return answer, table


def test_a_table_gives_the_answer_that_the_files_give(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    made = scene.make_user(key, arn, "helper", 20)
    long = scene.access_key(key, arn, "helper", 21)
    scene.call(long, made, "ListUsers", 30)
    scene.call(scene.leaked, scene.user, "GetSecretValue", 40)
    scene.call(scene.key(), scene.user, "Decrypt", 40, created=40, invoked_by="s.amazonaws.com")
    scene.make_role(key, arn, "fn-role", 50)
    request = {"functionName": "job", "role": f"arn:aws:iam::{scene.account}:role/fn-role"}
    scene.call(key, arn, "CreateFunction20150331", 51, request=request, response={})
    scene.service("lambda.amazonaws.com", "fn-role", "job", 60, scene.key())
    scene.sign_in(made, 70)
    scene.call("AKIASTRANGER00000000", f"{scene.user}-2", "ListUsers", 80)

    files = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    answer, table = ask(scene)

    assert answer.credentials == files.credentials
    assert [(t.credential, t.call.event_id) for t in answer.calls] == [
        (t.credential, t.call.event_id) for t in files.calls
    ]
    assert len(table.statements) <= 5


def test_a_long_chain_takes_two_scans(scene: Scene) -> None:
    key, arn = scene.leaked, scene.user
    for turn in range(14):
        key, arn = scene.assume(key, arn, f"hop-{turn}", turn)

    answer, table = ask(scene)

    assert len(answer.credentials) == 14
    assert len(table.statements) <= 3


@pytest.mark.parametrize("dialect", sql.DIALECTS)
def test_every_statement_parses_in_its_dialect(dialect: str) -> None:
    names = {
        "AKIAIOSFODNN7EXAMPLE",
        "arn:aws:iam::111122223333:user/ci/ci-deploy",
        "111122223333/role/app",
        "session:i-0abc",
        "O'Brien \\' OR 1=1 --",
        "new\nline",
    }
    chosen = sql.DIALECTS[dialect]

    first = sql.edges(chosen, "logs.cloudtrail", "2026-11-23T21:14:00Z", "day >= '2026/11/23'")
    second = sql.records(chosen, "logs.cloudtrail", "2026-11-23T21:14:00Z", names)

    (asked_first,) = sqlglot.parse(first, dialect=dialect)
    (asked_second,) = sqlglot.parse(second, dialect=dialect)
    assert asked_first is not None
    assert asked_second is not None
    literals = {literal.this for literal in asked_second.find_all(sqlglot.exp.Literal)}
    assert "O'Brien \\' OR 1=1 --" in literals
    assert "new\nline" not in literals
    assert not [literal for literal in literals if literal.startswith(" OR 1=1")]


@pytest.mark.parametrize("table", ["logs; DROP TABLE x", "a b", "", "x'--", "a.b.c.d"])
def test_what_is_no_table_is_refused(table: str) -> None:
    with pytest.raises(SpecError):
        sql.check_table(table)


def test_a_dialect_that_nobody_knows_is_refused(scene: Scene) -> None:
    with pytest.raises(SpecError):
        trace_table(scene.leaked, since=scene.since, run=lambda _: [], table="t", dialect="oracle")


def _printed(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


class AthenaClient:
    """Answers as Athena does, a row a page, over the table in memory."""

    def __init__(self, table: Table, state: str = "SUCCEEDED") -> None:
        self.table = table
        self.state = state
        self.pages: list[list[str | None]] = []
        self.polled = 0

    def start_query_execution(self, **asked: Any) -> dict[str, Any]:
        rows = list(self.table.run(asked["QueryString"]))
        columns = sorted({name for row in rows for name in row})
        self.pages = [list(columns)]
        for row in rows:
            values = [row.get(name) for name in columns]
            self.pages.append(
                [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
            )
        return {"QueryExecutionId": "q-1"}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        self.polled += 1
        state = self.state if self.polled % 2 == 0 else "RUNNING"
        status = {"State": state, "StateChangeReason": "COLUMN_NOT_FOUND"}
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 10}}}

    def get_query_results(self, **asked: Any) -> dict[str, Any]:
        at = int(asked.get("NextToken", 0))
        data = [{} if cell is None else {"VarCharValue": cell} for cell in self.pages[at]]
        page: dict[str, Any] = {"ResultSet": {"Rows": [{"Data": data}]}}
        return page | ({"NextToken": str(at + 1)} if at + 1 < len(self.pages) else {})


def test_athena_is_asked_page_by_page_and_gives_the_same_answer(
    scene: Scene, tmp_path: Path
) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(key, arn, "ListBuckets", 20, created=10)
    files = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    waits: list[float] = []
    athena = Athena(
        AthenaClient(Table(scene)), database="logs", output="s3://out/", pause=waits.append
    )

    answer = trace_table(
        scene.leaked, since=scene.since, run=athena, table="cloudtrail", dialect="athena"
    )

    assert answer.credentials == files.credentials
    assert waits
    assert athena.scanned >= 20


def test_a_failed_query_says_why(scene: Scene) -> None:
    client = AthenaClient(Table(scene), "FAILED")
    athena = Athena(client, database="logs", output="s3://out/", pause=lambda _: None)

    with pytest.raises(UnavailableError, match="COLUMN_NOT_FOUND"):
        list(athena("SELECT 1 AS minted"))


def test_the_cost_is_known_before() -> None:
    assert estimate(179_000_000_000, scans=2) == 1.79
