"""Users, roles and access keys that were made since a moment, with AWS's own dates.

A control policy takes seconds to bind, and an attacker makes a user in less. So once the guard
stands, somebody has to look who was made before it did.

Source: IAM API Reference, User, Role and AccessKeyMetadata (``CreateDate``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from containment.aws.faults import explained, is_missing
from containment.aws.principal import answered_at
from containment.identities import parse_principal

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import PaginatorConfigTypeDef

PERMISSIONS = frozenset({"iam:ListAccessKeys", "iam:ListRoles", "iam:ListUsers"})
_LONGEST_PAGE = 1000
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A user or role that is new, or an old user's new key.

    Attributes:
        unique_id: the principal's.
        arn: the principal's.
        access_key_id: the new key, where the user is an old one; else empty.
        made_at: when it was made.
    """

    unique_id: str
    arn: str
    access_key_id: str
    made_at: datetime

    def __str__(self) -> str:
        """Return it for people."""
        key = f" (access key {self.access_key_id})" if self.access_key_id else ""
        return f"{self.arn}{key}"


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Who was made, and AWS's time when it was asked."""

    principals: tuple[Newcomer, ...]
    asked_at: datetime


def made_since(
    iam: IAMClient, moment: datetime, began: datetime, *, with_keys: bool = True
) -> Newcomers:
    """Return whom IAM says was made at *moment* or later; services' own roles are not looked at.

    A key is told apart from its user where the user is older than *moment*, or where the user is
    older than *began* and the key is not.

    Args:
        iam: asked.
        moment: since when.
        began: a later moment, from which on whoever is made is suspect.
        with_keys: whether the keys of old users are listed, which is a call for each.

    Raises:
        AccessError: the caller may not list them.
        UnavailableError: IAM does not answer.
    """
    newcomers: list[Newcomer] = []
    old: list[Any] = []
    with explained("listing who was made meanwhile"):
        paging: PaginatorConfigTypeDef = {"PageSize": _LONGEST_PAGE}
        first: Any = None
        for page in iam.get_paginator("list_users").paginate(PaginationConfig=paging):
            first = first or page
            for user in page["Users"]:
                if user["CreateDate"] >= moment:
                    newcomers.append(Newcomer(user["UserId"], user["Arn"], "", user["CreateDate"]))
                if with_keys and user["CreateDate"] < began:
                    old.append(user)
        for roles in iam.get_paginator("list_roles").paginate(PaginationConfig=paging):
            newcomers += [
                Newcomer(role["RoleId"], role["Arn"], "", role["CreateDate"])
                for role in roles["Roles"]
                if role["CreateDate"] >= moment and not _of_a_service(role["Arn"])
            ]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for user, keys in zip(old, pool.map(partial(_keys, iam), old), strict=True):
                newcomers += [
                    Newcomer(user["UserId"], user["Arn"], key["AccessKeyId"], key["CreateDate"])
                    for key in keys
                    if key["CreateDate"] >= (moment if user["CreateDate"] < moment else began)
                ]
    return Newcomers(tuple(newcomers), answered_at(first))


def _keys(iam: IAMClient, user: Any) -> list[Any]:
    try:
        return list(iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"])
    except ClientError as error:
        if is_missing(error):
            return []
        raise


def _of_a_service(arn: str) -> bool:
    role = parse_principal(arn)
    return role.service_linked or role.identity_center
