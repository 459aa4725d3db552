"""Who is calling, and through which principals they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explained
from containment.aws.principal import answered_at
from containment.errors import SpecError
from containment.identities import Principal, parse_principal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

# What AWS's own credential helpers export ("aws configure export-credentials --format env").
_EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
# IAM API Reference, SimulatePrincipalPolicy, MaxItems.
_LONGEST_PAGE = 1000


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


def expiry_of(environ: Mapping[str, str]) -> datetime | None:
    """Return when the credentials in *environ* end, None where it does not say."""
    try:
        moment = datetime.fromisoformat(environ.get(_EXPIRATION, ""))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


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
    iam: IAMClient, principal_arn: str, actions: Sequence[str], resources: Sequence[str]
) -> dict[str, list[str]] | None:
    """Return, by resource, which *actions* on it the policies of *principal_arn* do not allow.

    One simulation answers for all *resources*. None where that cannot be told: the caller may not
    simulate. An action whose answer hangs on a condition that a simulation cannot know (MFA, an
    address) is not in the list, and service control policies are not part of the answer. Source:
    IAM API Reference, SimulatePrincipalPolicy, EvaluationResult (MissingContextValues) and
    ResourceSpecificResult.
    """
    try:
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=principal_arn,
            ActionNames=list(actions),
            ResourceArns=list(resources),
            # What containment attaches or sets, and 'containment responder-policy' allows no other.
            ContextEntries=[
                {
                    "ContextKeyName": key,
                    "ContextKeyValues": [
                        f"arn:{principal_arn.split(':')[1]}:iam::aws:policy/AWSDenyAll"
                    ],
                    "ContextKeyType": "string",
                }
                for key in ("iam:PolicyARN", "iam:PermissionsBoundary")
            ],
            PaginationConfig={"PageSize": _LONGEST_PAGE},
        )
        results: list[Any] = [result for page in pages for result in page["EvaluationResults"]]
    except (ClientError, BotoCoreError):
        return None
    return {
        resource: sorted({str(one["EvalActionName"]) for one in results if _denies(one, resource)})
        for resource in resources
    }


def _denies(result: Any, resource: str) -> bool:
    """Tell whether *result* says that its action on *resource* is denied, whatever the context."""
    for item in result.get("ResourceSpecificResults", ()):
        if item["EvalResourceName"] == resource:
            hangs = bool(item.get("MissingContextValues") or result.get("MissingContextValues"))
            return item["EvalResourceDecision"] != "allowed" and not hangs
    if result.get("EvalResourceName", resource) != resource:
        return False
    return result["EvalDecision"] != "allowed" and not result.get("MissingContextValues")
