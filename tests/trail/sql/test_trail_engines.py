"""Which partitions are read, and what Trino and Spark are asked for or refused."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from cli.verbs.trace import trace as verb
from containment.errors import SpecError, UnavailableError
from containment.trail import trace
from containment.trail.queried_source import reach
from containment.trail.sql import statements, trino
from containment.trail.sql.glue import lacking
from containment.trail.sql.partitions import Layout, layout_named, layout_of
from containment.trail.sql.source import trace_table
from containment.trail.sql.spark import Spark
from tests.support.trail_same import comparable
from tests.support.trail_table import COLUMNS, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain

PROJECTED = {"projection.timestamp.type": "date", "projection.timestamp.format": "yyyy/MM/dd"}
SINCE = "2026-11-23T21:14:00Z"


def test_records_are_asked_for_from_the_longest_life_of_a_session_before_t0_on() -> None:
    assert reach(SINCE) == "2026-11-22T09:14:00Z"


def test_days_before_are_left_out_and_none_after_because_delivery_may_be_late() -> None:
    layout = layout_of({"timestamp": "string"}, PROJECTED)

    assert layout.conditions(reach(SINCE)) == ((("timestamp", ">=", ("2026/11/22",)),),)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("yyyy/MM/dd", "2026/11/22"),
        ("yyyy-MM-dd", "2026-11-22"),
        ("yyyyMMdd", "20261122"),
        ("yyyy/MM/dd/HH", "2026/11/22/09"),
    ],
)
def test_a_day_is_written_as_the_table_writes_it(pattern: str, value: str) -> None:
    projected = PROJECTED | {"projection.timestamp.format": pattern}

    layout = layout_of({"timestamp": "string"}, projected)

    assert layout.conditions(reach(SINCE)) == ((("timestamp", ">=", (value,)),),)


@pytest.mark.parametrize("pattern", ["dd/MM/yyyy", "MMM d", "yyyy", "HH", "", "yyyy/dd/MM", "%Y"])
def test_days_whose_text_does_not_sort_by_time_are_all_read(pattern: str) -> None:
    projected = PROJECTED | {"projection.timestamp.format": pattern}

    assert layout_of({"timestamp": "string"}, projected).conditions(reach(SINCE)) == ()


def chosen(alternatives: Any, values: dict[str, str]) -> bool:
    return any(
        all(
            values[column] in operands
            if sign == "IN"
            else (values[column] > operands[0] if sign == ">" else values[column] == operands[0])
            for column, sign, operands in one
        )
        for one in alternatives
    )


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize(
    ("since", "days", "read"),
    [
        ("2026-11-22T09:14:00Z", ["2025-12-31", "2026-10-31", "2026-11-09", "2026-11-21"], False),
        ("2026-11-22T09:14:00Z", ["2026-11-22", "2026-11-30", "2026-12-01", "2027-01-01"], True),
        ("2026-12-31T00:00:00Z", ["2026-12-30", "2026-01-31"], False),
        ("2026-12-31T00:00:00Z", ["2026-12-31", "2027-01-01"], True),
        ("2026-09-09T00:00:00Z", ["2026-09-08", "2026-08-31"], False),
        ("2026-09-09T00:00:00Z", ["2026-09-09", "2026-09-10", "2026-10-01", "2026-12-31"], True),
    ],
)
def test_year_month_and_day_are_chosen_with_and_without_zeros(
    since: str, days: list[str], *, read: bool, zero: bool
) -> None:
    layout = layout_of(dict.fromkeys(("year", "month", "day"), "string"), {})
    alternatives = layout.conditions(since)

    for text in days:
        year, month, day = text.split("-") if zero else [str(int(n)) for n in text.split("-")]
        assert chosen(alternatives, {"year": year, "month": month, "day": day}) is read


def test_accounts_and_regions_are_chosen_by_the_columns_that_hold_them() -> None:
    keys: dict[str, str] = dict.fromkeys(("account", "region", "timestamp"), "string")
    layout = layout_of(keys, PROJECTED)

    assert layout.conditions(reach(SINCE), ["2", "1"], ["us-east-1"]) == (
        (
            ("account", "IN", ("1", "2")),
            ("region", "IN", ("us-east-1",)),
            ("timestamp", ">=", ("2026/11/22",)),
        ),
    )
    with pytest.raises(SpecError, match="--only-region"):
        layout_of({"timestamp": "string"}, PROJECTED).conditions(SINCE, (), ["us-east-1"])


def test_numbers_as_partitions_are_not_compared_with_text() -> None:
    keys = {"year": "int", "month": "int", "day": "int", "account": "bigint"}

    assert layout_of(keys, {}) == Layout()


def test_a_table_that_wants_to_be_told_its_account_says_so() -> None:
    keys = {"account": "string", "timestamp": "string"}
    layout = layout_of(keys, PROJECTED | {"projection.account.type": "injected"})

    with pytest.raises(SpecError, match="--only-account"):
        layout.conditions(SINCE)
    assert layout.conditions(SINCE, ["1"])


def test_where_nobody_says_which_are_partitions_the_reader_does() -> None:
    columns = {*COLUMNS, "timestamp", "account", "region"}

    assert layout_named(columns, "") == Layout("account", "region")
    assert layout_named(columns, "timestamp=yyyy/MM/dd").day_format == "%Y/%m/%d"
    assert layout_named({"year", "month", "day"}, "year,month,day").split
    assert layout_named(COLUMNS, "") == Layout()


@pytest.mark.parametrize("day", ["timestamp", "none=yyyy/MM/dd", "year,month,day", "a;b=yyyyMMdd"])
def test_a_day_column_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(SpecError):
        layout_named({*COLUMNS, "timestamp"}, day)


def test_a_table_is_held_to_awss_columns() -> None:
    assert lacking(COLUMNS, "t") == frozenset()
    assert lacking(set(COLUMNS) - {"sessioncredentialfromconsole"}, "t") == {
        "sessioncredentialfromconsole"
    }
    with pytest.raises(SpecError, match="t has no column eventid"):
        lacking(set(COLUMNS) - {"eventid"}, "t")


class Cursor:
    """As the Trino client's, over DuckDB."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[str, str]] | None = None
        self.cancelled = False

    def execute(self, text: str) -> None:
        if text.endswith("LIMIT 0"):
            self.description = list(self.table.columns.items())
            return
        asked = statements.Statement(statements.DIALECTS["trino"], text)
        rows = list(self.table(asked))
        self.rows = [tuple(row.values()) for row in rows]
        self.description = [(name, "varchar") for name in (rows[0] if rows else ())]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return []

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        some, self.rows = self.rows[:size], self.rows[size:]
        return some

    def cancel(self) -> None:
        self.cancelled = True


class Connection:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def cursor(self) -> Any:
        return self._cursor


def test_trino_gives_the_answer_of_the_files(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    for second in range(1100):
        scene.call(key, arn, "ListBuckets", 20 + second, created=10)
    run = trino.Trino(Connection(Cursor(Table(scene.records, "trino"))))

    assert lacking(run.columns("logs.trail"), "logs.trail") == frozenset()
    answer = trace_table(
        scene.leaked, since=scene.since, run=run, table="logs.trail", dialect="trino"
    )

    files = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    assert comparable(answer) == comparable(files)


def test_the_documented_command_asks_trino_for_the_days_that_count(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    table = Table([record | {"timestamp": "2026/11/23"} for record in scene.records], "trino")
    table.columns["timestamp"] = "string"
    dbapi, auth = ModuleType("trino.dbapi"), ModuleType("trino.auth")
    dbapi.connect = lambda **_: Connection(Cursor(table))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trino.dbapi", dbapi)
    monkeypatch.setitem(sys.modules, "trino.auth", auth)
    docs = (Path(__file__).parents[3] / "docs" / "trace.md").read_text("utf-8")
    (shown,) = re.findall(r"^\$ containment trace (.*--engine trino.*)$", docs, re.MULTILINE)

    result = CliRunner().invoke(verb, [*shlex.split(shown), "--json"])

    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["credentials"]) == 1
    assert all("\"timestamp\" >= '2026/11/22'" in asked.text for asked in table.statements)


class Breaks(Cursor):
    def __init__(self, error: BaseException) -> None:
        super().__init__(Table([], "trino"))
        self.error = error

    def execute(self, text: str) -> None:
        del text
        raise self.error


def test_what_trino_refuses_is_one_line_and_ctrl_c_cancels(scene: Scene) -> None:
    asked = statements.edges(statements.DIALECTS["trino"], statements.Slice("t", SINCE))
    with pytest.raises(UnavailableError, match="line 1: no such column") as caught:
        list(trino.Trino(Connection(Breaks(RuntimeError("line 1: no such column\nmore"))))(asked))
    assert "\n" not in str(caught.value)

    cursor = Breaks(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(trino.Trino(Connection(cursor))(asked))
    assert cursor.cancelled
    del scene


@pytest.mark.parametrize(
    ("server", "password", "remedy"),
    [
        ("trino.example.com", "", "https://user@host"),
        ("https://trino.example.com/hive", "", "https://user@host"),
        ("https://me@trino.example.com", "", "https://user@host"),
        ("file://me@x/hive", "", "https://user@host"),
        ("https://me:secret@trino.example.com/hive", "", "TRINO_PASSWORD"),
        ("http://me@trino.example.com/hive", "secret", "https://"),
        ("https://me@trino.example.com:x/hive", "", "https://user@host"),
        ("https://me@[trino/hive", "", "https://user@host"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_without_repeating_a_password(
    server: str, password: str, remedy: str
) -> None:
    with pytest.raises(SpecError, match=remedy) as caught:
        trino.connect(server, password)

    assert "secret" not in str(caught.value)


def test_a_server_is_asked_as_its_address_and_the_password_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []
    dbapi, auth = ModuleType("trino.dbapi"), ModuleType("trino.auth")
    dbapi.connect = lambda **settings: asked.append(settings)  # type: ignore[attr-defined]
    auth.BasicAuthentication = lambda *credentials: credentials  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trino.dbapi", dbapi)
    monkeypatch.setitem(sys.modules, "trino.auth", auth)

    trino.connect("https://me%40corp@trino.example.com:8443/hive/logs", "secret")
    trino.connect("http://me@127.0.0.1/hive")

    assert asked[0]["auth"] == ("me@corp", "secret")
    assert [asked[0][name] for name in ("host", "port", "user", "http_scheme")] == [
        "trino.example.com",
        8443,
        "me@corp",
        "https",
    ]
    assert (asked[0]["catalog"], asked[0]["schema"]) == ("hive", "logs")
    assert (asked[1]["port"], asked[1]["auth"], asked[1]["schema"]) == (8080, None, None)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trino.dbapi", "trino.auth", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(UnavailableError, match=r"\[trace,trino\]"):
        trino.connect("https://me@trino.example.com/hive")
    with pytest.raises(UnavailableError, match=r"\[trace,spark\]"):
        Spark()


@pytest.fixture
def ask(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    monkeypatch.delenv("TRINO_PASSWORD", raising=False)

    def asked(*arguments: str) -> Result:
        return CliRunner().invoke(verb, [scene.leaked, "--since", scene.since, *arguments])

    return asked


@pytest.mark.parametrize(
    ("arguments", "error", "remedy"),
    [
        (("--engine", "trino", "--table", "d.t"), SpecError, "--server"),
        (("--engine", "trino"), SpecError, "--table"),
        (("--engine", "athena"), SpecError, "--table"),
        (("--engine", "spark"), SpecError, "--table"),
        (("--engine", "spark", "--table", "d.t", "--logs", "x"), SpecError, "--logs"),
        (("--engine", "spark", "--logs", "x", "--only-region", "r"), SpecError, "partitions"),
        (("--engine", "spark", "--logs", "x"), UnavailableError, "pip install"),
        (("--engine", "spark", "--table", "d.t", "--live"), SpecError, "--live"),
        (("--engine", "athena", "--table", "d.t", "--since", "soon"), SpecError, "UTC"),
    ],
)
def test_an_engine_without_what_it_needs_says_what_that_is(
    ask: Callable[..., Result], arguments: tuple[str, ...], error: type[Exception], remedy: str
) -> None:
    result = ask(*arguments)

    assert isinstance(result.exception, error)
    assert remedy in str(result.exception)
