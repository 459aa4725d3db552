"""Signing in by SAML: the lab's own directory, the session, and what the log says of both."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import allow, policy
from tests.lab.trails import Trail

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def control(lab: Lab, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{lab.endpoint}/_lab/saml", data=data) as answer:
        return dict(json.load(answer))


@pytest.fixture
def trail(lab: Lab) -> Trail:
    return Trail(lab)


@pytest.fixture
def directory(trail: Trail) -> tuple[str, str]:
    """Make the lab's own identity provider known to the account, and a role that trusts it."""
    iam = trail.lab.client("iam", trail.world.admin)
    provider = iam.create_saml_provider(
        Name="directory", SAMLMetadataDocument=control(trail.lab)["metadata"]
    )["SAMLProviderArn"]
    trusting = policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
        }
    )
    role = iam.create_role(RoleName="analyst", AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="analyst", PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    return provider, role


def sign_in(lab: Lab, provider: str, role: str) -> dict[str, Any]:
    assertion = control(
        lab,
        {
            "subject": "alice@example.com",
            "attributes": {
                "Role": f"{role},{provider}",
                "RoleSessionName": "alice",
                "SourceIdentity": "alice",
                "PrincipalTag:CostCenter": "42",
                "TransitiveTagKeys": ["CostCenter"],
            },
        },
    )["assertion"]
    sts = boto3.client(
        "sts",
        endpoint_url=lab.endpoint,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    return dict(
        sts.assume_role_with_saml(RoleArn=role, PrincipalArn=provider, SAMLAssertion=assertion)
    )


def test_the_answer_says_who_signed_in_where(trail: Trail, directory: tuple[str, str]) -> None:
    answer = sign_in(trail.lab, *directory)

    assert answer["Subject"] == "alice@example.com"
    assert answer["SubjectType"] == "persistent"
    assert answer["Issuer"] == control(trail.lab)["issuer"]
    assert answer["Audience"] == "https://signin.aws.amazon.com/saml"
    assert answer["SourceIdentity"] == "alice"
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/analyst/alice")


def test_a_sign_in_by_saml_is_recorded_as_aws_writes_it(
    trail: Trail, directory: tuple[str, str]
) -> None:
    provider, role = directory
    answer = sign_in(trail.lab, provider, role)
    made = answer["Credentials"]
    keys = Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    trail.lab.client("iam", keys).list_users()

    records = trail.records()

    record = next(r for r in records if r["eventName"] == "AssumeRoleWithSAML")
    assert record["userIdentity"] == {
        "type": "SAMLUser",
        "principalId": f"{answer['NameQualifier']}:alice@example.com",
        "userName": "alice@example.com",
        "identityProvider": answer["NameQualifier"],
    }
    parameters = record["requestParameters"]
    assert parameters.pop("sAMLAssertionID").startswith("_")
    assert parameters == {
        "roleArn": role,
        "principalArn": provider,
        "roleSessionName": "alice",
        "sourceIdentity": "alice",
        "principalTags": {"CostCenter": "42"},
        "transitiveTagKeys": ["CostCenter"],
    }
    shown = record["responseElements"]
    assert shown["credentials"]["accessKeyId"] == made["AccessKeyId"]
    assert shown["nameQualifier"] == answer["NameQualifier"]
    assert record["resources"][0]["ARN"] == role
    used = next(r for r in records if r["eventName"] == "ListUsers")["userIdentity"]
    assert (used["type"], used["accessKeyId"]) == ("AssumedRole", made["AccessKeyId"])
    assert used["sessionContext"]["sourceIdentity"] == "alice"


def test_a_provider_is_recorded_in_cloudtrails_own_spelling(
    trail: Trail, directory: tuple[str, str]
) -> None:
    record = trail.named("CreateSAMLProvider")[0]

    assert record["responseElements"]["sAMLProviderArn"] == directory[0]
    assert "sAMLMetadataDocument" in record["requestParameters"]


def test_a_provider_has_tags_and_other_metadata(trail: Trail, directory: tuple[str, str]) -> None:
    iam, provider = trail.lab.client("iam", trail.world.admin), directory[0]

    iam.tag_saml_provider(SAMLProviderArn=provider, Tags=[{"Key": "Team", "Value": "a"}])
    assert iam.list_saml_provider_tags(SAMLProviderArn=provider)["Tags"] == [
        {"Key": "Team", "Value": "a"}
    ]
    iam.untag_saml_provider(SAMLProviderArn=provider, TagKeys=["team"])
    assert iam.get_saml_provider(SAMLProviderArn=provider)["Tags"] == []
    iam.delete_saml_provider(SAMLProviderArn=provider)
    assert iam.list_saml_providers()["SAMLProviderList"] == []


def test_the_organisation_has_somebody_who_signs_in_by_saml(served: Lab) -> None:
    with urllib.request.urlopen(
        f"{served.endpoint}/_lab/seed", data=b'{"world": "organisation", "principals": 0}'
    ) as answer:
        organisation = json.load(answer)["organisation"]

    made = sign_in(served, organisation["saml_provider"], organisation["saml_role"])

    assert made["AssumedRoleUser"]["Arn"].endswith(":assumed-role/analyst/alice")
