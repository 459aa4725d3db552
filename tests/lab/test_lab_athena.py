"""The lab's Athena executes what it is asked, with the permissions of whoever asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.support.trail_lake import BUCKET, DATABASE, OUTPUT, Lake
from tests.support.trail_scene import Scene

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

COUNT = "SELECT COUNT(*) AS n FROM cloudtrail_logs WHERE \"timestamp\" >= '2026/11/23'"


@pytest.fixture
def lake(lab: Lab) -> Lake:
    made = Lake(lab)
    made.table()
    return made


def scene(calls: int = 2) -> Scene:
    made = Scene()
    for second in range(calls):
        made.call(made.leaked, made.user, "ListUsers", second)
    return made


def start(client: Any, text: str, **more: Any) -> str:
    asked = {
        "QueryExecutionContext": {"Database": DATABASE},
        "ResultConfiguration": {"OutputLocation": OUTPUT},
    }
    return str(client.start_query_execution(QueryString=text, **asked | more)["QueryExecutionId"])


def states(client: Any, execution: str) -> list[dict[str, Any]]:
    messages = []
    while True:
        matches = client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
        messages.append(matches)
        if matches["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return messages


def test_a_query_is_executed_over_the_objects_of_its_partitions_alone(lake: Lake) -> None:
    lake.deliver(scene(5).records, day="2026/11/22")
    read = lake.deliver(scene(2).records) + lake.deliver(scene(3).records, region="eu-central-1")

    execution = start(lake.athena, COUNT)
    messages = states(lake.athena, execution)

    assert [one["Status"]["State"] for one in messages] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert messages[-1]["Statistics"]["DataScannedInBytes"] == read
    page = lake.athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in page] == ["n", "5"]
    place = messages[-1]["ResultConfiguration"]["OutputLocation"]
    key = place.removeprefix("s3://trail-results/")
    body = lake.s3.get_object(Bucket="trail-results", Key=key)["Body"].read()
    assert body == b'"n"\n"5"\n'


def test_pages_hold_a_thousand_rows_and_names_come_first(lake: Lake) -> None:
    lake.deliver(scene(1500).records)

    execution = start(lake.athena, "SELECT eventid FROM cloudtrail_logs")
    states(lake.athena, execution)
    first = lake.athena.get_query_results(QueryExecutionId=execution)
    second = lake.athena.get_query_results(QueryExecutionId=execution, NextToken=first["NextToken"])

    assert len(first["ResultSet"]["Rows"]) == 1000
    assert len(second["ResultSet"]["Rows"]) == 501
    assert "NextToken" not in second


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT nothing FROM cloudtrail_logs", "nothing"),
        ("SELECT 1 FROM elsewhere", "TABLE_NOT_FOUND"),
        ("SELECT FROM WHERE cloudtrail_logs", "SYNTAX_ERROR|NOT_SUPPORTED"),
        ("SELECT * FROM read_csv('/etc/passwd')", "NOT_SUPPORTED|TABLE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_executed_fails_and_says_why(lake: Lake, text: str, why: str) -> None:
    lake.deliver(scene().records)

    ended = states(lake.athena, start(lake.athena, text))[-1]["Status"]

    assert ended["State"] == "FAILED"
    assert any(word in ended["StateChangeReason"] for word in why.split("|"))


def test_a_damaged_object_fails_the_query_that_reads_it(lake: Lake) -> None:
    lake.deliver(scene().records)
    lake.s3.put_object(
        Bucket=BUCKET,
        Key="AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/23/bad.json.gz",
        Body=b"\x1f\x8b\x08 not the rest",
    )

    ended = states(lake.athena, start(lake.athena, COUNT))[-1]["Status"]

    assert ended["State"] == "FAILED"
    assert "bad.json.gz" in ended["StateChangeReason"]


def test_a_query_that_is_stopped_is_cancelled_and_has_no_result(lake: Lake) -> None:
    execution = start(lake.athena, COUNT)

    lake.athena.stop_query_execution(QueryExecutionId=execution)

    assert states(lake.athena, execution)[-1]["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="Current state: CANCELLED"):
        lake.athena.get_query_results(QueryExecutionId=execution)


def test_a_workgroup_stops_what_scans_more_than_its_limit(lake: Lake) -> None:
    read = lake.deliver(scene(50).records)
    for name, limit in (("small", read - 1), ("large", read)):
        lake.athena.create_work_group(
            Name=name, Configuration={"BytesScannedCutoffPerQuery": limit,
            "ResultConfiguration": {"OutputLocation": OUTPUT}},
        )  # fmt: skip

    ended = {
        name: states(lake.athena, start(lake.athena, COUNT, WorkGroup=name))[-1]["Status"]["State"]
        for name in ("small", "large")
    }

    assert ended == {"small": "CANCELLED", "large": "SUCCEEDED"}


def test_requests_that_aws_refuses_are_refused(lake: Lake) -> None:
    with pytest.raises(ClientError, match="No output location"):
        lake.athena.start_query_execution(QueryString=COUNT)
    with pytest.raises(ClientError, match="WorkGroup none is not found"):
        start(lake.athena, COUNT, WorkGroup="none")
    with pytest.raises(ClientError, match="was not found"):
        lake.athena.get_query_execution(QueryExecutionId="none")
    with pytest.raises(ClientError, match="262144"):
        start(lake.athena, "SELECT '" + "x" * 262_144 + "'")


ALLOWED = {
    "athena:*": "*",
    "glue:GetTable": "*",
    "s3:GetObject": f"arn:aws:s3:::{BUCKET}/*",
    "s3:PutObject": "arn:aws:s3:::trail-results/*",
}


@pytest.mark.parametrize("missing", ["glue:GetTable", "s3:GetObject", "s3:PutObject"])
def test_a_query_may_do_what_its_caller_may(lab: Lab, lake: Lake, missing: str) -> None:
    lake.deliver(scene().records)
    iam = lab.client("iam", lab.world.admin)
    iam.create_user(UserName="analyst")
    key = iam.create_access_key(UserName="analyst")["AccessKey"]
    analyst = lab.client("athena", Credentials(key["AccessKeyId"], key["SecretAccessKey"], None))

    def ended(allowed: dict[str, str]) -> str:
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": resource}
            for action, resource in allowed.items()
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="analyst", PolicyName="trace", PolicyDocument=document)
        matches = states(analyst, start(analyst, COUNT))[-1]["Status"]
        return str(matches["State"] + " " + matches.get("StateChangeReason", ""))

    assert ended(ALLOWED) == "SUCCEEDED "
    without = {action: resource for action, resource in ALLOWED.items() if action != missing}
    assert ended(without).startswith(f"FAILED Insufficient permissions to execute: {missing}")
    assert ended(ALLOWED) == "SUCCEEDED "
