"""Simulations of policies: what is decided, by which statement, and within which limits."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from tests.lab.matrix.bench import Bench, Probe, allow, case, deny, policy, refused, table
from tests.lab.matrix.iam_reads import holds, told

Simulated = dict[str, Any]


def _simulate(bench: Bench, arn: str, action: str, **more: Any) -> Simulated:
    found: Simulated = bench.iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=[action], **more
    )["EvaluationResults"][0]
    return found


def _decided(bench: Bench, wanted: str, *statements: dict[str, Any], **more: Any) -> None:
    name, _ = bench.user(*statements)
    said = _simulate(bench, bench.user_arn(name), "iam:ListUsers", **more)
    holds(said["EvalDecision"] == wanted, said)


_CONTEXT = [
    {
        "ContextKeyName": "aws:MultiFactorAuthPresent",
        "ContextKeyType": "boolean",
        "ContextKeyValues": ["true"],
    }
]
_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
_ISSUED = {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}


def _issued(when: str) -> list[dict[str, Any]]:
    return [
        {
            "ContextKeyName": "aws:TokenIssueTime",
            "ContextKeyType": "date",
            "ContextKeyValues": [when],
        }
    ]


table(
    "a simulation says",
    [
        ("allow", "allowed", "allowed", [allow("iam:*")], {}),
        ("allow", "implicitDeny", "implicitDeny", [], {}),
        ("allow", "explicitDeny", "explicitDeny", [allow("*"), deny("iam:*")], {}),
        (
            "allow",
            "allowed with MFA in the context",
            "allowed",
            [allow("*", Condition=_MFA)],
            {"ContextEntries": _CONTEXT},
        ),
        (
            "allow",
            "implicitDeny without MFA in the context",
            "implicitDeny",
            [allow("*", Condition=_MFA)],
            {},
        ),
        (
            "allow",
            "explicitDeny for an old token",
            "explicitDeny",
            [allow("*"), deny("*", Condition=_ISSUED)],
            {"ContextEntries": _issued("2025-06-01T00:00:00Z")},
        ),
        (
            "allow",
            "allowed for a new token",
            "allowed",
            [allow("*"), deny("*", Condition=_ISSUED)],
            {"ContextEntries": _issued("2026-06-01T00:00:00Z")},
        ),
        (
            "allow",
            "explicitDeny of a policy that is put in",
            "explicitDeny",
            [allow("*")],
            {"PolicyInputList": [policy(deny("iam:*"))]},
        ),
        (
            "allow",
            "implicitDeny under a boundary that is put in",
            "implicitDeny",
            [allow("*")],
            {"PermissionsBoundaryPolicyInputList": [policy(allow("s3:*"))]},
        ),
    ],
    lambda bench, wanted, statements, more: lambda: _decided(bench, wanted, *statements, **more),
)


@told("which statement of which policy decided a simulation")
def _matched(bench: Bench) -> None:
    name, _ = bench.user(allow("s3:*", Sid="A"), deny("iam:*", Sid="B"))
    said = _simulate(bench, bench.user_arn(name), "iam:ListUsers")
    matched = said["MatchedStatements"]
    holds(len(matched) == 1, said)
    holds(matched[0]["SourcePolicyType"] == "user", matched)
    holds(matched[0]["SourcePolicyId"] == f"user_{name}_p", matched)
    document = policy(allow("s3:*", Sid="A"), deny("iam:*", Sid="B"))
    start, end = matched[0]["StartPosition"], matched[0]["EndPosition"]
    text = document[start["Column"] - 1 : end["Column"] - 1]
    holds(json.loads(text)["Sid"] == "B", text)


@told("what an organisation's policies say in a simulation")
def _under_scp(bench: Bench) -> None:
    organizations = bench.client("organizations", bench.admin)
    made = organizations.create_policy(
        Content=policy(deny("iam:ListUsers")),
        Name=bench.name("scp"),
        Description="d",
        Type="SERVICE_CONTROL_POLICY",
    )["Policy"]["PolicySummary"]["Id"]
    name, _ = bench.user(allow("*"), iam=bench.member_iam)
    root = organizations.list_roots()["Roots"][0]["Id"]
    with contextlib.suppress(organizations.exceptions.PolicyTypeAlreadyEnabledException):
        organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    organizations.attach_policy(PolicyId=made, TargetId=bench.member)
    try:
        said = bench.member_iam.simulate_principal_policy(
            PolicySourceArn=bench.user_arn(name, bench.member), ActionNames=["iam:ListUsers"]
        )["EvaluationResults"][0]
    finally:
        organizations.detach_policy(PolicyId=made, TargetId=bench.member)
    holds(said["EvalDecision"] == "explicitDeny", said)
    holds(said["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}, said)


@told("what a boundary says in a simulation")
def _under_boundary(bench: Bench) -> None:
    name, _ = bench.user(allow("*"), PermissionsBoundary=bench.managed(allow("s3:*")))
    said = _simulate(bench, bench.user_arn(name), "iam:ListUsers")
    detail = said["PermissionsBoundaryDecisionDetail"]
    holds(detail == {"AllowedByPermissionsBoundary": False}, said)
    holds(said["EvalDecision"] == "implicitDeny", said)


@told("which context a simulation misses")
def _missing(bench: Bench) -> None:
    name, _ = bench.user(allow("*", Condition=_MFA))
    said = _simulate(bench, bench.user_arn(name), "iam:ListUsers")
    holds(said["MissingContextValues"] == ["aws:MultiFactorAuthPresent"], said)


@told("the context keys of a principal's policies")
def _context_keys(bench: Bench) -> None:
    name, _ = bench.user(allow("*", "arn:aws:s3:::${aws:username}/*", Condition=_MFA))
    said = bench.iam.get_context_keys_for_principal_policy(PolicySourceArn=bench.user_arn(name))
    keys = {key.lower() for key in said["ContextKeyNames"]}
    holds(keys == {"aws:multifactorauthpresent", "aws:username"}, said)


@told("of each resource of a simulation what may be done with it")
def _per_resource(bench: Bench) -> None:
    name, _ = bench.user(allow("s3:GetObject", "arn:aws:s3:::a/*"))
    found = bench.iam.simulate_principal_policy(
        PolicySourceArn=bench.user_arn(name),
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::a/x", "arn:aws:s3:::b/x"],
    )["EvaluationResults"]
    said = {(one["EvalActionName"], one["EvalResourceName"]): one["EvalDecision"] for one in found}
    holds(said["s3:GetObject", "arn:aws:s3:::a/x"] == "allowed", said)
    holds(list(said.values()).count("implicitDeny") == 3, said)


@told("of policies alone what they would allow")
def _custom(bench: Bench) -> None:
    found = bench.iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:*"))], ActionNames=["s3:GetObject", "iam:ListUsers"]
    )["EvaluationResults"]
    holds([one["EvalDecision"] for one in found] == ["allowed", "implicitDeny"], found)
    holds(found[0]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1", found)


@case("deny", "AccessDenied")
def simulating_needs_the_permission(bench: Bench) -> Probe:
    name, keys = bench.user(allow("iam:GetUser"))
    return lambda: bench.client("iam", keys).simulate_principal_policy(
        PolicySourceArn=bench.user_arn(name), ActionNames=["s3:GetObject"]
    )


refused(
    "simulating nobody who exists",
    "NoSuchEntity",
    lambda b: _simulate(b, b.user_arn("nobody"), "s3:GetObject"),
)
refused(
    "simulating an action that is none",
    "InvalidInput",
    lambda b: _simulate(b, b.user_arn("admin"), "notanaction"),
)
