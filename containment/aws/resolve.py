"""Whose key is this, and is the principal there: the questions asked before a spec is written.

Nothing is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.caller import identify
from containment.aws.credentials import ACCESS_KEY, Credential
from containment.aws.faults import explain, explained, is_denied, is_missing
from containment.errors import (
    AccessError,
    ContainmentError,
    NotFoundError,
    RefusedError,
    SpecError,
)
from containment.identities import (
    Principal,
    UniqueId,
    is_temporary_key_id,
    parse_principal,
    parse_unique_id,
)

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
        "iam:ListRoles",
        "iam:ListUsers",
        "sts:GetAccessKeyInfo",
    }
)
# A user who is renamed all the time is met by one of so many looks.
_TRIES = 20
_USER_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A principal as IAM names it, and a user's keys, oldest first.

    *key* is the access key that was asked about, where one was; *signs_in* is True where a user has
    signed in to the console by a password, as people do.
    """

    principal: Principal
    unique_id: str
    created_at: datetime
    keys: tuple[Credential, ...] = ()
    key: Credential | None = None
    signs_in: bool = False


def resolve_access_key(iam: IAMClient, sts: STSClient, key_id: str) -> Resolved:
    """Return the user that *key_id* belongs to.

    GetAccessKeyLastUsed names a user; only that user's own list of keys proves that it is one of
    the caller's account, for names repeat between accounts. Where it does not, GetAccessKeyInfo
    tells the account. Sources: IAM API Reference, GetAccessKeyLastUsed and ListAccessKeys; STS API
    Reference, GetAccessKeyInfo.

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
    name, refusal = "", None
    with explained(doing):
        try:
            name = str(iam.get_access_key_last_used(AccessKeyId=key_id).get("UserName") or "")
        except ClientError as error:
            if not (is_missing(error) or is_denied(error)):
                raise
            refusal = error
    if _USER_NAME.fullmatch(name) and (
        owner := _owner(iam, name, key_id) or owner_of(iam, key_id)  # renamed in between
    ):
        return owner
    raise _not_found(
        key_id,
        account=account,
        owner=_account_of(sts, key_id),
        name=name,
        refusal=refusal,
        doing=doing,
    )


def owner_of(iam: IAMClient, key_id: str) -> Resolved | None:
    """Return the user of this account whose key *key_id* is, or None where it is nobody's.

    The key leads to its user whatever they are called by now: GetAccessKeyLastUsed names them, and
    their own list of keys proves it. Asked again where they were renamed in between.

    Raises:
        AccessError: the caller may not ask.
        UnavailableError: nobody answers.
    """
    with explained(f"asking whose access key {key_id} is"):
        for _ in range(_TRIES):
            try:
                answer = iam.get_access_key_last_used(AccessKeyId=key_id)
            except ClientError as error:
                if is_missing(error):
                    return None
                raise
            name = str(answer.get("UserName") or "")
            if not _USER_NAME.fullmatch(name):
                return None
            if owner := _owner(iam, name, key_id):
                return owner
    return None


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


def resolve_unique_id(iam: IAMClient, sts: STSClient, unique_id: str) -> Resolved:
    """Return the user or role that has *unique_id*, ``AIDA…`` or ``AROA…``.

    No call of IAM takes a unique id, so every user or role of the account is listed, 1,000 a call
    (IAM API Reference, "ListUsers" and "ListRoles").

    Raises:
        SpecError: *unique_id* is neither a user's nor a role's.
        NotFoundError: the caller's account has nobody with this id.
        AccessError: the caller may not ask.
        UnavailableError: nobody answers.
    """
    asked = parse_unique_id(unique_id)
    if asked is None:
        raise SpecError(
            f"{unique_id!r} is no unique id of a user or role", remedy="give AIDA… or AROA…"
        )
    account = identify(sts).account
    name = _name_of(iam, asked)
    if not name:
        raise NotFoundError(
            f"account {account} has no {asked.kind} with the unique id {asked.id}",
            remedy="use the responder role of the account that has it; if it was deleted, "
            f"'containment trace {asked.id}' finds its ARN in CloudTrail logs",
        )
    resolved = _user(iam, name) if asked.kind == "user" else _role(iam, name)
    if resolved.unique_id != asked.id:
        raise NotFoundError(
            f"{asked.kind} {name} was deleted and made anew while it was looked up",
            remedy=f"run the command again, or name {resolved.principal.arn}",
        )
    return resolved


def _name_of(iam: IAMClient, asked: UniqueId) -> str:
    """Return the name of whoever has the id *asked*; empty if nobody has."""
    with explained(f"looking for the {asked.kind} with the unique id {asked.id}"):
        if asked.kind == "user":
            for users in iam.get_paginator("list_users").paginate(
                PaginationConfig={"PageSize": 1000}
            ):
                for user in users["Users"]:
                    if user["UserId"] == asked.id:
                        return user["UserName"]
        else:
            for roles in iam.get_paginator("list_roles").paginate(
                PaginationConfig={"PageSize": 1000}
            ):
                for role in roles["Roles"]:
                    if role["RoleId"] == asked.id:
                        return role["RoleName"]
    return ""


def _user(iam: IAMClient, name: str) -> Resolved:
    with explained(f"reading user {name}"):
        user = iam.get_user(UserName=name)["User"]
        pages = iam.get_paginator("list_access_keys").paginate(UserName=name)
        listed: list[Any] = [item for page in pages for item in page["AccessKeyMetadata"]]
    keys = [ACCESS_KEY.listed(item) for item in listed]
    keys.sort(key=lambda key: (key.created_at, key.credential_id))
    return Resolved(
        parse_principal(user["Arn"]),
        user["UserId"],
        user["CreateDate"],
        tuple(keys),
        signs_in=user.get("PasswordLastUsed") is not None,
    )


def _role(iam: IAMClient, name: str) -> Resolved:
    with explained(f"reading role {name}"):
        role = iam.get_role(RoleName=name)["Role"]
    return Resolved(parse_principal(role["Arn"]), role["RoleId"], role["CreateDate"])


def _owner(iam: IAMClient, name: str, key_id: str) -> Resolved | None:
    """Return the caller's user *name* if *key_id* is one of its keys."""
    try:
        user = _user(iam, name)
    except NotFoundError:
        return None
    key = next((key for key in user.keys if key.credential_id == key_id), None)
    return replace(user, key=key) if key else None


def _not_found(
    key_id: str,
    *,
    account: str,
    owner: str | None,
    name: str,
    refusal: ClientError | None,
    doing: str,
) -> ContainmentError:
    """Return why *key_id* has no user here: another account's, root's, denied, or deleted."""
    if owner not in (None, account):
        return NotFoundError(
            f"access key {key_id} belongs to account {owner}, and the credentials in use are of "
            f"{account}",
            remedy=f"use the responder role of account {owner}, or tell its owner",
        )
    if refusal is None and not _USER_NAME.fullmatch(name):
        return RefusedError(
            f"access key {key_id} belongs to the root user of account {account}, which no policy "
            "of the account can hold",
            remedy="sign in as root, delete the key and change the password",
        )
    if refusal is not None and is_denied(refusal):
        return AccessError(
            f"{explain(doing, refusal).message} (AWS may answer so for a key that is not there)",
            remedy="check the id, then see that the caller has iam:GetAccessKeyLastUsed on '*' in "
            f"account {account}",
        )
    return NotFoundError(
        f"account {account} has no access key {key_id}",
        remedy="check the id; if it was deleted, CloudTrail's DeleteAccessKey event names its "
        "user: contain that user by its ARN",
    )


def _account_of(sts: STSClient, key_id: str) -> str | None:
    try:
        return str(sts.get_access_key_info(AccessKeyId=key_id).get("Account") or "") or None
    except (ClientError, BotoCoreError):
        # It only makes the message better; whatever went wrong is told without it.
        return None
