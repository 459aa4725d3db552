"""Checks what a spec names: ARNs and access key ids, with a mend for each usual slip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.identities import (
    Principal,
    PrincipalKind,
    is_access_key_id,
    is_temporary_key_id,
    parse_principal,
)
from containment.spec.problems import Problem, WrongError, shown
from containment.text import is_plain, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTITION = re.compile(r"aws(-[a-z0-9]+){0,4}")
_STS_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z0-9-]*):sts::(?P<account>[0-9]{12}):"
    r"(?P<kind>assumed-role|federated-user)/(?P<name>[\w+=,.@-]{1,64})(/(?P<session>.{0,64}))?",
    re.ASCII,
)
_EXAMPLE: Mapping[PrincipalKind, str] = {
    "user": "arn:aws:iam::111122223333:user/path/name",
    "role": "arn:aws:iam::111122223333:role/path/name",
}
# IAM API Reference, ListSSHPublicKeys (publicKeyIdType, 20 to 128 letters and digits) and
# ListSigningCertificates (certificateIdType, 24 to 128).
_OTHER_CREDENTIAL = re.compile(r"[A-Z0-9]{20,128}", re.ASCII)
# "IAM identifiers", unique identifiers: what such an id begins with where it is no credential's,
# or is that of an access key.
_OF_OTHER_THINGS = ("ABIA", "AGPA", "AIDA", "AIPA", "AKIA", "ANPA", "ANVA", "AROA", "ASIA")
_WILDCARD = re.compile(r"[*?]")


def principal_arn(value: str, kind: PrincipalKind) -> str:
    """Return *value* if it is the ARN of a *kind* that can be contained.

    Raises:
        WrongError: it is not; says what it is instead and what to write.
    """
    principal = _parsed(value, kind)
    if principal.service_linked:
        # IAM User Guide, "Revoke IAM role temporary security credentials": the sessions of a
        # service-linked role cannot be revoked; IAM answers UnmodifiableEntity.
        raise WrongError(
            Problem(
                f"{shown(value)} is a service-linked role, which only its service may change",
                "a role of your own",
                "name the user or role that drives the service instead",
            )
        )
    if principal.identity_center:
        # IAM Identity Center User Guide, "Revoke active IAM role sessions created by permission
        # sets": through IAM these roles cannot be changed.
        raise WrongError(
            Problem(
                f"{shown(value)} belongs to IAM Identity Center, and IAM cannot change it",
                "a role of your own",
                "in IAM Identity Center disable the user, delete its sessions and remove its "
                "assignment to this account",
            )
        )
    return value


def break_glass_arn(value: str) -> str:
    """Return *value* if it is the full ARN of one user or role.

    Raises:
        WrongError: it is a pattern, or no such ARN.
    """
    if _WILDCARD.search(value):
        raise WrongError(
            Problem(
                f"{shown(value)} holds a wildcard, and would exempt whoever matches it",
                "the full ARN of one user or role",
                "write one entry for each break-glass principal",
            )
        )
    is_user = value.split(":", 5)[-1].startswith("user/")
    _parsed(value, "user" if is_user else "role")
    return value


def access_key_id(value: str) -> str:
    """Return *value* if it is the id of a long-term access key.

    Raises:
        WrongError: it is a session's id, a secret, or no id.
    """
    if is_access_key_id(value):
        return value
    if is_temporary_key_id(value):
        # STS credentials cannot be revoked, only denied on whoever issued them: IAM User Guide,
        # "Disabling permissions for temporary security credentials".
        raise WrongError(
            Problem(
                f"{shown(value)} is a session's key (ASIA…), which has no switch of its own",
                "a long-term key id, AKIA…",
                "name the principal behind the session, as CloudTrail has it in "
                "userIdentity.sessionContext.sessionIssuer: 'role: <ARN>' with "
                "'rung: revoke-sessions', or 'user: <ARN>'",
            )
        )
    raise WrongError(
        Problem(
            # Somebody may have pasted the secret, so the value itself is never repeated.
            "is not an access key id",
            "AKIA and 16 capital letters or digits, such as AKIAIOSFODNN7EXAMPLE",
            "write the key's id; the secret never belongs in a spec",
        )
    )


def credential_id(value: str) -> str:
    """Return *value* if it is the id of something a user authenticates with.

    Raises:
        WrongError: it is a session's id, a secret, or no id.
    """
    if _OTHER_CREDENTIAL.fullmatch(value) and not value.startswith(_OF_OTHER_THINGS):
        return value
    return access_key_id(value)


def _parsed(value: str, kind: PrincipalKind) -> Principal:
    if slip := _slip(value, kind):
        raise WrongError(slip)
    try:
        principal = parse_principal(value)
    except SpecError as error:
        raise WrongError(
            Problem(plain(error.message), _EXAMPLE[kind], plain(error.remedy))
        ) from error
    if principal.kind != kind:
        raise WrongError(
            Problem(
                f"{shown(value)} is a {principal.kind}",
                f"the ARN of a {kind}",
                f"write '{principal.kind}: {plain(value)}'",
            )
        )
    if not _PARTITION.fullmatch(principal.partition):
        raise WrongError(
            Problem(
                f"{shown(value)} names no AWS partition",
                _EXAMPLE[kind],
                "an ARN begins with arn:aws:, arn:aws-cn: or arn:aws-us-gov:",
            )
        )
    return principal


def _slip(value: str, kind: PrincipalKind) -> Problem | None:
    """Return the problem with *value* where it is a well-known wrong thing to write here."""
    if is_access_key_id(value) or is_temporary_key_id(value):
        return Problem(
            f"{shown(value)} is an access key id",
            f"the ARN of a {kind}",
            "write 'access_key: AKIA…' for a long-term key; for a session's key (ASIA…) name "
            "the role or user that it belongs to",
        )
    if session := _STS_ARN.fullmatch(value):
        return _session_slip(value, session)
    if is_plain(value) and re.fullmatch(r"[\w+=,.@-]{1,64}", value, re.ASCII):
        return Problem(
            f"{shown(value)} is a name, and a name alone does not say which account is meant",
            f"the full ARN, {_EXAMPLE[kind]}",
            f"'aws iam get-{kind} --{kind}-name {value}' prints it",
        )
    return None


def _session_slip(value: str, session: re.Match[str]) -> Problem:
    if session["kind"] == "federated-user":
        return Problem(
            f"{shown(value)} is a federated session, not a user",
            "the user whose key made it",
            "take userIdentity.sessionContext.sessionIssuer.arn from its CloudTrail event",
        )
    role = f"arn:{session['partition']}:iam::{session['account']}:role/{session['name']}"
    return Problem(
        f"{shown(value)} is a session, not the role",
        "the role's ARN, with its path",
        f"write 'role: {role}' (with the role's path, if it has one); for this session alone add "
        f"'rung: session' and 'sessions: [{{name: {plain(session['session'] or '…')}}}]'",
    )
