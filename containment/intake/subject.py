"""Finds out who is meant by an access key id, an ARN or a finding, and since when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from containment.aws.resolve import (
    Resolved,
    resolve_access_key,
    resolve_principal,
    resolve_unique_id,
)
from containment.errors import ConflictError, NotFoundError, SpecError
from containment.identities import (
    describe_id,
    is_access_key_id,
    is_temporary_key_id,
    parse_unique_id,
)
from containment.intake.guardduty import Finding, read_finding
from containment.intake.text import one_line, quoted
from containment.spec import Severity
from containment.spec.naming import access_key_id, principal_arn
from containment.spec.problems import WrongError

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

    from containment.aws.credentials import Credential

# IAM API Reference, accessKeyIdType: 16 to 128 characters.
_KEY_LIKE = re.compile(r"[A-Z0-9]{16,128}")
_SECRET_LIKE = re.compile(r"[A-Za-z0-9/+=]{40}")
_EARLIEST = "T0 is the earliest possible; set a later one when more is known"
_KEYS_SINCE = f"{_EARLIEST}, since a lift keeps every credential made after T0 Inactive"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is meant and what is known of it; *since_note* is what T0, if it is kept, means."""

    resolved: Resolved
    leaked: tuple[str, ...]
    title: str
    severity: Severity
    since: datetime | None
    since_source: str
    since_note: str
    notes: tuple[str, ...] = ()


def resolve(iam: IAMClient, sts: STSClient, named: str) -> Resolved:
    """Return whom *named*, an access key id, an ARN or a unique id, stands for.

    Raises:
        ContainmentError: nobody that can be contained; says why and what to do.
    """
    if (unique := parse_unique_id(named)) is not None:
        return resolve_unique_id(iam, sts, unique.id)
    if (described := describe_id(named)) is not None:
        bearer, how = described
        raise SpecError(f"{named} is the unique id of {bearer}", remedy=how)
    if _KEY_LIKE.fullmatch(named):
        # A session's key is passed on: what to do about it is said there.
        return resolve_access_key(
            iam, sts, named if is_temporary_key_id(named) else _checked_key(named)
        )
    if named.startswith("arn:"):
        return resolve_principal(iam, sts, _checked_arn(named))
    if _SECRET_LIKE.fullmatch(named):
        raise SpecError(
            "this looks like a secret access key, which belongs on no command line",
            remedy="name the key's id, AKIA…, and remove the secret from the shell's history",
        )
    raise SpecError(
        f"{quoted(named)} is neither an access key id nor an ARN nor a unique id",
        remedy="name AKIA…, arn:aws:iam::111122223333:user/path/name, or AIDA… or AROA…",
    )


def find_subject(iam: IAMClient, sts: STSClient, named: str, account: str) -> Subject:
    """Return the subject of *named*: an access key id, an ARN, or the path of a finding.

    Args:
        iam: asked who is meant.
        sts: asked whose account it is.
        named: what the responder has in hand.
        account: the caller's own.

    Raises:
        ContainmentError: nobody that can be contained; says why and what to do.
    """
    is_name = (
        named.startswith("arn:")
        or parse_unique_id(named) is not None
        or _KEY_LIKE.fullmatch(named)
        or _SECRET_LIKE.fullmatch(named)
    )
    if not is_name:
        return _of_finding(iam, sts, read_finding(Path(named)), account)
    resolved = resolve(iam, sts, named)
    if resolved.key:
        return _of_key(resolved, resolved.key)
    unique = parse_unique_id(named)
    return _of_principal(resolved, unique.session if unique else "")


def _of_key(resolved: Resolved, key: Credential) -> Subject:
    user = resolved.principal.name
    notes = () if key.status == "Active" else (f"{key.credential_id} is {key.status} already",)
    return Subject(
        resolved=resolved,
        leaked=(key.credential_id,),
        title=f"access key {key.credential_id} of user {user} leaked",
        severity=Severity.HIGH,
        since=key.created_at,
        since_source=f"creation of access key {key.credential_id}, before which nobody had it",
        since_note=_KEYS_SINCE,
        notes=notes,
    )


def _of_principal(resolved: Resolved, session: str) -> Subject:
    kind, name = resolved.principal.kind, resolved.principal.name
    notes: tuple[str, ...] = ()
    if kind == "user":
        notes = ("no leaked key is named, so a lift counts every key of the user as leaked",)
    elif session:
        session_only = f"rung: session, sessions: [{{name: {session}}}]"
        notes = (
            f"every session of the role is contained; to deny {session} only, write {session_only}",
        )
    return Subject(
        resolved=resolved,
        leaked=(),
        title=f"{kind} {name} compromised",
        severity=Severity.HIGH,
        since=resolved.created_at,
        since_source=f"creation of {kind} {name}, before which nobody was it",
        since_note=_KEYS_SINCE if kind == "user" else _EARLIEST,
        notes=notes,
    )


def _of_finding(iam: IAMClient, sts: STSClient, finding: Finding, account: str) -> Subject:
    if finding.account != account:
        raise NotFoundError(
            f"finding {finding.finding_id} is about account {quoted(finding.account)}, and the "
            f"credentials in use are of {account}",
            remedy="use the responder role of that account",
        )
    leaked = (finding.key_id,) if is_access_key_id(finding.key_id) else ()
    resolved, notes = _resolve_finding(iam, sts, finding)
    title = f"{finding.finding_type}: {finding.title}" if finding.title else finding.finding_type
    return Subject(
        resolved=resolved,
        leaked=leaked,
        title=one_line(title, 200),
        severity=finding.severity,
        since=finding.first_seen,
        since_source=f"GuardDuty finding {finding.finding_id}, eventFirstSeen",
        # GuardDuty User Guide, "Finding details": when the activity was first seen.
        since_note="T0 is when GuardDuty first saw it; set an earlier one if anything points there",
        notes=notes,
    )


def _resolve_finding(
    iam: IAMClient, sts: STSClient, finding: Finding
) -> tuple[Resolved, tuple[str, ...]]:
    """Return the principal of *finding* as it is now, and what is odd about it."""
    kind = "role" if finding.is_role else "user"
    arn = f"arn:{finding.partition}:iam::{finding.account}:{kind}/{finding.user_name}"
    note = ""
    if is_access_key_id(finding.key_id):
        try:
            resolved = resolve_access_key(iam, sts, finding.key_id)
        except NotFoundError:
            if not finding.user_name:
                raise
            resolved = resolve_principal(iam, sts, _checked_arn(arn))
            note = f"{finding.key_id} is gone; its user is contained all the same"
    else:
        resolved = resolve_principal(iam, sts, _checked_arn(arn))
        note = _without_key(finding, kind)
    _refuse_another(finding, resolved)
    return resolved, (note,) if note else ()


def _without_key(finding: Finding, kind: str) -> str:
    """Return what leaked, where the finding names no long-term key, and what a lift gives back."""
    if finding.key_id:
        return (
            f"{quoted(finding.key_id)} is a session of the {kind}, which ends by itself and cannot "
            "be switched off: contained is the principal behind it"
        )
    if finding.is_role:
        return "the finding names no access key: contained are all sessions of the role"
    return (
        "the finding names no access key: what leaked is the user's password. While contained it "
        "opens nothing; a lift gives the password back as it is, so change or delete it first "
        f"('aws iam delete-login-profile --user-name {finding.user_name}'), and keeps "
        "every access key of the user Inactive, since none is named as leaked, unless the incident "
        "was a false positive"
    )


def _refuse_another(finding: Finding, resolved: Resolved) -> None:
    """Refuse where IAM's answer is not whom *finding* is about."""
    principal = resolved.principal
    if finding.user_name and principal.name.lower() != finding.user_name.lower():
        raise ConflictError(
            f"finding {finding.finding_id} says {quoted(finding.user_name)}, and IAM says that "
            f"{finding.key_id} belongs to {principal.name}",
            remedy=f"a user can be renamed: if so, run 'containment open {finding.key_id}'",
        )
    unique_id = finding.principal_id.partition(":")[0]
    # IAM User Guide, "IAM identifiers": AIDA is a user's unique id, AROA a role's.
    if unique_id.startswith(("AIDA", "AROA")) and unique_id != resolved.unique_id:
        raise ConflictError(
            f"finding {finding.finding_id} is about {principal.kind} {principal.name} with the "
            f"unique id {quoted(unique_id)}, and the one there now has {resolved.unique_id}",
            remedy="it was deleted and made again (CloudTrail: DeleteUser, DeleteRole); to contain "
            f"the one there now, run 'containment open {principal.arn}'",
        )


def _checked_arn(arn: str) -> str:
    is_role = arn.split(":", 5)[-1].startswith("role/")
    try:
        return principal_arn(arn, "role" if is_role else "user")
    except WrongError as error:
        raise error.as_spec_error() from error


def _checked_key(key_id: str) -> str:
    try:
        return access_key_id(key_id)
    except WrongError as error:
        raise error.as_spec_error() from error
