"""What a trace on Athena costs is told before: by the partitions that are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from containment.trail.queried_source import reach
from containment.trail.sql import glue
from containment.trail.sql.source import trace_table
from tests.support.trail_athena import busy, run_on
from tests.support.trail_lake import BUCKET, DATABASE, TABLE, Lake
from tests.support.trail_scene import Scene

pytestmark = pytest.mark.lab

UNTIL = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_cost_is_that_of_the_partitions_that_are_read(lake: Lake, scene: Scene) -> None:
    busy(scene)
    lake.table()
    lake.deliver(scene.records, day="2026/11/20")
    here = lake.deliver(scene.records)
    far_bytes = lake.deliver(scene.records, region="eu-central-1", account="444455556666")
    table = glue.describe(lake.glue, DATABASE, TABLE)

    def estimated_bytes(**chosen: Any) -> int | None:
        conditions = table.layout.conditions(reach(scene.since), **chosen)
        return glue.estimate(lake.glue, lake.s3, table, conditions, UNTIL).bytes

    assert estimated_bytes() == here + far_bytes
    assert estimated_bytes(regions=["us-east-1"]) == here
    assert estimated_bytes(accounts=["444455556666"]) == far_bytes
    assert estimated_bytes(accounts=["444455556666"], regions=["us-east-1"]) == 0
    assert glue.Estimate(179_000_000_000).dollars(5) == 2.69
    assert glue.Estimate(0).dollars(5) == 0.0
    assert glue.Estimate(None).dollars(5) is None


def test_a_cost_that_cannot_be_told_is_not_called_nothing(lake: Lake, scene: Scene) -> None:
    lake.table()
    table = glue.describe(lake.glue, DATABASE, TABLE)

    def estimate(**changed: Any) -> glue.Estimate:
        other = replace(table, **changed)
        conditions = ((("timestamp", ">=", ("2026/11/22",)),),)
        return glue.estimate(lake.glue, lake.s3, other, conditions, UNTIL)

    plain = dict(table.parameters)
    by_name = {key: value for key, value in plain.items() if not key.startswith("storage")}
    lake.s3.put_object(
        Bucket=BUCKET,
        Key="AWSLogs/account=111122223333/region=us-east-1/timestamp=2026/11/23/x.json.gz",
        Body=b"12345",
    )
    assert estimate(parameters=by_name).bytes == 5
    unlisted = plain | {"projection.account.values": ""}
    assert estimate(parameters=unlisted) == glue.Estimate(
        None, "nothing lists the values of partition account"
    )
    elsewhere = plain | {"storage.location.template": "hdfs://logs/${timestamp}"}
    assert estimate(parameters=elsewhere).bytes is None
    many = ",".join(map(str, range(1000)))
    assert "partitions" in estimate(parameters=plain | {"projection.account.values": many}).why
    assert estimate(location="s3://not-there/", keys={}).bytes is None
    del scene


def by_hand(lake: Lake, days: list[str]) -> None:
    """A table whose partitions somebody added, named as on AWS's page for organisations."""
    lake.table(projected={"projection.enabled": "false"})
    made = lake.glue.get_table(DatabaseName=DATABASE, Name=TABLE)["Table"]
    keys = [{"Name": name, "Type": "string"} for name in ("region", "year", "month", "day")]
    lake.glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": "by_hand",
            "PartitionKeys": keys,
            "StorageDescriptor": made["StorageDescriptor"],
        },
    )
    for day in days:
        place = f"s3://{BUCKET}/AWSLogs/111122223333/CloudTrail/us-east-1/{day}/"
        lake.glue.create_partition(
            DatabaseName=DATABASE,
            TableName="by_hand",
            PartitionInput={
                "Values": ["us-east-1", *day.split("/")],
                "StorageDescriptor": {"Location": place},
            },
        )


def test_partitions_made_by_hand_are_chosen_by_year_month_and_day(lake: Lake, scene: Scene) -> None:
    busy(scene)
    lake.deliver(scene.records, day="2026/11/20")
    read = lake.deliver(scene.records) + lake.deliver([], day="2026/12/01")
    by_hand(lake, ["2026/11/20", "2026/11/23", "2026/12/01"])
    table = glue.describe(lake.glue, DATABASE, "by_hand")
    conditions = table.layout.conditions(reach(scene.since))
    run = run_on(lake)

    answer = trace_table(
        scene.leaked,
        since=scene.since,
        run=run,
        table=f"{DATABASE}.by_hand",
        dialect="athena",
        partitions=conditions,
    )

    assert glue.estimate(lake.glue, lake.s3, table, conditions, UNTIL).bytes == read
    assert len(answer.credentials) == 3
    assert run.scanned == int(answer.files[0].detail.split()[0]) * read
