"""Simulations of policies: what is decided, by which statement, and within which limits."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from tests.lab.matrix.bench import Bench, Probe, allow, case, deny, policy, refused, table
from tests.lab.matrix.iam_reads import answers, holds

Simulated = dict[str, Any]


def _simulate(bench: Bench, arn: str, action: str, **more: Any) -> Simulated:
    matches: Simulated = bench.iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=[action], **more
    )["EvaluationResults"][0]
    return matches


def _decided(bench: Bench, expected: str, *statements: dict[str, Any], **more: Any) -> None:
    name, _ = bench.user(*statements)
    answer = _simulate(bench, bench.user_arn(name), "iam:ListUsers", **more)
    holds(answer["EvalDecision"] == expected, answer)


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
    lambda bench, expected, statements, more: (
        lambda: _decided(bench, expected, *statements, **more)
    ),
)


@answers("which statement of which policy decided a simulation")
def _matched(bench: Bench) -> None:
    name, _ = bench.user(allow("s3:*", Sid="A"), deny("iam:*", Sid="B"))
    answer = _simulate(bench, bench.user_arn(name), "iam:ListUsers")
    matched = answer["MatchedStatements"]
    holds(len(matched) == 1, answer)
    holds(matched[0]["SourcePolicyType"] == "user", matched)
    holds(matched[0]["SourcePolicyId"] == f"user_{name}_p", matched)
    document = policy(allow("s3:*", Sid="A"), deny("iam:*", Sid="B"))
    start, end = matched[0]["StartPosition"], matched[0]["EndPosition"]
    text = document[start["Column"] - 1 : end["Column"] - 1]
    holds(json.loads(text)["Sid"] == "B", text)


@answers("what an organisation's policies say in a simulation")
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
        answer = bench.member_iam.simulate_principal_policy(
            PolicySourceArn=bench.user_arn(name, bench.member), ActionNames=["iam:ListUsers"]
        )["EvaluationResults"][0]
    finally:
        organizations.detach_policy(PolicyId=made, TargetId=bench.member)
    holds(answer["EvalDecision"] == "explicitDeny", answer)
    holds(answer["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}, answer)


@answers("what a boundary says in a simulation")
def _under_boundary(bench: Bench) -> None:
    name, _ = bench.user(allow("*"), PermissionsBoundary=bench.managed(allow("s3:*")))
    answer = _simulate(bench, bench.user_arn(name), "iam:ListUsers")
    detail = answer["PermissionsBoundaryDecisionDetail"]
    holds(detail == {"AllowedByPermissionsBoundary": False}, answer)
    holds(answer["EvalDecision"] == "implicitDeny", answer)


@answers("which context a simulation misses")
def _missing(bench: Bench) -> None:
    name, _ = bench.user(allow("*", Condition=_MFA))
    answer = _simulate(bench, bench.user_arn(name), "iam:ListUsers")
    holds(answer["MissingContextValues"] == ["aws:MultiFactorAuthPresent"], answer)


@answers("the context keys of a principal's policies")
def _context_keys(bench: Bench) -> None:
    name, _ = bench.user(allow("*", "arn:aws:s3:::${aws:username}/*", Condition=_MFA))
    answer = bench.iam.get_context_keys_for_principal_policy(PolicySourceArn=bench.user_arn(name))
    keys = {key.lower() for key in answer["ContextKeyNames"]}
    holds(keys == {"aws:multifactorauthpresent", "aws:username"}, answer)


@answers("of each resource of a simulation what may be done with it")
def _per_resource(bench: Bench) -> None:
    name, _ = bench.user(allow("s3:GetObject", "arn:aws:s3:::a/*"))
    matches = bench.iam.simulate_principal_policy(
        PolicySourceArn=bench.user_arn(name),
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::a/x", "arn:aws:s3:::b/x"],
    )["EvaluationResults"]
    answer = {
        (one["EvalActionName"], one["EvalResourceName"]): one["EvalDecision"] for one in matches
    }
    holds(answer["s3:GetObject", "arn:aws:s3:::a/x"] == "allowed", answer)
    holds(list(answer.values()).count("implicitDeny") == 3, answer)


@answers("of policies alone what they would allow")
def _custom(bench: Bench) -> None:
    matches = bench.iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:*"))], ActionNames=["s3:GetObject", "iam:ListUsers"]
    )["EvaluationResults"]
    holds([one["EvalDecision"] for one in matches] == ["allowed", "implicitDeny"], matches)
    holds(matches[0]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1", matches)


def _custom_under(bench: Bench, *levels: list[str], action: str = "iam:ListUsers") -> Simulated:
    answer: Simulated = bench.iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("*"))],
        OrderedOrganizationPolicyInputList=[
            {"ServiceControlPolicyInputList": level} for level in levels
        ],
        ActionNames=[action],
        ContextEntries=[
            {
                "ContextKeyName": "aws:PrincipalArn",
                "ContextKeyType": "string",
                "ContextKeyValues": ["arn:aws:iam::111122223333:role/BreakGlass"],
            }
        ],
    )["EvaluationResults"][0]
    return answer


_FULL = policy(allow("*"))
_BUT_FOR = "arn:aws:iam::111122223333:role/BreakGlass"


def _spares(arn: str) -> str:
    return policy(deny("*", Condition={"StringNotEquals": {"aws:PrincipalArn": arn}}))


table(
    "a simulation with control policies put in",
    [
        ("allow", "is allowed where every level allows", "allowed", [[_FULL], [_FULL]], True),
        (
            "allow",
            "is denied by a deny on the last level",
            "explicitDeny",
            [[_FULL], [_FULL, policy(deny("iam:*"))]],
            False,
        ),
        (
            "allow",
            "is denied by a deny on the first level",
            "explicitDeny",
            [[_FULL, policy(deny("iam:*"))], [_FULL]],
            False,
        ),
        (
            "allow",
            "is not allowed where one level does not",
            "implicitDeny",
            [[_FULL], [policy(allow("s3:*"))]],
            False,
        ),
        (
            "allow",
            "is allowed to whom a condition spares",
            "allowed",
            [[_FULL, _spares(_BUT_FOR)]],
            True,
        ),
        (
            "allow",
            "is denied to whom a condition does not spare",
            "explicitDeny",
            [[_FULL, _spares(_BUT_FOR + "2")]],
            False,
        ),
    ],
    lambda bench, expected, levels, allowed: (
        lambda: _decided_under(bench, expected, levels, allowed=allowed)
    ),
)


def _decided_under(bench: Bench, expected: str, levels: list[list[str]], *, allowed: bool) -> None:
    answer = _custom_under(bench, *levels)
    holds(answer["EvalDecision"] == expected, answer)
    detail = answer["OrganizationsDecisionDetail"]
    holds(detail == {"AllowedByOrganizations": allowed}, answer)


refused(
    "a simulation with a control policy that is none",
    "InvalidInput",
    lambda bench: _custom_under(bench, ["{}"]),
)


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
