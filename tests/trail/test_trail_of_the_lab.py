"""A thief at work in the lab, and what the trace makes of the logs that the lab delivered."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.seed.world import Credentials
from containment.trail import Trace, trace
from containment.trail.lookup import lookup
from containment.trail.s3_logs import fetch

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

DATA = [
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
    }
]
NAMES = {"ListObjectsV2": "ListObjects"}  # as CloudTrail records it


class Thief:
    """Makes credentials out of the leaked one, uses them all, and keeps his own account of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.world = lab, lab.world
        self.did: Counter[tuple[str, str, bool]] = Counter()
        self.made: dict[str, str] = {}

    def call(self, held: Credentials, service: str, operation: str, **asked: Any) -> Any:
        client = self.lab.client(service, held)
        name = NAMES.get(name := client.meta.method_to_api_mapping[operation], name)
        failed = True
        try:
            answer = getattr(client, operation)(**asked)
            failed = False
            return answer
        finally:
            self.did[held.access_key_id, name, failed] += 1

    def make(self, parent: Credentials, given: dict[str, Any]) -> Credentials:
        key, secret, token = (
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given.get("SessionToken"),
        )
        self.made[key] = parent.access_key_id
        return Credentials(key, secret, token)

    def work(self) -> None:
        leaked, bucket = self.world.leaked, self.world.bucket
        self.call(leaked, "s3", "list_objects_v2", Bucket=bucket)
        with suppress(ClientError):
            self.call(leaked, "iam", "create_user", UserName="backdoor")
        second = self.make(leaked, self.call(leaked, "iam", "create_access_key")["AccessKey"])
        session = self.make(leaked, self.call(leaked, "sts", "get_session_token")["Credentials"])
        asked = {"RoleArn": self.world.deploy_role, "RoleSessionName": "build-1337"}
        role = self.make(second, self.call(second, "sts", "assume_role", **asked)["Credentials"])
        again = self.make(session, self.call(session, "sts", "assume_role", **asked)["Credentials"])
        for held in (leaked, second, session, role, again):
            self.call(held, "s3", "list_objects_v2", Bucket=bucket)
            with suppress(ClientError):
                self.call(held, "s3", "get_object", Bucket=bucket, Key="missing")
            # IAM refuses a session without MFA before it knows who calls: that leaves no record.
            if held is not session:
                with suppress(ClientError):
                    self.call(held, "iam", "list_users")


def bystanders(lab: Lab) -> None:
    for held in (lab.world.bystander, lab.world.runner, lab.world.app_session):
        lab.client("sts", held).get_caller_identity()
        with suppress(ClientError):
            lab.client("s3", held).list_objects_v2(Bucket=lab.world.bucket)


def found(answer: Trace) -> Counter[tuple[str, str, bool]]:
    return Counter(
        (traced.credential, traced.call.name, traced.call.outcome == "failure")
        for traced in answer.calls
    )


def test_the_lineage_is_what_the_thief_really_did_call_by_call(lab: Lab, tmp_path: Path) -> None:
    admin = lab.client("s3", lab.world.admin)
    admin.create_bucket(Bucket="trail")
    cloudtrail = lab.client("cloudtrail", lab.world.admin)
    cloudtrail.create_trail(Name="main", S3BucketName="trail", IsMultiRegionTrail=True)
    cloudtrail.put_event_selectors(TrailName="main", EventSelectors=DATA)
    cloudtrail.start_logging(Name="main")
    since = lab.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    thief = Thief(lab)
    bystanders(lab)
    thief.work()
    bystanders(lab)
    lab.advance(301)

    objects = fetch(admin, "s3://trail/AWSLogs/", tmp_path, since)
    answer = trace(lab.world.leaked.access_key_id, since=since, logs=[objects.folder], workers=1)

    assert {c.id: c.parent for c in answer.credentials} == thief.made
    assert {c.tier for c in answer.credentials} == {"A_issued"}
    assert found(answer) == thief.did


def test_event_history_gives_the_same_lineage_without_the_data_events(
    lab: Lab, tmp_path: Path
) -> None:
    since = lab.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    thief = Thief(lab)
    thief.work()
    lab.advance(301)

    clients = {"us-east-1": lab.client("cloudtrail", lab.world.admin)}
    files, failed = lookup(clients, since, tmp_path, pause=lab.advance)
    answer = trace(
        lab.world.leaked.access_key_id, since=since, logs=files, workers=1, unread=failed
    )

    assert failed == []
    assert {c.id: c.parent for c in answer.credentials} == thief.made
    data = {"ListObjects", "GetObject"}
    assert found(answer) == Counter(
        {did: times for did, times in thief.did.items() if did[1] not in data}
    )
