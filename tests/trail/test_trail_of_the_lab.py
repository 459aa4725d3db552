"""An attacker at work in the lab, and what the trace makes of the logs that the lab delivered."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from containment.trail import Trace, trace
from containment.trail.logs.lookup import lookup
from containment.trail.logs.s3_logs import fetch

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


class LabAttacker:
    """Makes credentials out of the leaked one, uses them all, and keeps an account of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.world = lab, lab.world
        self.did: Counter[tuple[str, str, bool]] = Counter()
        self.made: dict[str, str] = {}

    def call(self, credentials: Credentials, service: str, operation: str, **asked: Any) -> Any:
        client = self.lab.client(service, credentials)
        name = NAMES.get(name := client.meta.method_to_api_mapping[operation], name)
        failed = True
        try:
            answer = getattr(client, operation)(**asked)
            failed = False
            return answer
        finally:
            self.did[credentials.access_key_id, name, failed] += 1

    def make(self, parent: Credentials, issued: dict[str, Any]) -> Credentials:
        key, secret, token = (
            issued["AccessKeyId"],
            issued["SecretAccessKey"],
            issued.get("SessionToken"),
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
        for credentials in (leaked, second, session, role, again):
            self.call(credentials, "s3", "list_objects_v2", Bucket=bucket)
            with suppress(ClientError):
                self.call(credentials, "s3", "get_object", Bucket=bucket, Key="missing")
            # IAM refuses a session without MFA before it knows who calls: that leaves no record.
            if credentials is not session:
                with suppress(ClientError):
                    self.call(credentials, "iam", "list_users")


def deliver(lab: Lab) -> None:
    """Have CloudTrail write to a bucket, data events of S3 too."""
    admin = lab.client("s3", lab.world.admin)
    admin.create_bucket(Bucket="trail")
    cloudtrail = lab.client("cloudtrail", lab.world.admin)
    cloudtrail.create_trail(Name="main", S3BucketName="trail", IsMultiRegionTrail=True)
    cloudtrail.put_event_selectors(TrailName="main", EventSelectors=DATA)
    cloudtrail.start_logging(Name="main")


def delivered(lab: Lab, folder: Path, since: str) -> Path:
    """Wait for the delivery, and fetch what was written."""
    lab.advance(301)
    return fetch(lab.client("s3", lab.world.admin), "s3://trail/AWSLogs/", folder, since).folder


def bystanders(lab: Lab) -> None:
    for credentials in (lab.world.bystander, lab.world.runner, lab.world.app_session):
        lab.client("sts", credentials).get_caller_identity()
        with suppress(ClientError):
            lab.client("s3", credentials).list_objects_v2(Bucket=lab.world.bucket)


def calls_by_credential(answer: Trace) -> Counter[tuple[str, str, bool]]:
    return Counter(
        (traced.credential, traced.call.name, traced.call.outcome == "failure")
        for traced in answer.calls
    )


def test_the_lineage_is_what_the_attacker_really_did_call_by_call(lab: Lab, tmp_path: Path) -> None:
    deliver(lab)
    since = lab.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    attacker = LabAttacker(lab)
    bystanders(lab)
    attacker.work()
    bystanders(lab)
    logs = delivered(lab, tmp_path, since)
    answer = trace(lab.world.leaked.access_key_id, since=since, logs=[logs], workers=1)

    assert {c.id: c.parent for c in answer.credentials} == attacker.made
    assert {c.tier for c in answer.credentials} == {"A_issued"}
    assert calls_by_credential(answer) == attacker.did


def test_event_history_gives_the_same_lineage_without_the_data_events(
    lab: Lab, tmp_path: Path
) -> None:
    since = lab.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    attacker = LabAttacker(lab)
    attacker.work()
    lab.advance(301)

    clients = {"us-east-1": lab.client("cloudtrail", lab.world.admin)}
    files, failed = lookup(clients, since, tmp_path, pause=lab.advance)
    answer = trace(
        lab.world.leaked.access_key_id, since=since, logs=files, workers=1, unread=failed
    )

    assert failed == []
    assert {c.id: c.parent for c in answer.credentials} == attacker.made
    data = {"ListObjects", "GetObject"}
    assert calls_by_credential(answer) == Counter(
        {did: times for did, times in attacker.did.items() if did[1] not in data}
    )


OUTSIDE = "arn:aws:iam::999988887777:root"


def trusting(principal: str) -> str:
    """Return a trust policy for *principal*."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_principals_that_the_attacker_made_are_followed_with_all_they_did(
    lab: Lab, tmp_path: Path
) -> None:
    deliver(lab)
    since = lab.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    attacker, stolen = LabAttacker(lab), lab.world.admin
    attacker.did.clear()
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})

    user = attacker.call(stolen, "iam", "create_user", UserName="helper")["User"]["Arn"]
    named = {"UserName": "helper", "PolicyName": "all", "PolicyDocument": policy}
    attacker.call(stolen, "iam", "put_user_policy", **named)
    issued = attacker.call(stolen, "iam", "create_access_key", UserName="helper")["AccessKey"]
    helper = attacker.make(stolen, issued)
    password = {"UserName": "helper", "Password": "Aa1!" * 6}
    attacker.call(stolen, "iam", "create_login_profile", **password)
    lab.advance(15)
    asked = {"RoleName": "back", "AssumeRolePolicyDocument": trusting(user)}
    back = attacker.call(helper, "iam", "create_role", **asked)["Role"]["Arn"]
    lab.advance(15)
    asked = {"RoleArn": back, "RoleSessionName": "night"}
    session = attacker.make(
        helper, attacker.call(helper, "sts", "assume_role", **asked)["Credentials"]
    )
    with suppress(ClientError):
        attacker.call(session, "iam", "list_users")
    asked = {"RoleName": lab.world.app_role.rpartition("/")[2], "PolicyDocument": trusting(OUTSIDE)}
    attacker.call(helper, "iam", "update_assume_role_policy", **asked)
    bystanders(lab)

    logs = delivered(lab, tmp_path, since)
    answer = trace(stolen.access_key_id, since=since, logs=[logs], workers=1)

    tiers = {c.id: (c.tier, c.parent) for c in answer.credentials}
    path_free = f"arn:aws:iam::{lab.world.account}:role/{asked['RoleName']}"
    assert tiers == {
        user: ("B_principal", stolen.access_key_id),
        helper.access_key_id: ("A_issued", stolen.access_key_id),
        f"console_password:{user}": ("B_principal", stolen.access_key_id),
        back: ("B_principal", helper.access_key_id),
        session.access_key_id: ("A_issued", helper.access_key_id),
        path_free: ("B_principal", helper.access_key_id),
    }
    assert [(t.role, t.principal) for t in answer.external_trust] == [(path_free, OUTSIDE)]
    own_calls = {
        key: times for key, times in calls_by_credential(answer).items() if key[1] not in SET_UP
    }
    assert Counter(own_calls) == attacker.did


# What the owner of the stolen key does in this test itself, to have the logs delivered.
SET_UP = {"StartLogging", "CreateTrail", "PutEventSelectors", "CreateBucket", "ListObjects"}
