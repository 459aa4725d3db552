"""The lab's records of refused IAM calls, read as AWS documents them: by botocore alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.aws.faults import code
from containment.lab.scenario.world import Credentials
from containment.lab.state import moto_state
from containment.lab.testing import Lab
from tests.support.meddling import policy
from tests.support.workbench import minted

pytestmark = pytest.mark.lab

_ID = re.compile(r"authorization id: ([0-9a-z]+)$")
_DENY = {"Sid": "Stop", "Effect": "Deny", "Action": "iam:List*", "Resource": "*"}


def error_of(refusal: pytest.ExceptionInfo[ClientError]) -> dict[str, Any]:
    answer: Any = refusal.value.response
    return dict(answer["Error"])


def refused(lab: Lab, credentials: Credentials, operation: str = "list_users") -> str:
    """Make a call of IAM that is refused, and return the id in its message."""
    with pytest.raises(ClientError) as error:
        getattr(lab.client("iam", credentials), operation)()
    assert error_of(error)["Code"] == "AccessDenied"
    match = _ID.search(error_of(error)["Message"])
    assert match is not None, error.value
    return match[1]


def record_of(lab: Lab, authorization_id: str, credentials: Credentials | None = None) -> Any:
    toolbox = lab.client("iam-toolbox", credentials or lab.world.responder)
    answer = toolbox.get_request_authorization_details(authorizationId=authorization_id)
    del answer["ResponseMetadata"]
    return answer


def document_of(lab: Lab, authorization_id: str, uri: str) -> Any:
    toolbox = lab.client("iam-toolbox", lab.world.admin)
    answer = toolbox.get_request_authorization_policy(
        authorizationId=authorization_id, policyUri=uri
    )
    return answer["policyDocument"]


def put(lab: Lab, statement: dict[str, Any], *, user: str = "ci-deploy") -> Any:
    iam = lab.client("iam", lab.world.admin)
    iam.put_user_policy(UserName=user, PolicyName="stop", PolicyDocument=policy(statement))
    return iam


def checks_of(answer: Any) -> dict[str, str]:
    (evaluation,) = answer["evaluations"]
    return {one["checkType"]: one["evaluatedEffect"] for one in evaluation["checks"]}


def test_the_record_names_the_statement_and_keeps_the_document_of_that_moment(
    direct_lab: Lab,
) -> None:
    iam = put(direct_lab, _DENY)
    authorization_id = refused(direct_lab, direct_lab.world.leaked)
    put(direct_lab, _DENY | {"Sid": "Other"})
    iam.delete_user_policy(UserName="ci-deploy", PolicyName="stop")
    direct_lab.advance(10)

    answer = record_of(direct_lab, authorization_id, direct_lab.world.admin)

    (evaluation,) = answer["evaluations"]
    assert (evaluation["action"], evaluation["evaluatedEffect"]) == (
        "iam:ListUsers",
        "EXPLICIT_DENY",
    )
    assert answer["requestContext"]["aws:principalarn"].endswith(":user/ci/ci-deploy")
    (denying,) = [one for one in evaluation["checks"] if one["evaluatedEffect"] == "EXPLICIT_DENY"]
    assert (denying["checkType"], denying["relevantPolicyTypes"]) == (
        "PRINCIPAL",
        ["IDENTITY_BASED_POLICY"],
    )
    matched = {
        statement["sid"]: one["uri"]
        for one in denying["matchedPolicies"]
        for statement in one["matchedStatements"]
        if statement["evaluatedEffect"] == "DENY"
    }
    assert list(matched) == ["Stop"]
    (listed,) = [one for one in answer["policies"] if one["uri"] == matched["Stop"]]
    assert (listed["type"], listed["inline"]) == ("IDENTITY_BASED_POLICY", True)
    assert document_of(direct_lab, authorization_id, matched["Stop"])["Statement"] == [_DENY]


def test_where_nothing_allows_it_the_record_says_implicit_and_names_no_deny(
    direct_lab: Lab,
) -> None:
    authorization_id = refused(direct_lab, direct_lab.world.bystander, "list_groups")
    direct_lab.advance(10)

    answer = record_of(direct_lab, authorization_id, direct_lab.world.admin)

    assert answer["evaluations"][0]["evaluatedEffect"] == "IMPLICIT_DENY"
    assert checks_of(answer)["PRINCIPAL"] == "IMPLICIT_DENY"
    assert "EXPLICIT_DENY" not in checks_of(answer).values()


def test_a_control_policy_shows_as_the_check_of_the_target_that_it_is_attached_to(
    direct_lab: Lab,
) -> None:
    organizations = direct_lab.client("organizations", direct_lab.world.management_admin)
    made = organizations.create_policy(
        Name="stop", Description="", Type="SERVICE_CONTROL_POLICY", Content=policy(_DENY)
    )["Policy"]["PolicySummary"]
    organizations.attach_policy(PolicyId=made["Id"], TargetId="111122223333")
    authorization_id = refused(direct_lab, direct_lab.world.leaked)
    direct_lab.advance(10)

    answer = record_of(direct_lab, authorization_id, direct_lab.world.admin)

    (denying,) = [
        one
        for one in answer["evaluations"][0]["checks"]
        if one["evaluatedEffect"] == "EXPLICIT_DENY"
    ]
    assert denying["checkType"] == "SERVICE_CONTROL_POLICY"
    assert denying["targetArn"].endswith("/111122223333")
    assert [one["uri"] for one in denying["matchedPolicies"]][-1] == made["Arn"]
    document = document_of(direct_lab, authorization_id, made["Arn"])
    assert document == json.loads(policy(_DENY))


def test_a_boundary_that_does_not_allow_is_a_check_of_its_own(direct_lab: Lab) -> None:
    iam = direct_lab.client("iam", direct_lab.world.admin)
    boundary = iam.create_policy(
        PolicyName="narrow",
        PolicyDocument=policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
    )["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ci-deploy", PermissionsBoundary=boundary)
    authorization_id = refused(direct_lab, direct_lab.world.leaked)
    direct_lab.advance(10)

    checks = checks_of(record_of(direct_lab, authorization_id, direct_lab.world.admin))

    assert checks["PERMISSIONS_BOUNDARY"] == "IMPLICIT_DENY"


def test_a_record_comes_after_a_while_is_kept_a_day_and_is_read_where_it_was(
    direct_lab: Lab,
) -> None:
    put(direct_lab, _DENY)
    authorization_id = refused(direct_lab, direct_lab.world.leaked)
    admin = direct_lab.world.admin

    def read(**more: Any) -> str:
        toolbox = direct_lab.client("iam-toolbox", admin, **more)
        try:
            toolbox.get_request_authorization_details(authorizationId=authorization_id)
        except ClientError as error:
            return code(error)
        return ""

    assert read() == "ResourceNotFoundException"
    direct_lab.advance(10)
    assert read() == ""
    assert read(region="eu-west-1") == "ResourceNotFoundException"
    direct_lab.advance(24 * 3600)
    assert read() == "ResourceNotFoundException"


def test_reading_a_record_takes_a_permission_and_a_wellformed_id(direct_lab: Lab) -> None:
    with pytest.raises(ClientError) as error:
        record_of(direct_lab, "4f7kq2m9", direct_lab.world.bystander)
    assert error_of(error)["Code"] == "AccessDeniedException"
    with pytest.raises(ClientError) as error:
        record_of(direct_lab, "UPPER", direct_lab.world.admin)
    assert error_of(error)["Code"] == "ValidationException"


def test_the_trail_keeps_the_id_and_names_whoever_reads_the_record(direct_lab: Lab) -> None:
    put(direct_lab, _DENY)
    authorization_id = refused(direct_lab, direct_lab.world.leaked)
    direct_lab.advance(10)
    record_of(direct_lab, authorization_id, direct_lab.world.admin)
    direct_lab.advance(900)
    moto_state.clock()

    events = direct_lab.client("cloudtrail", direct_lab.world.admin).lookup_events()["Events"]
    records = [json.loads(one["CloudTrailEvent"]) for one in events]

    (denied,) = [one for one in records if one["eventName"] == "ListUsers"]
    assert denied["errorMessage"].endswith(f"authorization id: {authorization_id}")
    (read,) = [one for one in records if one["eventName"] == "GetRequestAuthorizationDetails"]
    assert read["eventSource"] == "iam-toolbox.amazonaws.com"


def test_a_denial_of_another_service_has_no_id(direct_lab: Lab) -> None:
    put(direct_lab, _DENY | {"Action": "s3:*"})
    session = minted(direct_lab, direct_lab.world.leaked)
    with pytest.raises(ClientError) as error:
        direct_lab.client("s3", session).list_buckets()
    assert "authorization id" not in str(error.value)
