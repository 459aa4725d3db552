"""A trace on Athena, driven through boto3 against the lab, which executes the queries."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from bench import trail_corpus
from bench.trail_dice import ACCOUNTS, REGIONS
from containment.errors import AccessError, NotFoundError, RefusedError, SpecError, UnavailableError
from containment.trail import trace
from containment.trail.sql import glue, statements
from containment.trail.sql.athena import Athena
from containment.trail.sql.source import trace_table
from tests.support.trail_athena import busy, follow, run_on
from tests.support.trail_lake import BUCKET, DATABASE, OUTPUT, TABLE, Lake
from tests.support.trail_same import comparable
from tests.support.trail_scene import Scene

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

HERE = Path(__file__).parents[1]
TRUTHS = sorted((HERE / "samples" / "truth").glob("*.json"))


def test_a_trace_on_athena_gives_the_answer_of_the_files_and_scans_late_days_alone(
    lake: Lake, scene: Scene, tmp_path: Path
) -> None:
    busy(scene)
    lake.table()
    late, rest = scene.records[:1], scene.records[1:]
    read = lake.deliver(rest) + lake.deliver(late, day="2026/11/24")
    lake.deliver(rest, day="2026/11/21")
    lake.deliver([], region="eu-central-1", day="2026/11/20")
    run = run_on(lake)

    answer = follow(lake, run, scene.leaked, scene.since)

    files = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    assert comparable(answer) == comparable(files)
    assert len(answer.credentials) == 3
    scans = int(answer.files[0].detail.split()[0])
    assert run.scanned == scans * read


@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: path.stem)
def test_a_real_capture_on_athena_is_exact(lake: Lake, path: Path) -> None:
    truth = json.loads(path.read_text())
    text = (HERE / "samples" / truth["data"].replace("detonation-logs/", "")).read_text()
    records = (
        json.loads(text)
        if text.startswith("[")
        else [json.loads(line) for line in text.splitlines() if line]
    )
    for record in records:  # an export's name for it; what CloudTrail delivers has eventTime
        record.setdefault("eventTime", record.get("@timestamp", "")[:19] + "Z")
    lake.table()
    lake.deliver(records, day=truth["leak_time"][:10].replace("-", "/"))

    answer = follow(lake, run_on(lake), truth["seed_access_key_id"], truth["leak_time"])

    expected = {item["id"]: (item["tier"], item["event_count"]) for item in truth["derived"]}
    assert {c.id: (c.tier, c.event_count) for c in answer.credentials} == expected
    assert answer.origin.event_names == truth["seed_event_names"]


def test_a_planted_chain_over_many_accounts_and_days_is_found(lake: Lake, tmp_path: Path) -> None:
    truth = trail_corpus.make(tmp_path / "trail", 4_000, per_file=30)
    for path in sorted((tmp_path / "trail").rglob("*.gz")):
        key = path.relative_to(tmp_path / "trail").as_posix()
        lake.s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    places = {
        "projection.account.values": ",".join(ACCOUNTS),
        "projection.region.values": ",".join(REGIONS),
    }
    lake.table(projected=places)

    answer = follow(lake, run_on(lake), truth["seed"], truth["since"])

    keys = sorted(c.id for c in answer.credentials if c.kind == "access_key")
    calls = [traced.call.event_id for traced in answer.calls]
    assert keys == truth["keys"]
    assert trail_corpus.digest(calls) == truth["digest"]
    files = trace(truth["seed"], since=truth["since"], logs=[tmp_path / "trail"], workers=1)
    assert comparable(answer) == comparable(files)


HOSTILE = "x', \"y\"\n=cmd|' /C calc'!A0\r\n,\u2028\u202e\\\"<b>"


@pytest.mark.parametrize("by_pages", [False, True])
def test_thousands_of_rows_come_by_the_file_and_by_pages_alike(
    lake: Lake, scene: Scene, tmp_path: Path, *, by_pages: bool
) -> None:
    busy(scene, calls=1200)
    for record in scene.records:
        record["userAgent"] = HOSTILE
    lake.table()
    lake.deliver(scene.records)
    run = run_on(lake)
    if by_pages:
        run._fetched = lambda *_: False  # type: ignore[method-assign]

    answer = follow(lake, run, scene.leaked, scene.since)

    files = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)
    assert len(answer.calls) > 1200
    assert {traced.call.user_agent for traced in answer.calls} == {HOSTILE}
    assert comparable(answer) == comparable(files)


def test_results_that_s3_does_not_hand_out_are_paged(lab: Lab, lake: Lake, scene: Scene) -> None:
    busy(scene)
    lake.table()
    lake.deliver(scene.records)
    run = Athena(
        lake.athena,
        lab.client("s3", lab.world.bystander),
        database=DATABASE,
        output=OUTPUT,
        pause=lambda _: None,
    )

    assert len(follow(lake, run, scene.leaked, scene.since).credentials) == 3


def test_a_query_that_fails_says_why_in_one_line(lake: Lake, scene: Scene) -> None:
    lake.table(without=frozenset({"sharedeventid"}))
    lake.deliver(busy(scene).records)
    run = run_on(lake)

    with pytest.raises(UnavailableError, match=r"failed: .*sharedeventid") as caught:
        trace_table(
            scene.leaked, since=scene.since, run=run, table=f"{DATABASE}.{TABLE}", dialect="athena"
        )

    assert "\n" not in str(caught.value)


def states(lake: Lake) -> list[str]:
    ids = lake.athena.list_query_executions()["QueryExecutionIds"]
    return [
        lake.athena.get_query_execution(QueryExecutionId=one)["QueryExecution"]["Status"]["State"]
        for one in ids
    ]


def test_ctrl_c_stops_the_query_at_athena_too(lake: Lake, scene: Scene) -> None:
    lake.table()
    lake.deliver(busy(scene).records)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(lake, run_on(lake, pause=interrupt), scene.leaked, scene.since)

    assert states(lake) == ["CANCELLED"]


def test_a_query_that_somebody_else_cancels_is_told(lake: Lake, scene: Scene) -> None:
    lake.table()
    lake.deliver(busy(scene).records)

    def cancel(_: float) -> None:
        (running,) = lake.athena.list_query_executions()["QueryExecutionIds"]
        lake.athena.stop_query_execution(QueryExecutionId=running)

    with pytest.raises(UnavailableError, match="cancelled: Query cancelled by user"):
        follow(lake, run_on(lake, pause=cancel), scene.leaked, scene.since)


def test_waiting_gets_longer_and_has_an_end(lake: Lake, scene: Scene) -> None:
    lake.table()
    lake.deliver(busy(scene).records)
    waits: list[float] = []

    follow(lake, run_on(lake, pause=waits.append), scene.leaked, scene.since)

    assert waits[:2] == [0.25, 0.5]
    assert max(waits) <= 5


def test_a_workgroups_limit_stops_a_query_and_says_what_to_do(lake: Lake, scene: Scene) -> None:
    lake.table()
    read = lake.deliver(busy(scene).records)
    lake.athena.create_work_group(
        Name="small",
        Configuration={
            "BytesScannedCutoffPerQuery": read - 1,
            "ResultConfiguration": {"OutputLocation": OUTPUT},
        },
    )
    run = run_on(lake, workgroup="small", output="")

    assert run.limit() == read - 1
    with pytest.raises(RefusedError, match="--workgroup"):
        follow(lake, run, scene.leaked, scene.since)


def test_what_a_workgroup_lacks_is_said_before(lake: Lake) -> None:
    with pytest.raises(SpecError, match="--output"):
        run_on(lake, output="").limit()
    with pytest.raises(SpecError, match="there is no workgroup none"):
        run_on(lake, workgroup="none").limit()
    assert run_on(lake).limit() is None


class Refuses:
    """An Athena that answers each request with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def start_query_execution(self, **_: Any) -> dict[str, Any]:
        raise self.error


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "because"}}, "StartQueryExecution")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("AccessDeniedException"), AccessError),
        (client_error("ExpiredTokenException"), AccessError),
        (client_error("InvalidRequestException"), SpecError),
        (client_error("TooManyRequestsException"), UnavailableError),
        (EndpointConnectionError(endpoint_url="https://athena"), AccessError),
    ],
)
def test_each_refusal_is_an_error_of_its_kind(error: Exception, kind: type[Exception]) -> None:
    run = Athena(Refuses(error), None, database="d", output=OUTPUT)
    asked = statements.edges(
        statements.DIALECTS["athena"], statements.Slice("t", "2026-11-23T21:14:00Z")
    )

    with pytest.raises(kind):
        list(run(asked))


def test_a_table_that_is_not_there_or_not_aws_s_is_refused(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match=r"no table logs\.none"):
        glue.describe(lake.glue, DATABASE, "none")
    lake.table(without=frozenset({"eventid", "requestid"}))
    with pytest.raises(SpecError, match="no column eventid, requestid"):
        _ = glue.describe(lake.glue, DATABASE, TABLE).lacks


def test_an_object_that_is_damaged_is_told_by_its_name(lake: Lake, scene: Scene) -> None:
    lake.table()
    lake.deliver(busy(scene).records)
    key = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/23/cut.json.gz"
    lake.s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b'{"Records": [')[:-9])

    with pytest.raises(UnavailableError, match=r"cut\.json\.gz"):
        follow(lake, run_on(lake), scene.leaked, scene.since)
