"""Records are found: in the bucket, exactly once, under digests that hold, and in the history."""

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

from containment.lab.scenario.world import Credentials
from tests.lab.trails import DATA, Trail

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def trail(lab: Lab) -> Trail:
    return Trail(lab)


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
    call("sts", "assume_role", RoleArn=given["role"], RoleSessionName="attacker")
print(json.dumps(seen))
"""


def test_everything_a_client_did_is_found_exactly_once(lab: Lab) -> None:
    trail = Trail(lab, DATA)
    parameters = {
        "client": {
            "endpoint_url": lab.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": lab.world.leaked.access_key_id,
            "aws_secret_access_key": lab.world.leaked.secret_access_key,
        },
        "bucket": lab.world.bucket,
        "role": lab.world.deploy_role,
    }
    completed = subprocess.run(
        [sys.executable, "-c", CLIENT],
        input=json.dumps(parameters),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    observed = dict(json.loads(completed.stdout))

    attacker = [
        record
        for record in trail.records()
        if record["userIdentity"].get("accessKeyId") == lab.world.leaked.access_key_id
    ]

    matches = {record["requestID"]: record.get("errorCode", "") for record in attacker}
    assert len(attacker) == len(matches) == len(observed) == 32
    assert {key: bool(code) for key, code in matches.items()} == {
        key: bool(code) for key, code in observed.items()
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


def lookup(lab: Lab, keys: Credentials, **parameters: Any) -> dict[str, Any]:
    return dict(lab.client("cloudtrail", keys).lookup_events(**parameters))


def test_the_history_answers_one_attribute_a_page_at_a_time(lab: Lab, world: World) -> None:
    for _ in range(60):
        lab.client("iam", world.leaked).list_access_keys()
    lab.advance(301)
    expected = [{"AttributeKey": "AccessKeyId", "AttributeValue": world.leaked.access_key_id}]

    first = lookup(lab, world.admin, LookupAttributes=expected)
    second = lookup(lab, world.admin, LookupAttributes=expected, NextToken=first["NextToken"])

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


@pytest.mark.parametrize(("password", "outcome"), [("Right-100", "Success"), ("wrong", "Failure")])
def test_a_sign_in_to_the_console_is_recorded(
    lab: Lab, world: World, password: str, outcome: str
) -> None:
    lab.client("iam", world.admin).create_login_profile(UserName="alice", Password="Right-100")
    body = {"account": world.account, "user": "alice", "password": password}
    request = urllib.request.Request(f"{lab.endpoint}/_lab/sign-in", data=json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["ConsoleLogin"] == outcome
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
