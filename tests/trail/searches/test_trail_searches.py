"""Splunk and CloudWatch Logs give the answer that the files give; no credential gets out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containment.errors import AccessError, SpecError, UnavailableError
from containment.trail import Trace, trace
from containment.trail.logs.log_groups import log_group_events
from containment.trail.queried_source import reach
from containment.trail.searches import insights
from containment.trail.searches.insights import InsightsQuestions
from containment.trail.searches.opening import follow_questions, trace_search
from containment.trail.searches.splunk import BASE, Splunk, SplunkQuestions
from tests.support.trail_cloudwatch import CloudWatchLogs
from tests.support.trail_same import comparable
from tests.support.trail_scene import Record, Scene
from tests.support.trail_splunk import TOKEN, SplunkServer, splunk_server
from tests.support.trail_story import twelve_generations

pytestmark = pytest.mark.plain

SAMPLES = Path(__file__).parents[1] / "samples"
UNTIL = datetime(2026, 11, 25, tzinfo=UTC)
SCENE, _ = twelve_generations()


def odd_names() -> Scene:
    """Names that a search language or JSON writes otherwise."""
    scene = Scene()
    for number, name in enumerate(["sés*sion", 'a"b|c', "x y[z]", "plain.name+1=2,3@x"]):
        key, arn = scene.assume(scene.leaked, scene.user, "app", 10 * number + 1)
        record = scene.records[-1]
        arn = arn.rpartition("/")[0] + "/" + name
        record["requestParameters"]["roleSessionName"] = name
        record["responseElements"]["assumedRoleUser"]["arn"] = arn
        scene.call(key, arn, "ListBuckets", 10 * number + 5, created=10 * number + 1)
    return scene


SCENES = {"twelve generations": SCENE, "odd names": odd_names()}


@pytest.fixture
def splunk() -> Iterator[SplunkServer]:
    with splunk_server() as server:
        server.events = [json.dumps(record) for record in SCENE.records]
        yield server


def from_files(scene: Scene, folder: Path) -> dict[str, Any]:
    result = trace(scene.leaked, since=scene.since, logs=[scene.write(folder)], workers=1)
    return comparable(result)


def from_splunk(server: SplunkServer, scene: Scene = SCENE, token: str = TOKEN) -> Trace:
    client = Splunk(server.url, token, pause=lambda _: None)
    questions = SplunkQuestions(client, BASE, reach(scene.since), UNTIL)
    return follow_questions(scene.leaked, scene.since, questions, {})


def from_insights(logs: CloudWatchLogs, scene: Scene = SCENE) -> Trace:
    questions = InsightsQuestions(
        logs, ["aws-cloudtrail-logs"], reach(scene.since), UNTIL, pause=lambda _: None
    )
    return follow_questions(scene.leaked, scene.since, questions, {})


@pytest.mark.parametrize("story", SCENES)
def test_splunk_gives_the_answer_of_the_files(
    splunk: SplunkServer, tmp_path: Path, story: str
) -> None:
    scene = SCENES[story]
    splunk.events = [json.dumps(record) for record in scene.records]

    result = from_splunk(splunk, scene)

    assert comparable(result) == from_files(scene, tmp_path)
    assert [file.status for file in result.files] == ["ok"]


@pytest.mark.parametrize("story", SCENES)
def test_insights_gives_the_answer_of_the_files(tmp_path: Path, story: str) -> None:
    scene = SCENES[story]

    result = from_insights(CloudWatchLogs(scene.records), scene)

    assert comparable(result) == from_files(scene, tmp_path)
    assert [file.status for file in result.files] == ["ok"]


def test_filter_log_events_gives_the_answer_of_the_files_page_by_page(tmp_path: Path) -> None:
    logs = CloudWatchLogs(SCENE.records)
    logs.failing = ["ThrottlingException", "ServiceUnavailableException"]
    waits: list[float] = []

    files, failed = log_group_events(
        logs, ["aws-cloudtrail-logs"], SCENE.since, tmp_path / "live", pause=waits.append
    )
    result = trace(SCENE.leaked, since=SCENE.since, logs=files, workers=1)

    assert comparable(result) == from_files(SCENE, tmp_path)
    assert (failed, waits) == ([], [2, 4])
    assert len(logs.asked) > len(SCENE.records) / 3


def test_a_log_group_that_fails_is_told_and_what_came_counts(tmp_path: Path) -> None:
    logs = CloudWatchLogs(SCENE.records)
    logs.failing = ["AccessDeniedException"]

    files, failed = log_group_events(logs, ["one", "other"], SCENE.since, tmp_path)

    assert [(report.path, report.status) for report in failed] == [("log group one", "unreadable")]
    assert sum(len(path.read_text().splitlines()) for path in files) == len(SCENE.records)


@pytest.mark.parametrize("name", [path.stem for path in sorted((SAMPLES / "truth").glob("*.json"))])
def test_a_real_capture_gives_the_same_answer_in_each_service(
    splunk: SplunkServer, name: str
) -> None:
    truth = json.loads((SAMPLES / "truth" / f"{name}.json").read_text())
    path = SAMPLES / truth["data"].replace("detonation-logs/", "")
    records = rows(path)
    seed, since = truth["seed_access_key_id"], truth["leak_time"]
    until = datetime.fromisoformat(max(r["eventTime"] for r in records)).replace(year=2027)
    splunk.events = [json.dumps(record) for record in records]
    client = Splunk(splunk.url, TOKEN)
    expected = comparable(trace(seed, since=since, logs=[path], workers=1))

    for questions in (
        SplunkQuestions(client, BASE, reach(since), _end(records)),
        InsightsQuestions(
            CloudWatchLogs(records), ["g"], reach(since), until, pause=lambda _: None
        ),
    ):
        result = comparable(follow_questions(seed, since, questions, {}))
        for part in ("seed", "credentials", "external_trust", "calls", "resources", "classes"):
            assert result[part] == expected[part], (questions.name, part)


def rows(path: Path) -> list[Record]:
    text = path.read_text("utf-8")
    whole = json.loads(text) if text.startswith(("[", '{"Records"')) else None
    if whole is None:
        whole = [json.loads(line) for line in text.splitlines() if line.strip()]
    records: list[Record] = whole["Records"] if isinstance(whole, dict) else whole
    for record in records:
        record.setdefault("eventTime", str(record.get("@timestamp", ""))[:19] + "Z")
    return records


def _end(records: list[Record]) -> datetime:
    return max(datetime.fromisoformat(r["eventTime"]) for r in records).replace(second=59)


def test_an_export_that_is_cut_is_resumed_where_it_was_cut(
    splunk: SplunkServer, tmp_path: Path
) -> None:
    splunk.cut_after, splunk.cuts, splunk.busy = 3, 9, 2

    result = from_splunk(splunk)

    assert comparable(result) == from_files(SCENE, tmp_path)
    resumed = {
        form["latest_time"] for _, form in splunk.requests if "fields _raw" in form["search"]
    }
    assert len(resumed) > 3  # not each time from the start


def test_an_export_that_never_ends_is_an_error_and_no_answer(splunk: SplunkServer) -> None:
    splunk.cut_after, splunk.cuts = 0, 1000

    with pytest.raises(UnavailableError, match="did not answer to the end"):
        from_splunk(splunk)


def test_an_error_within_an_answer_is_an_error(splunk: SplunkServer) -> None:
    splunk.message = "Error in 'rex' command"

    with pytest.raises(SpecError, match="Error in 'rex' command"):
        from_splunk(splunk)


def test_a_record_that_an_index_cut_is_told(splunk: SplunkServer) -> None:
    """Splunk keeps the first 10,000 bytes of a line unless it is told otherwise."""
    splunk.events = [event[:-40] for event in splunk.events]

    result = from_splunk(splunk)

    assert result.files[0].status == "partly_read"
    assert "unreadable records" in result.files[0].detail
    assert not result.calls
    assert any(gap.kind == "files" for gap in result.gaps)


def test_the_token_is_sent_in_a_header_and_is_nowhere_else(
    splunk: SplunkServer, capfd: pytest.CaptureFixture[str]
) -> None:
    result = from_splunk(splunk)
    with pytest.raises(AccessError) as refused:
        from_splunk(splunk, token=TOKEN + "-revoked")

    assert TOKEN not in repr(result)
    assert TOKEN not in repr(Splunk(splunk.url, TOKEN))
    assert TOKEN not in str(refused.value) + str(refused.value.remedy) + repr(refused.value)
    assert "401" in str(refused.value)
    assert all(TOKEN not in path + repr(form) for path, form in splunk.requests)
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("url", "token", "word"),
    [
        ("https://user:secret@splunk.example.com:8089", TOKEN, "holds a user or password"),
        ("http://splunk.example.com:8089", TOKEN, "unencrypted"),
        ("splunk.example.com", TOKEN, "no address"),
        ("https://splunk.example.com:port", TOKEN, "no address"),
        ("https://splunk.example.com:8089", "", "no token"),
        ("https://splunk.example.com:8089", "a\r\nHost: x", "is none"),
    ],
)
def test_a_server_or_token_that_cannot_be_used_is_one_clear_error(
    url: str, token: str, word: str
) -> None:
    with pytest.raises(SpecError, match=word) as error:
        Splunk(url, token)

    assert "secret" not in str(error.value)
    assert not token or token not in str(error.value)


@pytest.mark.parametrize("base", ["index=aws | delete", "", 'index="aws'])
def test_a_selection_that_is_more_than_that_is_refused(base: str) -> None:
    client = Splunk("https://splunk.example.com:8089", TOKEN)

    with pytest.raises(SpecError, match="no selection of events"):
        SplunkQuestions(client, base, SCENE.since, UNTIL)


def test_more_rows_than_an_insights_query_brings_are_asked_for_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insights, "_MOST", 5)

    result = from_insights(CloudWatchLogs(SCENE.records, most=5))

    parts = comparable(result)
    expected = from_files(SCENE, tmp_path)
    assert parts["calls"] == expected["calls"]
    assert parts["credentials"] == expected["credentials"]


def test_more_records_of_one_second_than_a_query_brings_are_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(insights, "_MOST", 5)
    scene = Scene()
    for _ in range(9):
        scene.call(scene.leaked, scene.user, "ListBuckets", 5)

    result = from_insights(CloudWatchLogs(scene.records, most=5), scene)

    assert result.files[0].status == "partly_read"
    assert "more than 5 records of one second" in result.files[0].detail


@pytest.mark.parametrize(
    ("code", "error"),
    [("AccessDeniedException", AccessError), ("ResourceNotFoundException", UnavailableError)],
)
def test_an_insights_query_that_is_refused_is_one_clear_error(
    code: str, error: type[Exception]
) -> None:
    logs = CloudWatchLogs(SCENE.records)
    logs.failing = [code]

    with pytest.raises(error):
        from_insights(logs)


class Settings:
    def logs_client(self) -> Any:
        return CloudWatchLogs(SCENE.records)

    def splunk_token(self) -> str:
        return TOKEN


@pytest.mark.parametrize(("service", "missing"), [("splunk", "server"), ("insights", "log group")])
def test_a_setting_that_is_missing_is_one_clear_error(service: str, missing: str) -> None:
    with pytest.raises(SpecError, match=missing):
        trace_search(
            service, SCENE.leaked, SCENE.since, server="", search="", groups=[], inventory={},
            surroundings=Settings(),
        )  # fmt: skip
