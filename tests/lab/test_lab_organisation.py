"""The seeded organisation: accounts in units, machines with sessions, doors between accounts."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import allow, deny, policy

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def built(served: Lab) -> dict[str, Any]:
    return seed(served, principals=40)


def seed(served: Lab, **parameters: int) -> dict[str, Any]:
    body = json.dumps({"world": "organisation", **parameters}).encode()
    with urllib.request.urlopen(f"{served.endpoint}/_lab/seed", data=body) as answer:
        return dict(json.load(answer))


def keys(raw: dict[str, str]) -> Credentials:
    return Credentials(**raw)


def test_the_accounts_stand_in_their_units(served: Lab, built: dict[str, Any]) -> None:
    organizations = served.client("organizations", keys(built["management_admin"]))
    assert len(organizations.list_accounts()["Accounts"]) == 6
    parents = organizations.list_parents(ChildId=built["account"])["Parents"]
    unit = organizations.describe_organizational_unit(OrganizationalUnitId=parents[0]["Id"])

    assert unit["OrganizationalUnit"]["Name"] == "Production"
    assert parents[0]["Type"] == "ORGANIZATIONAL_UNIT"


def test_an_instance_is_known_by_its_session(served: Lab, built: dict[str, Any]) -> None:
    here = built["organisation"]
    session = keys(here["instance_session"])
    s3 = served.client("s3", session)
    s3.list_objects_v2(Bucket=built["bucket"])
    arn = f"arn:aws:ec2:us-east-1:{built['account']}:instance/{here['instance_id']}"
    block = {"ArnEquals": {"ec2:SourceInstanceARN": arn}}

    served.client("iam", keys(built["admin"])).put_role_policy(
        RoleName="web-instance", PolicyName="d", PolicyDocument=policy(deny("*", Condition=block))
    )

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=built["bucket"])
    assert served.client("sts", session).get_caller_identity()["Arn"].endswith(here["instance_id"])
    served.client("s3", keys(built["app_session"])).list_objects_v2(Bucket=built["bucket"])


def test_the_auditor_reads_every_account_and_changes_none(
    served: Lab, built: dict[str, Any]
) -> None:
    sts = served.client("sts", keys(built["organisation"]["auditor"]))
    for role in built["organisation"]["audit_roles"]:
        made = sts.assume_role(RoleArn=role, RoleSessionName="audit")["Credentials"]
        session = Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        served.client("iam", session).list_users()
        with pytest.raises(ClientError, match="AccessDenied"):
            served.client("iam", session).create_user(UserName="x")
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=built["break_glass_role"], RoleSessionName="audit")


def test_a_guard_on_a_unit_stops_its_accounts_alone(served: Lab, built: dict[str, Any]) -> None:
    organizations = served.client("organizations", keys(built["management_admin"]))
    guard = organizations.create_policy(
        Name="guard", Description="d", Type="SERVICE_CONTROL_POLICY", Content=policy(deny("iam:*"))
    )["Policy"]["PolicySummary"]["Id"]
    unit = organizations.list_parents(ChildId=built["account"])["Parents"][0]["Id"]
    organizations.attach_policy(PolicyId=guard, TargetId=unit)

    with pytest.raises(ClientError, match="explicit deny in a service control policy"):
        served.client("iam", keys(built["admin"])).list_users()

    served.client("iam", keys(built["organisation"]["admins"]["staging"])).list_users()
    served.client("iam", keys(built["management_admin"])).list_users()


def test_two_hundred_principals_are_seeded(served: Lab) -> None:
    built = seed(served, principals=200, seed=7)

    counts = 0
    for admin in built["organisation"]["admins"].values():
        summary = served.client("iam", keys(admin)).get_account_summary()["SummaryMap"]
        counts += summary["Users"] + summary["Roles"]
    assert counts > 200


def test_the_crowd_may_work_and_no_more(served: Lab, built: dict[str, Any]) -> None:
    iam = served.client("iam", keys(built["organisation"]["admins"]["staging"]))
    name = next(u["UserName"] for u in iam.list_users()["Users"] if u["Path"] != "/admin/")
    made = iam.create_access_key(UserName=name)["AccessKey"]
    worker = Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    with pytest.raises(ClientError, match="AccessDenied"):
        served.client("iam", worker).put_user_policy(
            UserName=name, PolicyName="x", PolicyDocument=policy(allow("*"))
        )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (policy(deny("s3:*", ["arn:aws:s3:::" + "x" * 10_300])), "ConstraintViolationException"),
        ("{", "MalformedPolicyDocumentException"),
        ('{"Version": "2012-10-17"}', "MalformedPolicyDocumentException"),
    ],
)
def test_a_control_policy_that_does_not_fit_is_refused(
    served: Lab, built: dict[str, Any], content: str, code: str
) -> None:
    organizations = served.client("organizations", keys(built["management_admin"]))

    with pytest.raises(ClientError, match=code):
        organizations.create_policy(
            Name="g", Description="d", Type="SERVICE_CONTROL_POLICY", Content=content
        )


def test_a_target_takes_ten_control_policies_and_keeps_one(
    served: Lab, built: dict[str, Any]
) -> None:
    organizations = served.client("organizations", keys(built["management_admin"]))
    made = [
        organizations.create_policy(
            Name=f"g{number}",
            Description="d",
            Type="SERVICE_CONTROL_POLICY",
            Content=policy(allow("*")),
        )["Policy"]["PolicySummary"]["Id"]
        for number in range(10)
    ]
    for one in made[:9]:
        organizations.attach_policy(PolicyId=one, TargetId=built["account"])
    with pytest.raises(ClientError, match="DuplicatePolicyAttachment"):
        organizations.attach_policy(PolicyId=made[0], TargetId=built["account"])
    with pytest.raises(ClientError, match="ConstraintViolation"):
        organizations.attach_policy(PolicyId=made[9], TargetId=built["account"])

    for one in made[:9]:
        organizations.detach_policy(PolicyId=one, TargetId=built["account"])
    with pytest.raises(ClientError, match="ConstraintViolation"):
        organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=built["account"])
