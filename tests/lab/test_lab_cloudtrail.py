"""CloudTrail as AWS writes it: what is recorded, in which words, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import allow, policy, trust
from tests.lab.trails import DATA, Trail

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


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
        "GetFederationToken": sts.get_federation_token(
            Name="intruder", Policy=policy(allow("s3:*"))
        )["Credentials"],
        "AssumeRole": sts.assume_role(RoleArn=world.deploy_role, RoleSessionName="intruder")[
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
    assert role["principalId"].endswith(":intruder")
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
    matches = [
        r
        for r in with_data.named("GetObject")
        if r["requestParameters"]["key"] == "config/app.json"
    ]

    assert matches[0]["eventCategory"] == "Data"
    assert matches[0]["requestParameters"]["bucketName"] == lab.world.bucket
    assert matches[0]["resources"][0]["ARN"].endswith("config/app.json")


def test_a_write_only_trail_misses_the_whole_tree(lab: Lab) -> None:
    trail = Trail(lab, [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}])
    lab.client("sts", lab.world.leaked).assume_role(
        RoleArn=lab.world.deploy_role, RoleSessionName="intruder"
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
    elsewhere = json.loads(history[0]["CloudTrailEvent"])

    assert here["sharedEventID"] == elsewhere["sharedEventID"]
    assert here["recipientAccountId"] == world.account
    assert elsewhere["recipientAccountId"] == world.management_account
    assert elsewhere["userIdentity"]["type"] == "AWSAccount"
    assert here["eventID"] != elsewhere["eventID"]
