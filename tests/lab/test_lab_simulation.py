"""Policy simulation gives the evaluator's answer, with the statements that decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.matrix.bench import allow, deny, policy

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def simulate(lab: Lab, world: World, arn: str, *actions: str, **more: Any) -> list[dict[str, Any]]:
    iam = lab.client("iam", world.admin)
    answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)
    return list(answer["EvaluationResults"])


def test_a_user_is_allowed_denied_and_not_allowed(lab: Lab, world: World) -> None:
    lab.client("iam", world.admin).put_user_policy(
        UserName="ci-deploy", PolicyName="d", PolicyDocument=policy(deny("s3:PutObject"))
    )

    results = simulate(
        lab,
        world,
        world.ci_user,
        "s3:GetObject",
        "s3:PutObject",
        "ec2:RunInstances",
        ResourceArns=[f"arn:aws:s3:::{world.bucket}/k"],
    )

    decisions = [result["EvalDecision"] for result in results]
    assert decisions == ["allowed", "explicitDeny", "implicitDeny"]
    assert results[0]["MatchedStatements"][0]["SourcePolicyId"] == "user_ci-deploy_pipeline"
    assert results[1]["MatchedStatements"][0]["SourcePolicyId"] == "user_ci-deploy_d"
    assert results[0]["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}


@pytest.mark.parametrize(
    ("issued", "decision"),
    [("2026-01-01T00:00:00Z", "explicitDeny"), ("2026-12-31T00:00:00Z", "allowed")],
)
def test_a_token_time_can_be_tried_on_both_sides(
    lab: Lab, world: World, issued: str, decision: str
) -> None:
    block = {"DateLessThan": {"aws:TokenIssueTime": "2026-06-01T00:00:00Z"}}
    lab.client("iam", world.admin).put_role_policy(
        RoleName="app", PolicyName="revoke", PolicyDocument=policy(deny("*", Condition=block))
    )

    result = simulate(
        lab,
        world,
        world.app_role,
        "s3:GetObject",
        ResourceArns=[f"arn:aws:s3:::{world.bucket}/k"],
        ContextEntries=[
            {
                "ContextKeyName": "aws:TokenIssueTime",
                "ContextKeyType": "date",
                "ContextKeyValues": [issued],
            }
        ],
    )[0]

    assert result["EvalDecision"] == decision
    assert result["MissingContextValues"] == []


def test_missing_context_is_named(lab: Lab, world: World) -> None:
    block = {"DateLessThan": {"aws:TokenIssueTime": "2026-06-01T00:00:00Z"}}
    document = policy(allow("*"), deny("*", Condition=block))

    result = lab.client("iam", world.admin).simulate_custom_policy(
        PolicyInputList=[document], ActionNames=["s3:GetObject"]
    )["EvaluationResults"][0]

    assert result["EvalDecision"] == "allowed"
    assert result["MissingContextValues"] == ["aws:TokenIssueTime"]


def test_a_boundary_and_a_control_policy_count(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    arn = iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("iam:*")))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)
    organizations = lab.client("organizations", world.management_admin)
    guard = organizations.create_policy(
        Name="g",
        Description="d",
        Type="SERVICE_CONTROL_POLICY",
        Content=policy(deny("s3:GetObject")),
    )["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=guard, TargetId=world.account)

    result = simulate(
        lab,
        world,
        world.bystander_user,
        "s3:GetObject",
        ResourceArns=[f"arn:aws:s3:::{world.bucket}/k"],
    )[0]

    assert result["EvalDecision"] == "explicitDeny"
    assert result["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


def test_a_matched_statement_is_found_in_its_text(lab: Lab, world: World) -> None:
    document = policy(allow("s3:GetObject"), allow("s3:*"))

    result = lab.client("iam", world.admin).simulate_custom_policy(
        PolicyInputList=[document], ActionNames=["s3:PutObject"]
    )["EvaluationResults"][0]

    statement = result["MatchedStatements"][0]
    start, end = statement["StartPosition"]["Column"] - 1, statement["EndPosition"]["Column"] - 1
    assert '"s3:*"' in document[start:end]
    assert '"s3:GetObject"' not in document[start:end]


def test_context_keys_are_listed(lab: Lab, world: World) -> None:
    document = policy(
        allow(
            "s3:*",
            "arn:aws:s3:::${aws:username}/*",
            Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        )
    )

    answer = lab.client("iam", world.admin).get_context_keys_for_custom_policy(
        PolicyInputList=[document]
    )

    assert set(answer["ContextKeyNames"]) == {"aws:MultiFactorAuthPresent", "aws:username"}


OWN = {"PolicyName": "d", "AttachmentType": "user", "AttachmentName": "ci-deploy"}


@pytest.mark.parametrize(
    ("exclusion", "decision"),
    [
        ({"InlinePolicyIdentifier": OWN}, "allowed"),
        ({"InlinePolicyIdentifier": {**OWN, "AttachmentName": "alice"}}, "explicitDeny"),
        ({"InlinePolicyIdentifier": {**OWN, "AttachmentType": "role"}}, "explicitDeny"),
        ({"PolicyType": "inline"}, "implicitDeny"),
        ({"PolicyType": "scp"}, "explicitDeny"),
        ({"PolicyArn": "arn:aws:iam::aws:policy/Nobody*"}, "explicitDeny"),
    ],
)
def test_policies_are_left_out_by_type_arn_or_inline_name(
    lab: Lab, world: World, exclusion: dict[str, Any], decision: str
) -> None:
    lab.client("iam", world.admin).put_user_policy(
        UserName="ci-deploy", PolicyName="d", PolicyDocument=policy(deny("s3:PutObject"))
    )

    (result,) = simulate(
        lab,
        world,
        world.ci_user,
        "s3:PutObject",
        ResourceArns=[f"arn:aws:s3:::{world.bucket}/k"],
        PolicyExclusionList=[exclusion],
    )

    assert result["EvalDecision"] == decision


def test_managed_policies_boundary_and_control_policies_are_left_out(
    lab: Lab, world: World
) -> None:
    iam = lab.client("iam", world.admin)
    deny_all = "arn:aws:iam::aws:policy/AWSDenyAll"
    iam.attach_user_policy(UserName="ci-deploy", PolicyArn=deny_all)
    iam.put_user_permissions_boundary(UserName="ci-deploy", PermissionsBoundary=deny_all)
    organizations = lab.client("organizations", world.management_admin)
    made = organizations.create_policy(
        Content=policy(deny("s3:*")), Description="d", Name="d", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]
    organizations.attach_policy(PolicyId=made["Id"], TargetId=world.account)
    exclusions = [
        {"PolicyArn": "arn:aws:iam::aws:policy/AWSDeny*"},
        {"PolicyType": "permission-boundary"},
        {"PolicyType": "scp"},
    ]

    def decide(*left_out: dict[str, str]) -> str:
        (result,) = simulate(
            lab, world, world.ci_user, "s3:ListAllMyBuckets", PolicyExclusionList=list(left_out)
        )
        return str(result["EvalDecision"])

    assert decide(*exclusions) == "allowed"
    for number in range(len(exclusions)):
        assert decide(*exclusions[:number], *exclusions[number + 1 :]) == "explicitDeny"
