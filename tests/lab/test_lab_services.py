"""What services do for a caller and by themselves, and whose log tells of it."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import allow, policy
from tests.lab.trails import DATA, Trail

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def post(lab: Lab, name: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(f"{lab.endpoint}/_lab/{name}", data=json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return dict(json.load(answer))


def encrypted(lab: Lab) -> str:
    """Put an object under a key of the account's own, and return the key."""
    key = lab.client("kms", lab.world.admin).create_key()["KeyMetadata"]["Arn"]
    lab.client("s3", lab.world.admin).put_object(
        Bucket=lab.world.bucket,
        Key="sealed",
        Body=b"x",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key,
    )
    return str(key)


def test_a_service_asks_kms_for_the_caller_under_a_key_nobody_was_issued(lab: Lab) -> None:
    key = encrypted(lab)
    trail, world = Trail(lab), lab.world
    lab.client("iam", world.admin).put_user_policy(
        UserName="ci-deploy", PolicyName="k", PolicyDocument=policy(allow("kms:Decrypt", key))
    )
    lab.client("s3", world.leaked).get_object(Bucket=world.bucket, Key="sealed")

    records = trail.records()

    record = next(r for r in records if r["eventName"] == "Decrypt")
    identity = record["userIdentity"]
    assert (identity["type"], identity["arn"]) == ("IAMUser", world.ci_user)
    assert (identity["invokedBy"], record["sourceIPAddress"]) == ("s3.amazonaws.com",) * 2
    assert identity["accessKeyId"].startswith("ASIA")
    assert identity["sessionContext"]["attributes"] == {
        "creationDate": record["eventTime"],
        "mfaAuthenticated": "false",
    }
    context = record["requestParameters"]["encryptionContext"]
    assert context == {"aws:s3:arn": f"arn:aws:s3:::{world.bucket}/sealed"}
    assert record["resources"][0]["ARN"] == key
    assert identity["accessKeyId"] not in json.dumps(
        [r.get("responseElements") for r in records]
    ), "nobody was issued that key"


def test_a_service_can_do_no_more_than_the_caller(lab: Lab) -> None:
    encrypted(lab)

    with pytest.raises(ClientError, match="kms:Decrypt"):
        lab.client("s3", lab.world.leaked).get_object(Bucket=lab.world.bucket, Key="sealed")

    plain = lab.client("s3", lab.world.leaked).get_object(
        Bucket=lab.world.bucket, Key="config/app.json"
    )
    assert plain["Body"].read()


@pytest.mark.parametrize(
    ("service", "lets"), [("s3.us-east-1.amazonaws.com", True), ("sqs.amazonaws.com", False)]
)
def test_a_key_can_be_bound_to_the_service_it_is_used_through(
    lab: Lab, service: str, *, lets: bool
) -> None:
    key, world = encrypted(lab), lab.world
    block = {"StringEquals": {"kms:ViaService": service}, "Bool": {"aws:ViaAWSService": "true"}}
    lab.client("iam", world.admin).put_user_policy(
        UserName="ci-deploy",
        PolicyName="k",
        PolicyDocument=policy(allow("kms:Decrypt", key, Condition=block)),
    )
    s3 = lab.client("s3", world.leaked)

    if lets:
        assert s3.get_object(Bucket=world.bucket, Key="sealed")["Body"].read() == b"x"
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=world.bucket, Key="sealed")


def test_reading_a_secret_makes_its_service_decrypt(lab: Lab) -> None:
    trail = Trail(lab)
    secrets_client = lab.client("secretsmanager", lab.world.admin)
    arn = secrets_client.create_secret(Name="db", SecretString="x")["ARN"]
    secrets_client.get_secret_value(SecretId="db")

    record = trail.named("Decrypt")[0]

    assert record["userIdentity"]["invokedBy"] == "secretsmanager.amazonaws.com"
    assert record["requestParameters"]["encryptionContext"] == {"SecretARN": arn}


def test_the_owner_of_a_bucket_has_a_copy_of_what_others_read(lab: Lab) -> None:
    trail, world = Trail(lab, DATA), lab.world
    organisation_admin = lab.client("iam", world.management_admin)
    organisation_admin.get_user(UserName="org-admin")
    document = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{world.management_account}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{world.bucket}/*",
    }
    lab.client("s3", world.admin).put_bucket_policy(Bucket=world.bucket, Policy=policy(document))
    lab.client("s3", world.management_admin).get_object(Bucket=world.bucket, Key="config/app.json")

    matches = [
        r for r in trail.named("GetObject") if r["requestParameters"]["key"] == "config/app.json"
    ]

    assert len(matches) == 1, "the trail is the owner's, and the reader's copy is elsewhere"
    copy = matches[0]
    assert copy["recipientAccountId"] == world.account
    assert copy["sharedEventID"]
    assert copy["userIdentity"]["type"] == "AWSAccount"
    assert copy["userIdentity"]["accountId"] == world.management_account
    assert "arn" not in copy["userIdentity"]


def test_the_owner_of_a_bucket_learns_nothing_of_refused_strangers(lab: Lab) -> None:
    trail, world = Trail(lab, DATA), lab.world
    with pytest.raises(ClientError, match="AccessDenied"):
        lab.client("s3", world.management_admin).get_object(
            Bucket=world.bucket, Key="config/app.json"
        )

    assert [r for r in trail.named("GetObject") if r.get("errorCode")] == []


@pytest.mark.parametrize(
    ("which", "kind", "service"),
    [
        ("instance", "AWS::EC2::Instance", "ec2.amazonaws.com"),
        ("function", "AWS::Lambda::Function", "lambda.amazonaws.com"),
    ],
)
def test_credentials_of_machines_are_known_by_what_they_were_given_to(
    served: Lab, which: str, kind: str, service: str
) -> None:
    world = post(served, "seed", {"world": "organisation", "principals": 0})
    parameters = world["organisation"][f"{which}_session"]
    keys = Credentials(
        parameters["access_key_id"], parameters["secret_access_key"], parameters["session_token"]
    )
    served.client("sts", keys).get_caller_identity()
    served.advance(301)
    admin = Credentials(world["admin"]["access_key_id"], world["admin"]["secret_access_key"])
    events = [
        json.loads(event["CloudTrailEvent"])
        for event in served.client("cloudtrail", admin).lookup_events()["Events"]
    ]

    used = next(e for e in events if e["eventName"] == "GetCallerIdentity")
    scope = used["userIdentity"]["inScopeOf"]
    assert scope["issuerType"] == kind
    assert which in scope["credentialsIssuedTo"]
    issued = next(
        e
        for e in events
        if e["eventName"] == "AssumeRole"
        and e["responseElements"]["credentials"]["accessKeyId"] == parameters["access_key_id"]
    )
    assert issued["userIdentity"] == {"type": "AWSService", "invokedBy": service}
    assert (
        used["userIdentity"]["sessionContext"]["attributes"]["creationDate"] == issued["eventTime"]
    )


def test_calls_are_recorded_while_enforcement_is_off(served: Lab) -> None:
    served.reset()
    root = Credentials("test", "test")
    served.client("iam", root).create_user(UserName="early")
    served.advance(301)

    events = served.client("cloudtrail", root).lookup_events()["Events"]

    record = json.loads(
        next(e for e in events if e["EventName"] == "CreateUser")["CloudTrailEvent"]
    )
    assert record["userIdentity"]["type"] == "Root"
    assert record["requestParameters"] == {"userName": "early"}


def test_a_sign_in_gives_a_session_that_is_known_to_be_the_consoles(lab: Lab) -> None:
    trail, world = Trail(lab), lab.world
    iam = lab.client("iam", world.admin)
    iam.create_login_profile(UserName="alice", Password="Right-100")
    iam.put_user_policy(
        UserName="alice", PolicyName="i", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    parameters = post(
        lab, "sign-in", {"account": world.account, "user": "alice", "password": "Right-100"}
    )["credentials"]
    keys = Credentials(
        parameters["access_key_id"], parameters["secret_access_key"], parameters["session_token"]
    )
    lab.client("iam", keys).list_users()

    records = trail.records()

    signed_in = next(r for r in records if r["eventName"] == "ConsoleLogin")
    used = next(r for r in records if r["eventName"] == "ListUsers")
    assert used["sessionCredentialFromConsole"] == "true"
    assert used["userIdentity"]["arn"] == world.bystander_user == signed_in["userIdentity"]["arn"]
    created = used["userIdentity"]["sessionContext"]["attributes"]["creationDate"]
    assert created == signed_in["eventTime"]


def test_the_name_of_nobody_is_hidden_in_a_failed_sign_in(lab: Lab) -> None:
    trail, account = Trail(lab), lab.world.account
    answer = post(lab, "sign-in", {"account": account, "user": "hunter2", "password": "x"})

    record = trail.named("ConsoleLogin")[0]

    assert answer == {"ConsoleLogin": "Failure"}
    assert record["userIdentity"]["userName"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert record["errorMessage"] == "No username found in supplied account"
