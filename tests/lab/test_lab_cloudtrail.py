"""CloudTrail as AWS writes it: what is recorded, what is not, and where it can be found."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from containment.lab.seed.world import Credentials
from tests.lab.matrix.bench import allow, policy, trust

if TYPE_CHECKING:
    from containment.lab.seed.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab
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
        found = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return [key for key in found if f"/{kind}/" in key]

    def records(self) -> list[dict[str, Any]]:
        self.lab.advance(301)
        found = []
        for key in self.keys():
            body = self.s3.get_object(Bucket="trail", Key=key)["Body"].read()
            found += json.loads(gzip.decompress(body))["Records"]
        return found

    def named(self, name: str) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["eventName"] == name]


@pytest.fixture
def trail(lab: Lab) -> Trail:
    return Trail(lab)


def temporary(made: dict[str, str]) -> Credentials:
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def test_a_made_key_is_in_the_record_and_its_secret_is_not(trail: Trail) -> None:
    made = trail.lab.client("iam", trail.world.leaked).create_access_key()["AccessKey"]

    record = trail.named("CreateAccessKey")[0]

    assert record["responseElements"]["accessKey"]["accessKeyId"] == made["AccessKeyId"]
    assert made["SecretAccessKey"] not in json.dumps(record)
    assert record["userIdentity"] == {
        "type": "IAMUser",
        "principalId": record["userIdentity"]["principalId"],
        "arn": trail.world.ci_user,
        "accountId": trail.world.account,
        "accessKeyId": trail.world.leaked.access_key_id,
        "userName": "ci-deploy",
    }
    assert record["userIdentity"]["principalId"].startswith("AIDA")
    assert (record["readOnly"], record["managementEvent"]) == (False, True)
    assert (record["awsRegion"], record["eventSource"]) == ("us-east-1", "iam.amazonaws.com")


def test_every_kind_of_session_can_be_followed_to_its_maker(trail: Trail) -> None:
    lab, world = trail.lab, trail.world
    sts = lab.client("sts", world.leaked)
    made = {
        "GetSessionToken": sts.get_session_token()["Credentials"],
        "GetFederationToken": sts.get_federation_token(Name="thief", Policy=policy(allow("s3:*")))[
            "Credentials"
        ],
        "AssumeRole": sts.assume_role(RoleArn=world.deploy_role, RoleSessionName="thief")[
            "Credentials"
        ],
    }
    for credentials in made.values():
        lab.client("sts", temporary(credentials)).get_caller_identity()

    records = trail.records()

    for name, credentials in made.items():
        maker = next(r for r in records if r["eventName"] == name)
        shown = maker["responseElements"]["credentials"]
        assert shown["accessKeyId"] == credentials["AccessKeyId"]
        assert "secretAccessKey" not in shown
        assert maker["readOnly"] is (name != "GetFederationToken")
    kinds = {
        r["userIdentity"]["accessKeyId"]: r["userIdentity"]
        for r in records
        if r["eventName"] == "GetCallerIdentity"
    }
    role = kinds[made["AssumeRole"]["AccessKeyId"]]
    assert role["type"] == "AssumedRole"
    assert role["sessionContext"]["sessionIssuer"]["arn"] == world.deploy_role
    assert role["principalId"].endswith(":thief")
    federated = kinds[made["GetFederationToken"]["AccessKeyId"]]
    assert federated["type"] == "FederatedUser"
    assert federated["sessionContext"]["sessionIssuer"]["userName"] == "ci-deploy"
    session = kinds[made["GetSessionToken"]["AccessKeyId"]]
    assert session["type"] == "IAMUser"
    assert session["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"


def test_a_denial_is_recorded_with_awss_words_and_without_parameters(trail: Trail) -> None:
    with pytest.raises(ClientError):
        trail.lab.client("iam", trail.world.leaked).create_user(UserName="x")

    record = trail.named("CreateUser")[0]

    assert record["errorCode"] == "AccessDenied"
    assert "because no identity-based policy allows the iam:CreateUser" in record["errorMessage"]
    assert (record["requestParameters"], record["responseElements"]) == (None, None)


def test_a_services_own_error_is_recorded(trail: Trail) -> None:
    with pytest.raises(ClientError):
        trail.lab.client("iam", trail.world.admin).get_user(UserName="nobody")

    record = trail.named("GetUser")[0]

    assert record["errorCode"] == "NoSuchEntityException"
    assert record["requestParameters"] == {"userName": "nobody"}


def test_calls_that_fail_authentication_leave_no_record(trail: Trail) -> None:
    world = trail.world
    trail.lab.client("iam", world.admin).update_access_key(
        UserName="ci-deploy", AccessKeyId=world.leaked.access_key_id, Status="Inactive"
    )
    for keys in (
        world.leaked,
        Credentials(world.release_key.access_key_id, "x" * 40),
        Credentials("AKIA" + "Z" * 16, "x" * 40),
    ):
        with pytest.raises(ClientError):
            trail.lab.client("sts", keys).get_caller_identity()

    assert trail.named("GetCallerIdentity") == []


def test_objects_are_recorded_only_where_a_selector_asks(lab: Lab) -> None:
    without = Trail(lab)
    lab.client("s3", lab.world.leaked).get_object(Bucket=lab.world.bucket, Key="config/app.json")
    assert without.named("GetObject") == []
    lab.reseed()

    with_data = Trail(lab, DATA)
    lab.client("s3", lab.world.leaked).get_object(Bucket=lab.world.bucket, Key="config/app.json")
    found = [
        r
        for r in with_data.named("GetObject")
        if r["requestParameters"]["key"] == "config/app.json"
    ]

    assert found[0]["eventCategory"] == "Data"
    assert found[0]["requestParameters"]["bucketName"] == lab.world.bucket
    assert found[0]["resources"][0]["ARN"].endswith("config/app.json")


def test_a_write_only_trail_misses_the_whole_tree(lab: Lab) -> None:
    trail = Trail(lab, [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}])
    lab.client("sts", lab.world.leaked).assume_role(
        RoleArn=lab.world.deploy_role, RoleSessionName="thief"
    )
    lab.client("iam", lab.world.leaked).create_access_key()

    names = {record["eventName"] for record in trail.records()}

    assert "CreateAccessKey" in names
    assert "AssumeRole" not in names


def test_an_advanced_selector_is_kept_to(lab: Lab) -> None:
    trail = Trail(lab)
    fields = [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "eventSource", "NotEquals": ["sts.amazonaws.com"]},
    ]
    trail.cloudtrail.put_event_selectors(
        TrailName="main", AdvancedEventSelectors=[{"Name": "a", "FieldSelectors": fields}]
    )
    lab.client("sts", lab.world.leaked).get_session_token()
    lab.client("iam", lab.world.leaked).list_access_keys()

    sources = {record["eventSource"] for record in trail.records()}

    assert "iam.amazonaws.com" in sources
    assert "sts.amazonaws.com" not in sources


def test_an_assumed_role_elsewhere_has_a_twin_there(trail: Trail) -> None:
    lab, world = trail.lab, trail.world
    outside = lab.client("iam", world.management_admin).create_role(
        RoleName="outside",
        AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{world.account}:root"}),
    )["Role"]["Arn"]
    lab.client("sts", world.admin).assume_role(RoleArn=outside, RoleSessionName="visit")
    here = trail.named("AssumeRole")[0]

    history = lab.client("cloudtrail", world.management_admin).lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}]
    )["Events"]
    there = json.loads(history[0]["CloudTrailEvent"])

    assert here["sharedEventID"] == there["sharedEventID"]
    assert here["recipientAccountId"] == world.account
    assert there["recipientAccountId"] == world.management_account
    assert there["userIdentity"]["type"] == "AWSAccount"
    assert here["eventID"] != there["eventID"]


def test_records_arrive_late_and_in_the_usual_place(trail: Trail) -> None:
    trail.lab.client("iam", trail.world.leaked).list_access_keys()
    assert trail.keys() == []

    trail.lab.advance(301)
    keys = trail.keys()

    now = trail.lab.now()
    assert all(
        key.startswith(f"AWSLogs/{trail.world.account}/CloudTrail/us-east-1/{now:%Y/%m/}")
        for key in keys
    )
    name = keys[0].rsplit("/", 1)[-1]
    assert name.startswith(f"{trail.world.account}_CloudTrail_us-east-1_{now:%Y%m%d}T")
    assert name.endswith("Z_" + name[-24:-8] + ".json.gz")


CLIENT = """
import json, sys, boto3
from botocore.config import Config
from botocore.exceptions import ClientError
given = json.load(sys.stdin)
seen = []
def call(service, operation, **parameters):
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client(service, config=once, **given["client"])
    try:
        answer = getattr(client, operation)(**parameters)
        seen.append([answer["ResponseMetadata"]["RequestId"], ""])
    except ClientError as error:
        said = error.response
        seen.append([said["ResponseMetadata"]["RequestId"], said["Error"]["Code"]])
for _ in range(4):
    call("s3", "list_objects_v2", Bucket=given["bucket"])
    call("s3", "get_object", Bucket=given["bucket"], Key="config/app.json")
    call("s3", "get_object", Bucket=given["bucket"], Key="missing")
    call("iam", "list_access_keys")
    call("iam", "list_users")
    call("sts", "get_session_token")
    call("sts", "get_caller_identity")
    call("sts", "assume_role", RoleArn=given["role"], RoleSessionName="thief")
print(json.dumps(seen))
"""


def test_everything_a_client_did_is_found_exactly_once(lab: Lab) -> None:
    trail = Trail(lab, DATA)
    given = {
        "client": {
            "endpoint_url": lab.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": lab.world.leaked.access_key_id,
            "aws_secret_access_key": lab.world.leaked.secret_access_key,
        },
        "bucket": lab.world.bucket,
        "role": lab.world.deploy_role,
    }
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seen = dict(json.loads(done.stdout))

    thief = [
        record
        for record in trail.records()
        if record["userIdentity"].get("accessKeyId") == lab.world.leaked.access_key_id
    ]

    found = {record["requestID"]: record.get("errorCode", "") for record in thief}
    assert len(thief) == len(found) == len(seen) == 32
    assert {key: bool(code) for key, code in found.items()} == {
        key: bool(code) for key, code in seen.items()
    }


def validate(trail: Trail) -> list[str]:
    """Walk the digest chain from its end, as AWS documents it, and name what does not hold."""
    listed = trail.cloudtrail.list_public_keys()["PublicKeyList"][0]
    raw = listed["Value"]
    raw = raw if raw[:1] == b"\x30" else base64.b64decode(raw)
    key: Any = serialization.load_der_public_key(_spki(raw))
    wrong: list[str] = []
    expected = None
    for name in sorted(trail.keys("CloudTrail-Digest"), reverse=True):
        answer = trail.s3.get_object(Bucket="trail", Key=name)
        text = gzip.decompress(answer["Body"].read())
        digest = json.loads(text)
        if expected is not None and hashlib.sha256(text).hexdigest() != expected:
            wrong.append(name)
        to_sign = "\n".join(
            (
                digest["digestEndTime"],
                f"{digest['digestS3Bucket']}/{digest['digestS3Object']}",
                hashlib.sha256(text).hexdigest(),
                digest["previousDigestSignature"] or "null",
            )
        )
        signature = bytes.fromhex(answer["Metadata"]["signature"])
        try:
            key.verify(signature, to_sign.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            wrong.append(name)
        expected = digest["previousDigestHashValue"]
        for file in digest["logFiles"]:
            body = trail.s3.get_object(Bucket="trail", Key=file["s3Object"])["Body"].read()
            if hashlib.sha256(gzip.decompress(body)).hexdigest() != file["hashValue"]:
                wrong.append(file["s3Object"])
    return wrong


def _spki(pkcs1: bytes) -> bytes:
    """Wrap a PKCS #1 key, as ListPublicKeys gives it, for a library that wants the longer form."""
    head = bytes.fromhex("300d06092a864886f70d0101010500")
    bits = b"\x03" + _length(len(pkcs1) + 1) + b"\x00" + pkcs1
    return b"\x30" + _length(len(head) + len(bits)) + head + bits


def _length(size: int) -> bytes:
    encoded = size.to_bytes(2, "big").lstrip(b"\x00")
    return bytes([size]) if size < 128 else bytes([128 + len(encoded)]) + encoded


def test_the_digest_chain_holds_until_somebody_tampers(trail: Trail) -> None:
    iam = trail.lab.client("iam", trail.world.leaked)
    for _ in range(3):
        iam.list_access_keys()
        trail.lab.advance(301)
        iam.list_access_keys()
        trail.lab.advance(3600)
    iam.list_access_keys()
    assert len(trail.keys("CloudTrail-Digest")) >= 3
    assert validate(trail) == []

    victim = trail.keys()[0]
    trail.s3.put_object(
        Bucket="trail", Key=victim, Body=gzip.compress(json.dumps({"Records": []}).encode())
    )

    assert validate(trail) == [victim]


def lookup(lab: Lab, keys: Credentials, **given: Any) -> dict[str, Any]:
    return dict(lab.client("cloudtrail", keys).lookup_events(**given))


def test_the_history_answers_one_attribute_a_page_at_a_time(lab: Lab, world: World) -> None:
    for _ in range(60):
        lab.client("iam", world.leaked).list_access_keys()
    lab.advance(301)
    wanted = [{"AttributeKey": "AccessKeyId", "AttributeValue": world.leaked.access_key_id}]

    first = lookup(lab, world.admin, LookupAttributes=wanted)
    second = lookup(lab, world.admin, LookupAttributes=wanted, NextToken=first["NextToken"])

    assert (len(first["Events"]), len(second["Events"])) == (50, 10)
    assert "NextToken" not in second
    assert {event["Username"] for event in first["Events"]} == {"ci-deploy"}


def test_the_history_has_its_limits(lab: Lab, world: World) -> None:
    lab.client("iam", world.leaked).list_access_keys()
    both = [
        {"AttributeKey": "EventName", "AttributeValue": "x"},
        {"AttributeKey": "Username", "AttributeValue": "y"},
    ]
    with pytest.raises(ClientError, match="only one lookup attribute"):
        lookup(lab, world.admin, LookupAttributes=both)
    assert lookup(lab, world.admin)["Events"] == []
    with pytest.raises(ClientError, match="Throttling"):
        lookup(lab, world.admin)
    lab.advance(301)
    elsewhere = lab.client("cloudtrail", world.admin, region="eu-west-1").lookup_events()
    assert elsewhere["Events"] == []


def test_objects_are_not_in_the_history(lab: Lab, world: World) -> None:
    lab.client("s3", world.leaked).get_object(Bucket=world.bucket, Key="config/app.json")
    lab.advance(301)

    names = {event["EventName"] for event in lookup(lab, world.admin)["Events"]}

    assert "GetObject" not in names


@pytest.mark.parametrize(("password", "outcome"), [("right-1", "Success"), ("wrong", "Failure")])
def test_a_sign_in_to_the_console_is_recorded(
    lab: Lab, world: World, password: str, outcome: str
) -> None:
    lab.client("iam", world.admin).create_login_profile(UserName="alice", Password="right-1")
    body = {"account": world.account, "user": "alice", "password": password}
    request = urllib.request.Request(f"{lab.endpoint}/_lab/sign-in", data=json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {"ConsoleLogin": outcome}
    lab.advance(301)

    events = lookup(
        lab,
        world.admin,
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}],
    )["Events"]

    record = json.loads(events[0]["CloudTrailEvent"])
    assert record["responseElements"] == {"ConsoleLogin": outcome}
    assert record["userIdentity"]["userName"] == "alice"


def test_passwords_are_in_no_record(trail: Trail) -> None:
    trail.lab.client("iam", trail.world.admin).create_login_profile(
        UserName="alice", Password="hunter2-hunter2"
    )

    assert "hunter2" not in json.dumps(trail.records())


def test_nothing_is_left_to_arrive_after_a_reset(trail: Trail) -> None:
    trail.lab.client("iam", trail.world.leaked).list_access_keys()

    trail.lab.reseed()
    trail.lab.advance(301)

    assert lookup(trail.lab, trail.lab.world.admin)["Events"] == []
