"""Whose key is this, and is the principal there: the questions asked before a spec is written.

Nothing is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.caller import identify
from containment.aws.faults import explain, explained, is_denied, is_missing
from containment.aws.principal import AccessKey
from containment.errors import AccessError, NotFoundError, RefusedError, SpecError
from containment.identities import Principal, is_temporary_key_id, parse_principal

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

# All that is called here and needs a permission; GetCallerIdentity needs none.
PERMISSIONS = frozenset(
    {
        "iam:GetAccessKeyLastUsed",
        "iam:GetRole",
        "iam:GetUser",
        "iam:ListAccessKeys",
        "sts:GetAccessKeyInfo",
    }
)
_USER_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A principal as IAM names it, and a user's keys, oldest first.

    *key* is the access key that was asked about, where one was.
    """

    principal: Principal
    unique_id: str
    created_at: datetime
    keys: tuple[AccessKey, ...] = ()
    key: AccessKey | None = None


def resolve_access_key(iam: IAMClient, sts: STSClient, key_id: str) -> Resolved:
    """Return the user that *key_id* belongs to.

    GetAccessKeyLastUsed names the user of a key of the caller's own account; for any other id it
    answers AccessDenied or NoSuchEntity, and STS's GetAccessKeyInfo tells the account. Sources:
    IAM API Reference, GetAccessKeyLastUsed; STS API Reference, GetAccessKeyInfo.

    Raises:
        SpecError: *key_id* is a session's.
        NotFoundError: there is no such key here; names the account that has it.
        RefusedError: the key is the root user's.
        AccessError: the caller may not ask.
        UnavailableError: nobody answers.
    """
    if is_temporary_key_id(key_id):
        # STS API Reference, GetAccessKeyInfo: who asked for an ASIA key only CloudTrail knows.
        raise SpecError(
            f"{key_id} is a session's key, and AWS does not say whose",
            remedy="find it in CloudTrail (userIdentity.sessionContext.sessionIssuer.arn of its "
            "events) and name that role or user instead",
        )
    account = identify(sts).account
    doing = f"asking whose access key {key_id} is"
    with explained(doing):
        try:
            name = str(iam.get_access_key_last_used(AccessKeyId=key_id).get("UserName") or "")
        except ClientError as error:
            if is_missing(error) or is_denied(error):
                _not_ours(sts, key_id, account, doing, error)
            raise
    if not _USER_NAME.fullmatch(name):
        raise RefusedError(
            f"access key {key_id} belongs to the root user of account {account}, which no policy "
            "of the account can hold",
            remedy="sign in as root, delete the key and change the password",
        )
    found = _user(iam, name)
    key = next((key for key in found.keys if key.access_key_id == key_id), None)
    if key is None:
        raise NotFoundError(
            f"user {name} has no access key {key_id} any more",
            remedy=f"contain the user all the same: name {found.principal.arn}",
        )
    return Resolved(found.principal, found.unique_id, found.created_at, found.keys, key)


def resolve_principal(iam: IAMClient, sts: STSClient, arn: str) -> Resolved:
    """Return the user or role that *arn* names, with the path that IAM knows it by.

    Raises:
        SpecError: *arn* is no ARN of a user or role.
        NotFoundError: it is not there, or in another account than the caller's.
        AccessError: the caller may not ask.
        UnavailableError: nobody answers.
    """
    asked = parse_principal(arn)
    account = identify(sts).account
    # GetUser and GetRole take a name alone and would answer a namesake of the caller's account.
    if asked.account != account:
        raise NotFoundError(
            f"{arn} is in account {asked.account}, and the credentials in use are of {account}",
            remedy=f"use the responder role of account {asked.account}",
        )
    try:
        return _user(iam, asked.name) if asked.kind == "user" else _role(iam, asked.name)
    except NotFoundError as error:
        raise NotFoundError(
            f"account {account} has no {asked.kind} {asked.name}",
            remedy="check the ARN; CloudTrail's DeleteUser and DeleteRole events show whether it "
            "was deleted",
        ) from error


def _user(iam: IAMClient, name: str) -> Resolved:
    with explained(f"reading user {name}"):
        user = iam.get_user(UserName=name)["User"]
        pages = iam.get_paginator("list_access_keys").paginate(UserName=name)
        listed: list[Any] = [item for page in pages for item in page["AccessKeyMetadata"]]
        keys = [
            AccessKey(str(item["AccessKeyId"]), str(item["Status"]), item["CreateDate"])
            for item in listed
        ]
    keys.sort(key=lambda key: (key.created_at, key.access_key_id))
    return Resolved(parse_principal(user["Arn"]), user["UserId"], user["CreateDate"], tuple(keys))


def _role(iam: IAMClient, name: str) -> Resolved:
    with explained(f"reading role {name}"):
        role = iam.get_role(RoleName=name)["Role"]
    return Resolved(parse_principal(role["Arn"]), role["RoleId"], role["CreateDate"])


def _not_ours(
    sts: STSClient, key_id: str, account: str, doing: str, error: ClientError
) -> NoReturn:
    """Say why IAM knows no user for *key_id*: another account's, deleted, or not ours to ask."""
    owner = _account_of(sts, key_id)
    if owner not in (None, account):
        raise NotFoundError(
            f"access key {key_id} belongs to account {owner}, and the credentials in use are of "
            f"{account}",
            remedy=f"use the responder role of account {owner}, or tell its owner",
        ) from error
    if is_denied(error):
        told = explain(doing, error)
        raise AccessError(
            f"{told.message} (AWS answers the same for a key that is not there)",
            remedy=f"check the id, then see that the caller has iam:GetAccessKeyLastUsed in "
            f"account {account}",
        ) from error
    raise NotFoundError(
        f"account {account} has no access key {key_id}",
        remedy="check the id; if it was deleted, CloudTrail's DeleteAccessKey event names its "
        "user: contain that user by its ARN",
    ) from error


def _account_of(sts: STSClient, key_id: str) -> str | None:
    try:
        return str(sts.get_access_key_info(AccessKeyId=key_id).get("Account") or "") or None
    except (ClientError, BotoCoreError):
        # It only makes the message better; whatever went wrong is told without it.
        return None
