"""What IAM lists of an account in one go: its users, roles, groups and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from containment.aws.faults import explained
from containment.facets import documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_iam import IAMClient

NOTHING = '{"Version":"2012-10-17","Statement":[]}'


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """An account as GetAccountAuthorizationDetails lists it.

    Attributes:
        principals: each user and role, after the word for its kind.
        groups: by name.
        managed: the text of each managed policy, by ARN.
    """

    principals: tuple[tuple[str, Any], ...]
    groups: Mapping[str, Any]
    managed: Mapping[str, str]


def read_details(iam: IAMClient) -> AccountDetails:
    """Return all users, roles, groups and policies of the account.

    Source: IAM API Reference, GetAccountAuthorizationDetails: it lists the customer managed
    policies, and those of AWS that are attached to somebody.

    Raises:
        AccessError: the caller may not list them.
        UnavailableError: nobody answers.
    """
    principals: list[tuple[str, Any]] = []
    groups: dict[str, Any] = {}
    managed: dict[str, str] = {}
    with explained("reading the policies of the account"):
        for page in iam.get_paginator("get_account_authorization_details").paginate():
            answer: Any = page
            principals += [("User", item) for item in answer.get("UserDetailList", ())]
            principals += [("Role", item) for item in answer.get("RoleDetailList", ())]
            groups |= {str(item["GroupName"]): item for item in answer.get("GroupDetailList", ())}
            managed |= {str(item["Arn"]): _default(item) for item in answer.get("Policies", ())}
    return AccountDetails(tuple(principals), groups, managed)


def policy_text(document: object) -> str:
    """Return the text of a policy as IAM answers it: a map, or percent-encoded JSON."""
    return (
        documents.compact(cast("Any", document))
        if isinstance(document, dict)
        else unquote(str(document))
    )


def _default(policy: Mapping[str, Any]) -> str:
    for version in policy.get("PolicyVersionList", ()):
        if version.get("IsDefaultVersion"):
            return policy_text(version.get("Document"))
    return NOTHING
