"""Who is calling, and which principals the caller stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explained
from containment.aws.principal import answered_at
from containment.errors import SpecError
from containment.identities import Principal, parse_principal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind the credentials in use, and AWS's time when it answered.

    *principal* is None for root and for federated users.
    """

    arn: str
    account: str
    principal: Principal | None
    answered_at: datetime


def identify(sts: STSClient) -> Caller:
    """Return who is calling.

    A role session's ARN names the role without its path, which is enough: names are unique in an
    account. Source: IAM User Guide, "IAM identifiers"; STS API Reference, GetCallerIdentity.

    Raises:
        AccessError: the credentials are missing, wrong or expired.
        UnavailableError: nobody answers.
    """
    with explained("asking who is calling"):
        answer = sts.get_caller_identity()
    arn = str(answer["Arn"])
    return Caller(arn, str(answer["Account"]), principal_of(arn), answered_at(answer))


def principal_of(caller_arn: str) -> Principal | None:
    """Return the user or role that *caller_arn* stands for, or None for root and federation."""
    parts = caller_arn.split(":", 5)
    kind, _, rest = parts[5].partition("/")
    if kind == "assumed-role":
        return Principal(parts[1], parts[4], "role", "/", rest.partition("/")[0])
    try:
        return parse_principal(caller_arn)
    except SpecError:
        return None


def denied_actions(
    iam: IAMClient, principal: Principal | None, actions: Sequence[str], resource: str
) -> list[str] | None:
    """Return which of *actions* on *resource* the policies of *principal* do not allow.

    None where that cannot be told: the caller may not simulate, or it is nobody in IAM. An action
    whose answer hangs on a condition that a simulation cannot know (MFA, an address) is not in the
    list, and service control policies are not part of the answer. Source: IAM API Reference,
    SimulatePrincipalPolicy and EvaluationResult (MissingContextValues).
    """
    if principal is None:
        return None
    try:
        source = _canonical_arn(iam, principal)
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=source,
            ActionNames=list(actions),
            ResourceArns=[resource],
            # What containment attaches or sets, and 'containment responder-policy' allows no other.
            ContextEntries=[
                {
                    "ContextKeyName": key,
                    "ContextKeyValues": [
                        f"arn:{resource.split(':')[1]}:iam::aws:policy/AWSDenyAll"
                    ],
                    "ContextKeyType": "string",
                }
                for key in ("iam:PolicyARN", "iam:PermissionsBoundary")
            ],
        )
        results: list[Any] = [result for page in pages for result in page["EvaluationResults"]]
    except (ClientError, BotoCoreError):
        return None
    return sorted(
        str(result["EvalActionName"])
        for result in results
        if result["EvalDecision"] != "allowed" and not _hangs_on_context(result)
    )


def trusted_by(iam: IAMClient, caller: Caller) -> str | None:
    """Return the trust policy of the role that the caller is a session of, if it can be read."""
    if caller.principal is None or caller.principal.kind != "role":
        return None
    try:
        role: Any = iam.get_role(RoleName=caller.principal.name)["Role"]
    except (ClientError, BotoCoreError):
        return None
    return str(role["AssumeRolePolicyDocument"])


def _hangs_on_context(result: Any) -> bool:
    specific = result.get("ResourceSpecificResults", [])
    return any(item.get("MissingContextValues") for item in (result, *specific))


def _canonical_arn(iam: IAMClient, principal: Principal) -> str:
    if principal.kind == "role":
        return str(iam.get_role(RoleName=principal.name)["Role"]["Arn"])
    return principal.arn
