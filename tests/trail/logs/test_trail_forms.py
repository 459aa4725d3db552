# ruff: noqa: E501 -- tables of messages and forms read best with one a line
"""One story, told in every form in which logs arrive, has one answer; what is not read is told."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from containment.trail import Trace, trace
from containment.trail.facts.fact import Fact, Use
from containment.trail.facts.gather import Gathering
from containment.trail.logs import slices
from containment.trail.logs.containers import LEAN, decode
from containment.trail.outputs import document
from tests.support.trail_forms import FORMS, azure, elastic, flat, lines, ocsf, table
from tests.support.trail_same import comparable
from tests.support.trail_scene import Scene
from tests.support.trail_story import GENERATIONS, twelve_generations

pytestmark = pytest.mark.plain

REPORTED = Path(__file__).parents[1] / "samples" / "reported"
SCENE, CHAPTERS = twelve_generations()


def answer(folder: Path, scene: Scene = SCENE) -> Trace:
    return trace(scene.leaked, since=scene.since, logs=[folder], workers=1)


def put(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    own = put(tmp_path_factory.mktemp("own"), log=json.dumps({"Records": SCENE.records}))
    result = answer(own)
    assert max(credential.generation for credential in result.credentials) == GENERATIONS
    return without_files(result)


def without_files(result: Trace) -> dict[str, Any]:
    """All of an answer that does not depend on the files that the records were in."""
    parts = comparable(result)
    parts["gaps"] = [
        gap.what for gap in result.gaps if gap.kind not in {"files", "hours", "assumed"}
    ]
    return parts


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_answer(
    expected: dict[str, Any], tmp_path: Path, form: str
) -> None:
    result = answer(put(tmp_path, log=FORMS[form](SCENE.records)))

    assert [file.status for file in result.files] == ["ok"]
    assert without_files(result) == expected


@pytest.mark.parametrize("form", ["an S3 object", "JSON lines", "an Athena export"])
@pytest.mark.parametrize("members", [1, 2])
def test_a_packed_form_gives_the_same_answer(
    expected: dict[str, Any], tmp_path: Path, form: str, members: int
) -> None:
    content = FORMS[form](SCENE.records).encode()
    cut = len(content) // members
    packed = gzip.compress(content[:cut]) + (gzip.compress(content[cut:]) if members > 1 else b"")

    assert without_files(answer(put(tmp_path, log=packed))) == expected


def test_a_story_told_in_another_form_every_generation_has_the_same_answer(
    expected: dict[str, Any], tmp_path: Path
) -> None:
    names = list(FORMS)
    for start in range(0, len(names), GENERATIONS):
        some = [names[(start + n) % len(names)] for n in range(GENERATIONS)]
        files = {f"log-{n}": FORMS[some[n]](CHAPTERS[n]) for n in range(GENERATIONS)}

        result = answer(put(tmp_path / str(start), **files))

        assert {file.status for file in result.files} == {"ok"}, some
        assert without_files(result) == expected, some


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """As Security Lake keeps its events: nested columns, a map, and moments as moments."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in names}
    if "unmapped" in columns:
        maps = [list(one.items()) for one in columns["unmapped"]]
        columns["unmapped"] = pa.array(maps, pa.map_(pa.string(), pa.string()))
    if "time" in columns:
        columns["time_dt"] = pa.array(columns["time"], pa.timestamp("ms"))
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, row_group_size=10)
    return out.getvalue()


PARQUET: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "Security Lake, OCSF 1.1.0": ocsf,
    "Security Lake, OCSF 1.0.0-rc.2": lambda record: ocsf(record, "1.0.0-rc.2"),
    "a table of columns": lambda record: {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in record.items()
    },
    "flat columns": lambda record: {name: str(value) for name, value in flat(record).items()},
}


@pytest.mark.parametrize("form", PARQUET)
def test_parquet_gives_the_same_answer(expected: dict[str, Any], tmp_path: Path, form: str) -> None:
    result = answer(put(tmp_path, log=parquet([PARQUET[form](i) for i in SCENE.records])))

    assert [(file.status, file.assumed) for file in result.files] == [("ok", "")]
    assert without_files(result) == expected


@pytest.mark.parametrize("part", [4, 900, -9])
def test_damaged_parquet_is_told(tmp_path: Path, part: int) -> None:
    whole = parquet([ocsf(record) for record in SCENE.records])
    result = answer(put(tmp_path, **{"log.parquet": whole[:part]}))

    (file,) = result.files
    assert (file.status, file.records) == ("no_records", 0)
    assert "Parquet" in file.detail
    assert len(file.sha256) == 64


def test_a_folder_with_every_form_of_the_same_records_counts_each_call_once(
    expected: dict[str, Any], tmp_path: Path
) -> None:
    files = {f"log-{n}": form(SCENE.records) for n, form in enumerate(FORMS.values())}

    result = without_files(answer(put(tmp_path, **files)))

    assert result["records"] == len(FORMS) * expected["records"]
    assert result | {"records": 0} == expected | {"records": 0}


@pytest.mark.parametrize("form", ["Logs Insights results", "a Splunk answer", "an Azure table",
                                  "a CloudWatch export to S3", "an Athena answer"])  # fmt: skip
def test_a_form_larger_than_a_slice_is_read_to_its_end(tmp_path: Path, form: str) -> None:
    scene = Scene()
    for second in range(2000):
        scene.call(scene.leaked, scene.user, "ListBuckets", second + 1)

    result = answer(put(tmp_path, log=FORMS[form](scene.records)), scene)

    assert [(file.status, file.records) for file in result.files] == [("ok", 2000)]
    assert len(result.calls) == 2000


@pytest.mark.parametrize("folder", ["01", "02", "03"])
def test_each_reported_file_gives_its_story(folder: str) -> None:
    """5 calls and 3 descendants, from each file that holds the story and from all together."""
    paths = sorted((REPORTED / folder).iterdir())
    single = [] if folder == "01" else [[path] for path in paths if path.name != "own-form.json"]

    for logs in [paths, *single]:
        result = trace("AKIAIOSFODNN7EXAMPLE", since="2026-11-20T09:00:00Z", logs=logs, workers=1)

        assert {file.status for file in result.files} == {"ok"}
        assert len(result.calls) == 5, logs
        assert sorted(credential.id for credential in result.credentials) == [
            "AKIAI44QH8DHBEXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "arn:aws:iam::111122223333:user/backup-svc",
        ]


def _by(record: Any, **names: str) -> Any:
    return record | {"userIdentity": record["userIdentity"] | names}


UNREAD: dict[str, tuple[Callable[[list[Any]], str], str]] = {
    "times by a zone of several places": (
        lambda r: lines([i | {"eventTime": "2026-11-23 21:15:00 IST"} for i in r]),
        "with a time that cannot be read, such as '2026-11-23 21:15:00 IST'",
    ),
    "days that may be months": (
        lambda r: table([flat(i) | {"eventTime": "11/12/2026 21:15:00"} for i in r]),
        "with a time that cannot be read, such as '11/12/2026 21:15:00'",
    ),
    "no times": (
        lambda r: lines([{k: v for k, v in i.items() if k != "eventTime"} for i in r]),
        "with a time that cannot be read",
    ),
    "a moment that stands for none": (
        lambda r: json.dumps({"Records": [i | {"eventTime": "1970-01-01T00:00:00Z"} for i in r]}),
        "with a time that cannot be read, such as '1970-01-01T00:00:00Z'",
    ),
    "the last moment there is": (
        lambda r: table([flat(i) | {"eventTime": "9999-12-31 23:59:59 UTC"} for i in r]),
        "with a time that cannot be read, such as '9999-12-31 23:59:59 UTC'",
    ),
    "sessions made at no moment": (
        lambda r: json.dumps({"Records": [i | {"userIdentity": i["userIdentity"] | {
            "sessionContext": {"attributes": {"creationDate": "0001-01-01T00:00:00Z"}}}} for i in r]}),
        "with a time that cannot be read, such as '0001-01-01T00:00:00Z'",
    ),
    "masked key ids": (
        lambda r: lines([_by(i, accessKeyId="AKIA****EXAMPLE") for i in r]),
        "with a caller in a form that cannot be read, such as 'AKIA****…'",
    ),
    "key ids in lower case": (
        lambda r: table([flat(_by(i, accessKeyId="akiaiosfodnn7example")) for i in r]),
        "with a caller in a form that cannot be read, such as 'akiaiosf…'",
    ),
    "hashed ARNs": (
        lambda r: json.dumps({"Records": [_by(i, arn="sha256:0badc0de") for i in r]}),
        "with a caller in a form that cannot be read, such as 'sha256:0badc0de'",
    ),
    "a word for an unknown caller": (
        lambda r: json.dumps([i | {"userIdentity": {"arn": "-", "principalId": "N/A"}} for i in r]),
        "without a caller",
    ),
    "accounts that a spreadsheet rounded": (
        lambda r: table([flat(_by(i, accountId="1.11122E+11")) for i in r]),
        "with an account in a form that cannot be read, such as '1.11122E+11'",
    ),
    "owners that a spreadsheet rounded": (
        lambda r: table([flat(i) | {"recipientAccountId": "1.11122E+11"} for i in r]),
        "with an account in a form that cannot be read, such as '1.11122E+11'",
    ),
    "no callers": (
        lambda r: table([{k: v for k, v in flat(i).items() if "userIdentity" not in k} for i in r]),
        "without a caller",
    ),
    "callers under names that nobody knows": (
        lambda r: json.dumps([{"who": i["userIdentity"]["arn"], "eventName": i["eventName"],
                               "eventTime": i["eventTime"]} for i in r]),
        "without a caller",
    ),
    "sessions made at a time that cannot be read": (
        lambda r: json.dumps({"Records": [i | {"userIdentity": i["userIdentity"] | {
            "sessionContext": {"attributes": {"creationDate": "yesterday"}}}} for i in r]}),
        "with a time that cannot be read",
    ),
    "records that an exporter cut": (
        lambda r: lines([{"result": {"_raw": json.dumps(i)[:200]}} for i in r]),
        "unreadable records",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREAD)
def test_what_cannot_be_read_is_told_and_nothing_is_concluded_from_it(
    tmp_path: Path, kind: str
) -> None:
    spoil, reason = UNREAD[kind]

    result = answer(put(tmp_path, **{"log.json": spoil(SCENE.records)}))

    (file,) = result.files
    assert (file.status, file.records, file.rejected) == ("no_records", 0, len(SCENE.records))
    assert reason in file.detail
    assert any(gap.kind == "files" and reason in gap.what for gap in result.gaps)
    assert not result.calls
    assert not result.credentials
    assert result.unseen


def test_a_share_that_cannot_be_read_is_told_and_the_rest_counts(tmp_path: Path) -> None:
    scene = Scene()
    for second in range(10):
        scene.call(scene.leaked, scene.user, "ListBuckets", second + 1)
    scene.records[3]["eventTime"] = "20 past nine"
    scene.records[5]["userIdentity"] = {"type": "IAMUser"}
    scene.records[7]["userIdentity"] = None

    result = answer(put(tmp_path, **{"log.json": json.dumps({"Records": scene.records})}), scene)

    (file,) = result.files
    assert (file.status, file.records, file.rejected) == ("partly_read", 7, 3)
    assert "1 records with a time that cannot be read, such as '20 past nine'" in file.detail
    assert "2 records without a caller" in file.detail
    assert len(result.calls) == 7


ANSWERS = {
    "a map": "{credentials={accessKeyId=ASIA}}",
    "a word": "HIDDEN_DUE_TO_SECURITY_REASONS",
    "base64": "eyJjcmVkZW50aWFscyI6e319",
    "pairs": [{"key": "credentials", "value": {"sessionToken": "s3cret"}}],
    "text in text in text": json.dumps(json.dumps(json.dumps({"credentials": {}}))),
    "names in lower case": {"credentials": {"accesskeyid": "ASIAIOSFODNN7EXAMPLE"}},
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_in_another_form_is_told_and_its_text_is_not_shown(
    tmp_path: Path, kind: str
) -> None:
    """It hands something out, and may hold a session token."""
    spoilt = [i | {"responseElements": ANSWERS[kind]} for i in SCENE.records]

    (file,) = answer(put(tmp_path, log=json.dumps({"Records": spoilt}))).files

    assert (file.status, file.records) == ("partly_read", len(SCENE.records))
    assert "requests or answers in a form that cannot be read" in file.detail
    assert not {"s3cret", "ZW50aWFscyI6e319", "ASIA"} & set(re.findall(r"\w+", file.detail))


@pytest.mark.parametrize("form", ["lines", "table"])
def test_answers_that_cannot_be_read_are_told_and_their_calls_count(
    tmp_path: Path, form: str
) -> None:
    """A map as CloudTrail Lake prints it: what it handed out is not seen, and that is said."""
    spoilt = [i | {"responseElements": "{credentials={accessKeyId=ASIA}}"} for i in SCENE.records]
    content = lines(spoilt) if form == "lines" else table([flat(i) for i in spoilt])

    result = answer(put(tmp_path, log=content))

    (file,) = result.files
    assert (file.status, file.records) == ("partly_read", len(SCENE.records))
    assert "requests or answers in a form that cannot be read" in file.detail
    assert "such as '{credentials…'" in file.detail
    assert any(gap.kind == "files" and file.detail in gap.what for gap in result.gaps)
    assert result.calls
    assert all(credential.tier != "A_issued" for credential in result.credentials)


def test_what_had_to_be_assumed_is_a_gap_with_an_example(tmp_path: Path) -> None:
    result = answer(put(tmp_path, log=FORMS["times of Kibana"](SCENE.records)))

    assumed = [gap.what for gap in result.gaps if gap.kind == "assumed"]
    assert len(assumed) == 1
    assert "without a zone, read as UTC, such as 'Nov 23, 2026 @ 21:15:00.000'" in assumed[0]
    (row,) = document.document(result)["files"]
    assert row["assumed"] in assumed[0]


def test_a_time_that_is_the_exporters_is_told(tmp_path: Path) -> None:
    """It may be when the record arrived there, days after the call."""
    late = [{"timestamp": i["eventTime"]} | {k: v for k, v in i.items() if k != "eventTime"}
            for i in SCENE.records]  # fmt: skip

    (file,) = (result := answer(put(tmp_path, log=lines(late)))).files

    assert file.status == "ok"
    assert "dated by their exporter's, such as '2026-11-23T21:15:00Z'" in file.assumed
    assert any(file.assumed in gap.what for gap in result.gaps)


def test_an_export_without_its_column_of_key_ids_is_told(tmp_path: Path) -> None:
    """It reads well and names no key, so that each would look like one that was never used."""
    some = {"eventName", "eventTime", "eventID", "eventSource", "userIdentity.arn"}
    rows = [{name: flat(i)[name] for name in some} for i in SCENE.records]

    result = answer(put(tmp_path, log=table(rows)))

    (file,) = result.files
    assert (file.status, file.records) == ("ok", len(SCENE.records))
    assert "callers without their access key ids" in file.assumed
    assert any("without their access key ids" in gap.what for gap in result.gaps)


def test_a_file_in_an_archive_is_told_to_be_one(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("log.json.gz")
        content = gzip.compress(json.dumps({"Records": SCENE.records}).encode())
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    result = answer(put(tmp_path, **{"logs.tar.gz": out.getvalue()}))

    (file,) = result.files
    assert (file.status, file.detail) == (
        "no_records",
        "tar, which is not read: unpack it first",
    )


@pytest.mark.parametrize("cut", ["in a line", "behind one"])
def test_what_an_exporter_cut_on_a_line_of_several_is_told(tmp_path: Path, cut: str) -> None:
    texts = [f"<e>{json.dumps(record)}</e>" for record in SCENE.records[:4]]
    texts[-1] = texts[-1][:300]
    text = ("" if cut == "in a line" else "\n").join(["<r>", *texts])

    result = answer(put(tmp_path, log=text))

    (file,) = result.files
    assert (file.status, file.records, file.rejected) == ("partly_read", 3, 1)


def test_a_line_that_is_not_read_to_its_end_is_told(tmp_path: Path) -> None:
    element = f"<e>{json.dumps(SCENE.records[0])}</e>"
    text = f"<r>{element}{' ' * slices.MOST}{element}</r>"

    result = answer(put(tmp_path, log=text))

    (file,) = result.files
    assert (file.status, file.records) == ("partly_read", 1)
    assert "too long to be read to its end" in file.detail


CONTROL = {
    "a subscription's control message": {"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "CWL CONTROL MESSAGE"}]},
    "a confirmation of SNS": {"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"},
    "a test event of S3": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
    "an Insights event": {"eventVersion": "1.08", "eventType": "AwsCloudTrailInsight", "insightDetails": {"eventName": "RunInstances", "state": "Start"}, "eventCategory": "Insight"},
    "a delivery's notification": {"s3Bucket": "b", "s3ObjectKey": ["AWSLogs/x.json.gz"]},
    "a notification of S3": {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-11-23T21:14:30.000Z", "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"}, "s3": {"bucket": {"name": "logs"}, "object": {"key": "AWSLogs/x.json.gz"}}},
    "a notification of S3 by EventBridge": {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "logs"}, "object": {"key": "AWSLogs/x.json.gz"}}},
    "a digest": {"awsAccountId": "111122223333", "digestStartTime": "2026-11-23T21:00:00Z", "logFiles": [{"s3Object": "AWSLogs/x.json.gz"}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTROL)
@pytest.mark.parametrize("one_a_line", [True, False])
def test_a_message_without_a_record_is_no_gap(
    tmp_path: Path, kind: str, *, one_a_line: bool
) -> None:
    items: list[Any] = [CONTROL[kind], *({"detail": record} for record in SCENE.records)]

    result = answer(
        put(tmp_path, log=lines(items) if one_a_line else json.dumps({"Records": items}))
    )

    assert [(file.status, file.detail) for file in result.files] == [("ok", "")]


WRAPS: dict[str, Callable[[Any], str]] = {
    "an object": lambda item: json.dumps({"Records": [item, item]}),
    "lines": lambda item: lines([item, item]),
    "SNS": lambda item: lines(
        [{"Type": "Notification", "Message": json.dumps({"Records": [item]})}]
    ),
    "SQS": lambda item: json.dumps([{"MessageId": "m", "Body": json.dumps({"Records": [item]})}]),
}


@pytest.mark.parametrize("kind", CONTROL)
@pytest.mark.parametrize("wrap", WRAPS)
def test_a_file_of_such_messages_alone_is_said_to_be_one_and_has_no_records(
    tmp_path: Path, kind: str, wrap: str
) -> None:
    result = answer(put(tmp_path, log=WRAPS[wrap](CONTROL[kind])))

    (file,) = result.files
    assert (file.status, file.records) == ("control", 0)
    assert file.detail.endswith("without records")
    assert not [gap for gap in result.gaps if gap.kind == "files"]


def test_a_record_that_a_caller_wrote_into_a_field_is_no_record(tmp_path: Path) -> None:
    """A user agent, a request or a custom event may hold the text of a whole record."""
    scene = Scene()
    planted = json.dumps(
        Scene().call("AKIAPLANTEDPLANTED00", scene.user, "AssumeRole", 1)
        | {"userIdentity": {"accessKeyId": scene.leaked, "arn": scene.user}}
    )
    scene.call(
        scene.leaked, scene.user, "ListBuckets", 5, request={"x": planted}, userAgent=planted
    )
    event = {"source": "attacker.app", "detail-type": "AWS API Call via CloudTrail"}
    forms = {
        "own": json.dumps({"Records": scene.records}),
        "flat": table([flat(i) for i in scene.records]),
        "azure": table([azure(i) for i in scene.records]),
        "elastic": lines([elastic(i) for i in scene.records]),
        "ocsf": lines([ocsf(i) for i in scene.records]),
        "events": lines([event | {"detail": json.loads(planted)}]),
    }

    result = answer(put(tmp_path, **forms), scene)

    assert [traced.call.name for traced in result.calls] == ["ListBuckets"]
    assert {Path(file.path).name: file.records for file in result.files} == {
        name: int(name != "events") for name in forms
    }


FIELDS = ["eventName", "eventname", "EventName", "eventTime", "eventtime", "@timestamp", "_time",
          "userIdentity", "useridentity", "userIdentity.arn", "userIdentity.accessKeyId",
          "UserIdentityArn", "UserIdentityAccessKeyId", "userIdentity/arn", "_userIdentity_arn",
          "user_identity__access_key_id", "[userIdentity][arn]", "eventTime_t", "eventName_s",
          "userIdentity_arn_s", "event", "aws", "Records", "detail",
          "result", "_raw", "message", "responseElements", "sharedEventID", "eventSource"]  # fmt: skip
VALUES = st.sampled_from([
    "-", "N/A", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "AKIA****", "sha256:0badc0de",
    "1.11122E+11", {"accessKeyId": "akiaiosfodnn7example"}, {"arn": "unknown"}, "AssumeRole", "CreateUser", "2026-11-23T21:20:00Z", "yesterday", "", "null", 5, None,
    "1795468860", "AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::111122223333:user/ci/ci-deploy",
    {"type": "IAMUser"}, {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, {"arn": ""},
    {"credentials": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE"}}, '{"arn": "arn:aws:iam::1:user/u"}',
])  # fmt: skip
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), VALUES, min_size=1, max_size=6),
    lambda inner: st.dictionaries(
        st.sampled_from(FIELDS),
        VALUES | inner | inner.map(json.dumps) | st.lists(inner, max_size=2),
        max_size=5,
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@example(
    [
        {
            "eventName": "AssumeRole",
            "eventTime": "2026-11-23T21:20:00Z",
            "userIdentity": '{"eventName": "AssumeRole"}',
        }
    ],
    "lines",
)
@given(st.lists(OBJECTS, min_size=1, max_size=4), st.sampled_from(["lines", "array", "table"]))
def test_nothing_is_concluded_from_a_record_without_a_caller_or_a_time(
    objects: list[dict[str, Any]], form: str
) -> None:
    """Whatever was made of a form: each fact and each use has a caller and a time in the log."""
    content = {
        "lines": lambda: lines(objects),
        "array": lambda: json.dumps(objects),
        "table": lambda: table(objects),
    }[form]()
    decoded = decode(content.encode(), LEAN)
    gathered = Gathering()
    gathered.add(decoded.events)
    contributed = gathered.facts()

    assert len(decoded.events) == contributed.records + gathered.omissions.total
    items: list[Fact | Use] = [*contributed.facts, *contributed.uses]
    for item in items:
        assert any((item.caller.key, item.caller.arn, item.caller.principal_id,
                    item.caller.account, item.caller.invoked_by))  # fmt: skip
        assert item.caller.arn.startswith("arn:") or not item.caller.arn
        assert item.caller.key in {"", "AKIAIOSFODNN7EXAMPLE"}
        assert item.time.startswith("20")
        # No time is made up: one of those above, or none.
        assert item.time in {"2026-11-23T21:20:00Z", "2026-11-23T21:21:00Z"}
