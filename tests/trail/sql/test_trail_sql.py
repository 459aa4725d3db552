"""A table behind an engine gives the answer that the files give, and no log writes the SQL."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlglot
from sqlglot import exp

from bench import trail_corpus
from containment.errors import SpecError
from containment.lab.services import athena_sql
from containment.trail import Trace, trace
from containment.trail.logs.times import normal_time
from containment.trail.queried_source import reach
from containment.trail.sql import statements
from containment.trail.sql.source import trace_table
from tests.support import trail_following
from tests.support.trail_same import comparable, loaded
from tests.support.trail_story import twelve_generations
from tests.support.trail_table import COLUMNS, Table

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

# The lab's SQL engine executes what was written for another one.
pytestmark = pytest.mark.lab

HERE = Path(__file__).parents[1]
TRUTHS = sorted((HERE / "samples" / "truth").glob("*.json"))
T0 = "2026-11-23T21:14:00Z"


CASES = {
    name: case
    for path in sorted((HERE / "lineage").glob("test_trail_lineage*.py"))
    for name, case in vars(loaded(path)).items()
    if name.startswith("test_") and not hasattr(case, "hypothesis") and "thousand" not in name
}


def records_of(logs: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for path in logs:
        text = Path(path).read_text("utf-8")
        whole = json.loads(text) if text.startswith(("[", '{"Records"')) else None
        if whole is None:
            records += [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            records += whole["Records"] if isinstance(whole, dict) else whole
    for record in records:  # as an export names it; objects in S3 have eventTime
        record.setdefault("eventTime", normal_time(record.get("@timestamp", "")))
    return records


def both(seed: str, *, since: str, logs: Any, **more: Any) -> Trace:
    """Answer from the files, and hold the answer from a table to it."""
    answer = trace(seed, since=since, logs=logs, **more)
    if all(Path(path).is_file() for path in logs):
        table = Table(records_of(logs), "athena")
        other = trace_table(seed, since=since, run=table, table="logs.trail", dialect="athena")
        assert comparable(other) == comparable(answer)
    return answer


@pytest.fixture
def both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_following, "trace", both)


def _case(case: Any) -> Any:
    """The same test, with the table beside the files."""
    marked = pytest.mark.usefixtures("both_ways")(case)
    marked.__module__ = __name__
    return marked


# Every lineage that the files' engine is held to, the tables' engine is held to as well.
globals().update(
    {f"test_on_a_table_{name.removeprefix('test_')}": _case(case) for name, case in CASES.items()}
)


def test_every_lineage_that_files_are_held_to_is_asked_of_a_table_too() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize("dialect", statements.DIALECTS)
@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_a_real_capture_gives_the_same_answer_in_every_dialect(path: Path, dialect: str) -> None:
    truth = json.loads(path.read_text())
    logs = [HERE / "samples" / truth["data"].replace("detonation-logs/", "")]
    seed, since = truth["seed_access_key_id"], truth["leak_time"]
    table = Table(records_of(logs), dialect)

    answer = trace_table(seed, since=since, run=table, table="cloudtrail", dialect=dialect)

    files = trace(seed, since=since, logs=logs, workers=1)
    expected = comparable(files)
    # A capture with records before the look-back holds them; a table is not asked for them.
    early = sum(r["eventTime"] < reach(since) for r in table.records)
    expected["records"] = len(table.records) - early
    assert comparable(answer) == expected
    assert {c.id for c in answer.credentials} == {item["id"] for item in truth["derived"]}


@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_a_table_with_times_of_another_form_gives_the_same_answer(
    tmp_path: Path, dialect: str
) -> None:
    """A time that text cannot compare is no reason to leave a record out."""
    scene, _ = twelve_generations()
    files = comparable(
        trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    )
    for record in scene.records:
        record["eventTime"] = record["eventTime"].replace("T", " ").replace("Z", ".000 UTC")
    scene.records[0]["eventTime"] = "20 past nine"

    answer = trace_table(
        scene.leaked, since=scene.since, run=Table(scene.records, dialect), table="logs.trail",
        dialect=dialect,
    )  # fmt: skip

    assert comparable(answer)["credentials"][1:] == files["credentials"][1:]
    assert len(answer.calls) == len(files["calls"]) - 1
    assert [file.status for file in answer.files] == ["partly_read"]
    assert "with a time that cannot be read, such as '20 past nine'" in answer.files[0].detail


@pytest.mark.parametrize(
    ("dialect", "time_type"),
    [("athena", "timestamp"), ("trino", "timestamp(3)"), ("spark", "timestamp_ntz")],
)
def test_a_table_whose_times_are_moments_gives_the_same_answer(
    tmp_path: Path, dialect: str, time_type: str
) -> None:
    scene, _ = twelve_generations()
    files = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    scene.call(scene.leaked, scene.user, "ListUsers", -90 * 24 * 3600)  # which is not asked for
    table = Table(scene.records, dialect)
    table.columns["eventtime"] = "timestamp"

    answer = trace_table(
        scene.leaked, since=scene.since, run=table, table="logs.trail",
        dialect=dialect, time_type=time_type,
    )  # fmt: skip

    assert comparable(answer) == comparable(files)


@pytest.mark.parametrize(
    ("dialect", "time_type", "condition"),
    [
        ("trino", "timestamp(6) with time zone", "date_format(eventtime AT TIME ZONE 'UTC', '"),
        ("spark", "timestamp", "date_format(to_utc_timestamp(eventtime, current_timezone()), '"),
        ("athena", "string", "eventtime >= '"),
    ],
)
def test_a_moment_is_asked_for_in_utc(dialect: str, time_type: str, condition: str) -> None:
    part = statements.Slice("t", T0, time_type=time_type)
    asked = (
        statements.edges(statements.DIALECTS[dialect], part),
        statements.calls(statements.DIALECTS[dialect], part, {"AKIAIOSFODNN7EXAMPLE"}),
    )

    assert all(condition in one.text.replace(":p0", "'") for one in asked)


@pytest.mark.parametrize("dialect", ["athena", "trino"])
def test_a_planted_chain_is_found_exactly_and_in_few_scans(tmp_path: Path, dialect: str) -> None:
    truth = trail_corpus.make(tmp_path / "trail", 6_000, per_file=50)
    logs = [tmp_path / "trail"]
    table = Table(
        [
            record
            for path in sorted((tmp_path / "trail").rglob("*.gz"))
            for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
        ],
        dialect,
    )

    answer = trace_table(
        truth["seed"], since=truth["since"], run=table, table="logs.trail", dialect=dialect
    )

    files = trace(truth["seed"], since=truth["since"], logs=logs, workers=1)
    keys = sorted(c.id for c in answer.credentials if c.kind == "access_key")
    assert keys == truth["keys"]
    assert trail_corpus.digest([traced.call.event_id for traced in answer.calls]) == truth["digest"]
    assert comparable(answer) == comparable(files)
    assert len(table.statements) <= 5


def test_a_busy_role_brings_its_identities_and_not_all_it_ever_did(scene: Scene) -> None:
    scene.call(
        scene.leaked,
        scene.user,
        "UpdateAssumeRolePolicy",
        1,
        request={"roleName": "busy", "policyDocument": "{}"},
    )
    arn = f"arn:aws:sts::{scene.account}:assumed-role/busy/job"
    key = scene.key()
    for second in range(500):
        scene.call(key, arn, "ListBuckets", 10 + second, created=5)
    table = Table(scene.records, "trino")

    trace_table(scene.leaked, since=scene.since, run=table, table="t", dialect="trino")

    assert sum(table.rows) < 20


def test_an_older_table_does_without_the_column_it_lacks(scene: Scene) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    lacks = ["sessioncredentialfromconsole"]
    table = Table(scene.records, "athena", without=lacks)

    answer = trace_table(
        scene.leaked, since=scene.since, run=table, table="t", dialect="athena", lacks=lacks
    )

    assert len(answer.credentials) == 1


ROLE = "arn:aws:sts::111122223333:assumed-role/app/build"
USER = "arn:aws:iam::111122223333:user/ci/bot"
KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("ASIAMINE000000000000", {"key": "ASIAMINE000000000000"}, {"key": "ASIAMINE000000000001"}),
    (ROLE, {"arn": ROLE}, {"arn": ROLE + "2"}),
    ("5a-6b", {"sharedEventID": "5a-6b"}, {"sharedEventID": "5a-6c"}),
    ("111122223333/role/app", {"arn": ROLE}, {"arn": ROLE.replace("/app/", "/app2/")}),
    ("111122223333/user/bot", {"arn": USER}, {"arn": USER.replace("1111", "9999")}),
    (
        "111122223333/user/bot",
        {"name": "CreateLoginProfile", "request": {"userName": "bot"}},
        {"name": "CreateLoginProfile", "request": {"userName": "robot"}},
    ),
    ("session:build", {"arn": ROLE}, {"arn": ROLE + "er"}),
    (
        "session:build",
        {"name": "AssumeRole", "request": {"roleSessionName": "build"}},
        {"name": "ListUsers", "request": {"roleSessionName": "build"}},
    ),
    (
        "AROAX",
        {"arn": ROLE, "principal": "AROAX:build"},
        {"arn": ROLE, "principal": "AROAXY:build"},
    ),
    (
        "AROAX",
        {"name": "CreateRole", "response": {"role": {"roleId": "AROAX"}}},
        {"name": "CreateRole", "response": {"role": {"roleId": "AROAXX"}}},
    ),
    (
        "ASIANEW0000000000000",
        {"name": "Unheard", "response": {"accessKeyId": "ASIANEW0000000000000"}},
        {"name": "Unheard", "response": {"said": "ASIANEW0000000000000"}},
    ),
    (
        "i-0abc",
        {"name": "RunInstances", "response": {"instanceId": "i-0abc"}},
        {"name": "RunInstances", "response": {"instanceId": "i-0abcd"}},
    ),
    (
        "lambda:111122223333/role/fn/job",
        {"name": "CreateFunction", "request": {"functionName": "job"}},
        {"name": "CreateFunction", "request": {"functionName": "jobs"}},
    ),
    (
        "asg:111122223333/us-east-1/web",
        {"name": "RunInstances", "request": {"value": "web"}},
        {"name": "RunInstances", "request": {"value": "webs"}},
    ),
    (
        "arn:aws:iam::1:saml-provider/x",
        {
            "name": "AssumeRoleWithSAML",
            "request": {"principalArn": "arn:aws:iam::1:saml-provider/x"},
        },
        {
            "name": "AssumeRoleWithSAML",
            "request": {"principalArn": "arn:aws:iam::1:saml-provider/xy"},
        },
    ),
    (
        f"console:{USER}",
        {"name": "ConsoleLogin", "arn": USER},
        {"name": "ConsoleLogin", "arn": USER + "2"},
    ),
    (
        ROLE,
        {"name": "SwitchRole", "additionalEventData": {"SwitchFrom": ROLE}},
        {"name": "SwitchRole", "additionalEventData": {"SwitchFrom": ROLE + "s"}},
    ),
]


@pytest.mark.parametrize(("name", "hit", "miss"), KINDS)
@pytest.mark.parametrize("dialect", ["athena", "spark"])
def test_each_kind_of_name_finds_its_records_and_no_look_alikes(
    scene: Scene, name: str, hit: dict[str, Any], miss: dict[str, Any], dialect: str
) -> None:
    for second, more in enumerate((hit, miss)):
        call_values: dict[str, Any] = {
            "key": f"AKIAOTHER{second:011}",
            "arn": f"{scene.user}-{second}",
        }
        call_values |= {"name": "ListUsers"} | more
        scene.call(
            call_values.pop("key"),
            call_values.pop("arn"),
            call_values.pop("name"),
            second,
            **call_values,
        )

    asked = statements.calls(
        statements.DIALECTS[dialect], statements.Slice("t", "2026-01-01T00:00:00Z"), {name}
    )

    answer_table = athena_sql.execute(
        athena_sql.parse(asked.text, dialect), COLUMNS, scene.records, asked.bound
    )
    assert [row[answer_table.columns.index("eventtime")] for row in answer_table.rows] == [
        scene.time_at(0)
    ]


HOSTILE = [
    "'",
    "''; DROP TABLE logs; --",
    "\\' OR 1=1 --",
    "\\",
    "/* */",
    "-- ",
    "${spark.app.name}",
    "${env:PATH}",
    ":p0",
    "?",
    "$1",
    "{{ name }}",
    "%",
    "_",
    "a|b",
    ".*",
    "(?s)(",
    "[^a]",
    "\\Q",
    "\\E",
    "x\ny",
    "x\ty",
    "\u202egnp.exe",
    "é😀",
    '"',
    "<script>",
    "`x`",
    "#",
    "\u2028",
    "ARRAY[1]",
    "U&'\\0027'",
]


@pytest.mark.parametrize("dialect", statements.DIALECTS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_value_and_finds_itself_alone(
    scene: Scene, name: str, dialect: str
) -> None:
    session = f"arn:aws:sts::{scene.account}:assumed-role/app/s{name}"
    scene.call("ASIAMINE000000000000", session, "ListBuckets", 1)
    request = {"roleArn": f"arn:aws:iam::{scene.account}:role/x", "roleSessionName": f"s{name}"}
    scene.call("AKIAOTHER00000000000", f"{scene.user}-2", "AssumeRole", 2, request=request)
    scene.call("AKIAOTHER00000000000", f"{scene.user}-2", "ListBuckets", 3)
    scene.call(
        "AKIAOTHER00000000000", f"{scene.user}-2", "CreateUser", 4, request={"userName": "x"}
    )
    part = statements.Slice("logs.trail", "2026-01-01T00:00:00Z")

    asked = statements.calls(statements.DIALECTS[dialect], part, {f"session:s{name}"})

    query = athena_sql.parse(asked.text, dialect)
    assert shape(query.tree) == shape_of_a_harmless_name(dialect, part)
    answer_table = athena_sql.execute(query, COLUMNS, scene.records, asked.bound)
    times = sorted(row[answer_table.columns.index("eventtime")] for row in answer_table.rows)
    assert times == [scene.time_at(1), scene.time_at(2)]


def shape(tree: exp.Expr) -> list[str]:
    return [type(node).__name__ for node in tree.walk()]


@cache
def shape_of_a_harmless_name(dialect: str, part: statements.Slice) -> list[str]:
    plain = statements.calls(statements.DIALECTS[dialect], part, {"session:sweet"})
    return shape(sqlglot.parse_one(plain.text, dialect=dialect))


@pytest.mark.parametrize("name", HOSTILE)
def test_spark_is_handed_names_beside_the_statement_and_never_in_it(name: str) -> None:
    asked = statements.calls(
        statements.DIALECTS["spark"],
        statements.Slice("t", T0),
        {f"session:sweet{name}", f"AKIA{name}"},
    )

    assert "sweet" not in asked.text
    assert "AKIA" not in asked.text
    assert any("sweet" in value for value in asked.bound.values())


@pytest.mark.parametrize("name", ["\0", "x\0y", "\ud800", "x" * 3000, ""])
def test_what_aws_cannot_have_logged_is_not_asked_for(name: str) -> None:
    asked = statements.calls(statements.DIALECTS["athena"], statements.Slice("t", T0), {name})

    assert "1 = 0" in asked.text
    assert not name or name not in asked.text


def test_long_names_are_cut_into_statements_that_athena_takes(scene: Scene) -> None:
    for number in range(12):
        role = f"{number:04}" + "'=<>" * 400
        scene.assume(scene.leaked, scene.user, role, number)
    table = Table(scene.records, "athena")

    answer = trace_table(scene.leaked, since=scene.since, run=table, table="t", dialect="athena")

    assert len(answer.credentials) == 12
    assert max(len(asked.text.encode()) for asked in table.statements) <= 262_144


@pytest.mark.parametrize(
    "table", ["logs; DROP TABLE x", "a b", "", "x'--", "a.b.c.d", 'a"b', "a`b", "a..b", "é"]
)
def test_what_is_no_table_is_refused(table: str) -> None:
    with pytest.raises(SpecError):
        statements.Slice(table, T0)


def test_a_dialect_that_nobody_knows_is_refused(scene: Scene) -> None:
    with pytest.raises(SpecError):
        trace_table(scene.leaked, since=scene.since, run=lambda _: [], table="t", dialect="oracle")


@pytest.mark.parametrize("dialect", statements.DIALECTS)
def test_every_statement_is_one_select_in_its_dialect(dialect: str) -> None:
    chosen = statements.DIALECTS[dialect]
    late = (("timestamp", ">=", ("2026/11/22",)), ("region", "IN", ("us-east-1", "x'y")))
    part = statements.Slice("my-logs.trail", T0, (late, (("year", ">", ("2026",)),)))

    for asked in (
        statements.edges(chosen, part),
        statements.calls(chosen, part, {"AKIAIOSFODNN7EXAMPLE"}),
    ):
        (tree,) = sqlglot.parse(asked.text, dialect=dialect)
        assert isinstance(tree, exp.Select)
        table = tree.find(exp.Table)
        assert table is not None
        assert (table.db, table.name) == ("my-logs", "trail")
