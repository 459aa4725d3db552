"""A bucket of CloudTrail objects in the lab, and the table over it that AWS documents."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from tests.support.trail_table import COLUMNS

if TYPE_CHECKING:
    from containment.lab.testing import Lab

BUCKET, DATABASE, TABLE = "trail-logs", "logs", "cloudtrail_logs"
OUTPUT = "s3://trail-results/trace/"
PLACE = f"s3://{BUCKET}/AWSLogs/${{account}}/CloudTrail/${{region}}/${{timestamp}}"


class Lake:
    """Logs of several accounts and Regions, day by day."""

    def __init__(self, lab: Lab) -> None:
        admin = lab.world.admin
        self.s3: Any = lab.client("s3", admin)
        self.glue: Any = lab.client("glue", admin)
        self.athena: Any = lab.client("athena", admin)
        for bucket in (BUCKET, "trail-results"):
            self.s3.create_bucket(Bucket=bucket)
        self.glue.create_database(DatabaseInput={"Name": DATABASE})

    def deliver(
        self,
        records: list[dict[str, Any]],
        account: str = "111122223333",
        region: str = "us-east-1",
        day: str = "2026/11/23",
        name: str = "",
    ) -> int:
        """Put an object as CloudTrail does; its size."""
        stamp = day.replace("/", "") + "T2300Z"
        name = name or f"{account}_CloudTrail_{region}_{stamp}_{len(records):016}.json.gz"
        body = gzip.compress(json.dumps({"Records": records}).encode())
        key = f"AWSLogs/{account}/CloudTrail/{region}/{day}/{name}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return len(body)

    def table(
        self, without: frozenset[str] = frozenset(), projected: dict[str, str] | None = None
    ) -> None:
        """Create the table of AWS's page, with account and Region projected too."""
        parameters = {
            "projection.enabled": "true",
            "projection.account.type": "enum",
            "projection.account.values": "111122223333,444455556666",
            "projection.region.type": "enum",
            "projection.region.values": "us-east-1,eu-central-1",
            "projection.timestamp.type": "date",
            "projection.timestamp.format": "yyyy/MM/dd",
            "projection.timestamp.interval": "1",
            "projection.timestamp.interval.unit": "DAYS",
            "projection.timestamp.range": "2020/01/01,NOW",
            "storage.location.template": PLACE,
        }
        columns = [
            {"Name": name, "Type": kind} for name, kind in COLUMNS.items() if name not in without
        ]
        keys = [{"Name": name, "Type": "string"} for name in ("account", "region", "timestamp")]
        self.glue.create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": TABLE,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters | (projected or {}),
                "PartitionKeys": keys,
                "StorageDescriptor": {"Columns": columns, "Location": f"s3://{BUCKET}/AWSLogs/"},
            },
        )
