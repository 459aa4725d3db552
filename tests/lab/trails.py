"""A trail of the seeded company, and what has arrived in its bucket."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from containment.lab.testing import Lab

DATA = [
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
    }
]


class Trail:
    """A multi-Region trail of the company's account, and what has arrived in its bucket."""

    def __init__(self, lab: Lab, selectors: list[dict[str, Any]] | None = None) -> None:
        self.lab, self.world = lab, lab.world
        self.s3 = lab.client("s3", self.world.admin)
        self.s3.create_bucket(Bucket="trail")
        self.cloudtrail = lab.client("cloudtrail", self.world.admin)
        self.cloudtrail.create_trail(
            Name="main", S3BucketName="trail", IsMultiRegionTrail=True, EnableLogFileValidation=True
        )
        if selectors:
            self.cloudtrail.put_event_selectors(TrailName="main", EventSelectors=selectors)
        self.cloudtrail.start_logging(Name="main")

    def keys(self, kind: str = "CloudTrail") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="trail")
        matches = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return [key for key in matches if f"/{kind}/" in key]

    def records(self) -> list[dict[str, Any]]:
        self.lab.advance(301)
        matches = []
        for key in self.keys():
            body = self.s3.get_object(Bucket="trail", Key=key)["Body"].read()
            matches += json.loads(gzip.decompress(body))["Records"]
        return matches

    def named(self, name: str) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["eventName"] == name]
