"""Credentials of other kinds: for single services, from identity providers; and who used what."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.client import Config
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import allow, policy
from tests.support.api_keys import bears

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab
ISSUER = "token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("service", "secret"),
    [
        ("codecommit.amazonaws.com", "ServicePassword"),
        ("bedrock.amazonaws.com", "ServiceCredentialSecret"),
    ],
)
def test_a_credential_for_one_service_lives_its_life(
    lab: Lab, world: World, service: str, secret: str
) -> None:
    iam = lab.client("iam", world.admin)

    made = iam.create_service_specific_credential(UserName="alice", ServiceName=service)[
        "ServiceSpecificCredential"
    ]
    assert made[secret]
    parameters = {
        "UserName": "alice",
        "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"],
    }
    iam.update_service_specific_credential(Status="Inactive", **parameters)
    listed = iam.list_service_specific_credentials(UserName="alice")["ServiceSpecificCredentials"]
    assert [(one["Status"], secret in one) for one in listed] == [("Inactive", False)]
    again = iam.reset_service_specific_credential(**parameters)["ServiceSpecificCredential"]
    assert again[secret] != made[secret]
    with pytest.raises(ClientError, match="DeleteConflict"):
        iam.delete_user(UserName="alice")
    iam.delete_service_specific_credential(**parameters)
    assert not iam.list_service_specific_credentials(UserName="alice")["ServiceSpecificCredentials"]


def test_an_api_key_is_its_user_for_one_service_while_it_is_active(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    made = iam.create_service_specific_credential(
        UserName="alice", ServiceName="bedrock.amazonaws.com", CredentialAgeDays=1
    )["ServiceSpecificCredential"]
    named = {
        "UserName": "alice",
        "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"],
    }
    secret = made["ServiceCredentialSecret"]

    def may(*actions: str) -> bool:
        document = policy(allow(list(actions)))
        iam.put_user_policy(UserName="alice", PolicyName="models", PolicyDocument=document)
        return bears(lab.endpoint, secret)

    assert not may("bedrock:ListCustomModels")  # and not to bear a token
    assert not may("bedrock:CallWithBearerToken")
    assert may("bedrock:ListCustomModels", "bedrock:CallWithBearerToken")
    assert not bears(lab.endpoint, secret[:-1])
    iam.update_service_specific_credential(Status="Inactive", **named)
    assert not bears(lab.endpoint, secret)
    iam.update_service_specific_credential(Status="Active", **named)
    assert bears(lab.endpoint, secret)
    lab.advance(86400)
    assert not bears(lab.endpoint, secret)  # expired


def test_a_third_credential_for_a_service_is_one_too_many(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    parameters = {"UserName": "alice", "ServiceName": "codecommit.amazonaws.com"}
    iam.create_service_specific_credential(**parameters)
    iam.create_service_specific_credential(**parameters)

    with pytest.raises(ClientError, match="LimitExceeded"):
        iam.create_service_specific_credential(**parameters)


def test_the_services_that_a_principal_used_are_known(lab: Lab, world: World) -> None:
    lab.client("s3", world.leaked).list_objects_v2(Bucket=world.bucket)
    lab.client("sts", world.leaked).get_session_token()
    iam = lab.client("iam", world.admin)

    job = iam.generate_service_last_accessed_details(Arn=world.ci_user)["JobId"]
    details = iam.get_service_last_accessed_details(JobId=job)

    assert details["JobStatus"] == "COMPLETED"
    used = {
        one["ServiceNamespace"]
        for one in details["ServicesLastAccessed"]
        if "LastAuthenticated" in one
    }
    assert used == {"s3", "sts"}


def token(lab: Lab, subject: str, **more: str) -> str:
    expected = {"issuer": f"https://{ISSUER}", "subject": subject, **more}
    request = urllib.request.Request(
        f"{lab.endpoint}/_lab/web-identity", data=json.dumps(expected).encode()
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["token"])


@pytest.fixture
def ci_role(lab: Lab, world: World) -> str:
    iam = lab.client("iam", world.admin)
    provider = iam.create_open_id_connect_provider(
        Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
                "StringLike": {f"{ISSUER}:sub": "repo:example/app:*"},
            },
        }
    )
    role = iam.create_role(RoleName="ci", AssumeRolePolicyDocument=trust)["Role"]
    iam.put_role_policy(
        RoleName="ci", PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    return str(role["Arn"])


def assume(lab: Lab, role: str, web_token: str) -> dict[str, Any]:
    sts = boto3.client(
        "sts",
        endpoint_url=lab.endpoint,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    return dict(
        sts.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="run-7", WebIdentityToken=web_token
        )
    )


def test_a_pipeline_gets_a_session_by_its_token(lab: Lab, world: World, ci_role: str) -> None:
    answer = assume(lab, ci_role, token(lab, "repo:example/app:ref:refs/heads/main"))

    made = answer["Credentials"]
    keys = Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    lab.client("iam", keys).list_users()
    assert answer["SubjectFromWebIdentityToken"] == "repo:example/app:ref:refs/heads/main"
    block = {"StringLike": {"aws:FederatedProvider": f"*:oidc-provider/{ISSUER}"}}
    lab.client("iam", world.admin).put_role_policy(
        RoleName="ci",
        PolicyName="d",
        PolicyDocument=policy(
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": block}
        ),
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        lab.client("iam", keys).list_users()


@pytest.mark.parametrize(
    ("subject", "more", "code"),
    [
        ("repo:other/app:ref:refs/heads/main", {}, "AccessDenied"),
        ("repo:example/app:x", {"audience": "somebody"}, "InvalidIdentityToken"),
        ("repo:example/app:x", {"issuer": "https://elsewhere.example"}, "InvalidIdentityToken"),
    ],
)
def test_a_token_that_does_not_fit_is_refused(
    lab: Lab, ci_role: str, subject: str, more: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        assume(lab, ci_role, token(lab, subject, **more))


def test_a_token_that_was_tampered_with_or_is_over_is_refused(lab: Lab, ci_role: str) -> None:
    good = token(lab, "repo:example/app:x")
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        assume(lab, ci_role, good[:-4] + "AAAA")

    lab.advance(3700)

    with pytest.raises(ClientError, match="ExpiredToken"):
        assume(lab, ci_role, good)
