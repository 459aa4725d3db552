"""Which guard an incident begins with: ``freeze`` where the principal may change identities.

Whoever may strip a deny, or make a principal that no deny names, keeps the account against every
containment inside it. A key of one's own is no such thing: it is made Inactive with the others.

Source: IAM API Reference, SimulatePrincipalPolicy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain
from containment.spec import GuardMode

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

    from containment.identities import Principal

# Any of these is enough to undo a containment, or to come back as somebody else.
_CHANGES = (
    "iam:AddUserToGroup",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:DeleteRolePolicy",
    "iam:DeleteUserPolicy",
    "iam:DetachRolePolicy",
    "iam:DetachUserPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
)
_ON_ONESELF = frozenset({"iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"})
_SHOWN = 3


def guard_for(iam: IAMClient, principal: Principal) -> tuple[GuardMode, str]:
    """Return the guard to begin with for *principal*, and why, for people.

    It is off where the simulation cannot be made: then nobody knows, and that is said.
    """
    try:
        allowed = sorted(_allowed(iam, principal))
    except (ClientError, BotoCoreError) as error:
        return GuardMode.OFF, (
            f"guard: off, for whether {principal.name} may change identities could not be"
            f" simulated ({explain('simulating', error).message}); if it may, write 'freeze'"
        )
    if not allowed:
        return GuardMode.OFF, (
            f"guard: off, for in a simulation {principal.name} may change no identity but its own"
            " keys"
        )
    more = f" and {len(allowed) - _SHOWN} more" if len(allowed) > _SHOWN else ""
    return GuardMode.FREEZE, (
        f"guard: freeze, for {principal.name} may call {', '.join(allowed[:_SHOWN])}{more}, and"
        " would strip every deny inside the account"
    )


def _allowed(iam: IAMClient, principal: Principal) -> set[str]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal.arn, ActionNames=list(_CHANGES), ResourceArns=["*", principal.arn]
    )
    results: list[Any] = [result for page in pages for result in page["EvaluationResults"]]
    return {
        str(result["EvalActionName"])
        for result in results
        for where, decision in _decisions(result)
        if decision == "allowed" and (where == "*" or result["EvalActionName"] not in _ON_ONESELF)
    }


def _decisions(result: Any) -> list[tuple[str, str]]:
    """Return the decision on each resource: AWS gives them one by one, or beside each other."""
    specific = result.get("ResourceSpecificResults") or ()
    if specific:
        return [(one["EvalResourceName"], one["EvalResourceDecision"]) for one in specific]
    return [(result.get("EvalResourceName", "*"), result["EvalDecision"])]
