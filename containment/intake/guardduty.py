"""Read one GuardDuty finding about a credential: which one, of which principal, first seen when.

Both of AWS's JSON forms are read: the API's (``Findings``, capitalised names, as ``aws guardduty
get-findings`` prints) and EventBridge's and the export's (``detail``, small first letters).
Sources: GuardDuty User Guide, "Finding details" and "GuardDuty finding format"; GuardDuty API
Reference, Finding, AccessKeyDetails and Service; CloudTrail User Guide, "userIdentity element",
for the values of ``userType``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from containment.errors import NotFoundError, SpecError
from containment.identities import is_access_key_id, parse_unique_id
from containment.intake.text import one_line, quoted
from containment.spec import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_BYTES = 1024 * 1024
_GET_ONE = "'aws guardduty get-findings' prints a finding in the form that is read here"
# GuardDuty User Guide, "Severity levels of GuardDuty findings".
_SEVERITIES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))

# Why a credential of this kind is not one of an IAM user or role of this account, and what to do.
_REFUSED: Mapping[str, tuple[str, str]] = {
    "Root": (
        "the account's root user, which no policy of the account can hold",
        "sign in as root, delete its access keys and change password and MFA",
    ),
    "FederatedUser": (
        "a federated session, and the finding does not say which user made it",
        "open the ARN in userIdentity.sessionContext.sessionIssuer of its CloudTrail events",
    ),
    "AWSAccount": (
        "a principal of another account",
        "tell the owner of that account; here, see which trust and resource policies let it in",
    ),
    "AWSService": (
        "an AWS service",
        "find the user or role that the service works for in the CloudTrail event",
    ),
    "SAMLUser": (
        "a user of a SAML provider, who has no credential of this account",
        "disable the user at the provider and open the role that was assumed",
    ),
    "WebIdentityUser": (
        "a user of a web identity provider, who has no credential of this account",
        "disable the user at the provider and open the role that was assumed",
    ),
    "IdentityCenterUser": (
        "a user of IAM Identity Center",
        "disable the user there, delete its sessions and remove its assignments",
    ),
    "Directory": (
        "a directory user, who has no credential of this account",
        "disable the user in the directory and open the role that was assumed",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a finding says about one credential. *key_id* may be a session's."""

    finding_id: str
    finding_type: str
    title: str
    severity: Severity
    account: str
    partition: str
    user_type: str
    user_name: str
    principal_id: str
    key_id: str
    first_seen: datetime | None

    @property
    def is_role(self) -> bool:
        """True where the credential is a session of a role, which *user_name* then names."""
        return self.user_type in ("AssumedRole", "Role")


def read_finding(path: Path) -> Finding:
    """Return the one finding in *path*.

    Raises:
        NotFoundError: there is no such file.
        SpecError: it is no finding, not one finding, or not about a credential of a user or role.
    """
    name = quoted(str(path))
    finding = _the_one(_parsed(path, name), name)
    account = _text(finding, "accountId")
    details = _get(_get(finding, "resource"), "accessKeyDetails")
    finding_type = _text(finding, "type")
    if not isinstance(details, dict) and (actors := sequence_actors(finding)):
        details, account = _only_actor(actors, account, name)
    if not isinstance(details, dict):
        kind = _text(_get(finding, "resource"), "resourceType") or "something else"
        raise SpecError(
            f"{name}: the finding {quoted(finding_type)} is about {quoted(kind)} and names no "
            "access key (resource.accessKeyDetails)",
            remedy="run 'containment open' with the key id or the ARN that you found in it",
        )
    _refuse_sample(finding, details, name)
    user_type = _text(details, "userType")
    if user_type not in ("IAMUser", "AssumedRole", "Role"):
        what, remedy = _REFUSED.get(
            user_type,
            (
                f"of a kind that is not known here (userType {quoted(user_type)})",
                "run 'containment open' with the ARN of the user or role behind it",
            ),
        )
        raise SpecError(f"{name}: the credential is that of {what}", remedy=remedy)
    parsed = Finding(
        finding_id=one_line(_text(finding, "id"), 64),
        finding_type=one_line(finding_type, 120),
        title=one_line(_text(finding, "title"), 200),
        severity=_severity(_get(finding, "severity")),
        account=account,
        partition=_text(finding, "partition") or "aws",
        user_type=user_type,
        user_name=_text(details, "userName"),
        principal_id=_text(details, "principalId"),
        key_id=_text(details, "accessKeyId"),
        first_seen=_first_seen(_get(finding, "service"), name),
    )
    for field, value in (("id", parsed.finding_id), ("accountId", parsed.account)):
        if not value:
            raise SpecError(f"{name}: the finding has no {field}", remedy=_GET_ONE)
    if not (parsed.key_id or parsed.user_name):
        raise SpecError(
            f"{name}: accessKeyDetails names neither an access key nor a user",
            remedy="run 'containment open' with the key id or the ARN",
        )
    return parsed


def sequence_actors(finding: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the user of each actor of an attack sequence, each once.

    Source: GuardDuty API Reference, "Sequence", "Actor" and "User".
    """
    detection = _get(_get(finding, "service"), "detection")
    actors = _get(_get(detection, "sequence"), "actors")
    users = [_get(actor, "user") for actor in actors] if isinstance(actors, list) else []
    named = {
        (_text(user, "name"), _text(user, "credentialUid")): user
        for user in users
        if isinstance(user, dict)
    }
    return [user for names, user in named.items() if any(names)]


def _only_actor(
    actors: list[dict[str, Any]], account: str, name: str
) -> tuple[dict[str, str], str]:
    """Return the one actor as access key details, and the account; *account* where none is named.

    Raises:
        SpecError: there are several; names them.
    """
    if len(actors) > 1:
        keys = [_text(user, "credentialUid") for user in actors]
        listed = ", ".join(
            f"{one_line(_text(user, 'name'), 64) or 'no name'} ({one_line(key, 130) or 'no key'})"
            for user, key in zip(actors, keys, strict=True)
        )
        first = next((key for key in keys if is_access_key_id(key)), "AKIA…")
        raise SpecError(
            f"{name}: the attack sequence has {len(actors)} actors: {listed}",
            remedy=f"open an incident for each, such as 'containment open {first}'",
        )
    user = actors[0]
    uid = _text(user, "uid")
    details = {
        "accessKeyId": _text(user, "credentialUid"),
        "principalId": uid if parse_unique_id(uid) is not None else "",
        "userType": _text(user, "type"),
        "userName": _text(user, "name"),
    }
    return details, _text(_get(user, "account"), "uid") or account


def _parsed(path: Path, name: str) -> object:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{name} is neither an access key id, nor an ARN, nor a file",
            remedy="name AKIA…, arn:aws:iam::… or a file with a GuardDuty finding",
        ) from error
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{name} cannot be read: {one_line(str(error), 120)}",
            remedy="name a file with a GuardDuty finding",
        ) from error
    if len(content) > _MAX_BYTES:
        raise SpecError(f"{name} is larger than 1 MiB and no single finding", remedy=_GET_ONE)
    if content.startswith(b"\x1f\x8b"):
        raise SpecError(f"{name} is compressed", remedy="unpack it with 'gunzip' first")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SpecError(
            f"{name}{line} is not one JSON document ({why})", remedy=_GET_ONE
        ) from error


def _the_one(document: object, name: str) -> dict[str, Any]:
    while isinstance(document, dict):
        inner = _get(document, "detail")
        inner = inner if inner is not None else _get(document, "findings")
        if inner is None:
            break
        document = inner
    if isinstance(document, list):
        if len(document) != 1:
            raise SpecError(
                f"{name} holds {len(document)} findings, and an incident begins with one",
                remedy="keep the one to open in a file of its own",
            )
        document = document[0]
    if isinstance(document, dict) and _get(document, "productArn") is not None:
        raise SpecError(
            f"{name} is a Security Hub finding, which is another format",
            remedy="open the GuardDuty finding that it was made from, or the key id in it",
        )
    if not isinstance(document, dict) or not isinstance(_get(document, "resource"), dict):
        raise SpecError(f"{name} is not a GuardDuty finding", remedy=_GET_ONE)
    return document


def is_sample(finding: dict[str, Any], details: dict[str, Any]) -> bool:
    """Tell whether *finding* is one that GuardDuty made up to be looked at.

    Source: GuardDuty User Guide, "Sample findings": names begin with Generated, and it says so.
    """
    more = _get(_get(finding, "service"), "additionalInfo")
    is_marked = isinstance(more, dict) and _get(more, "sample") is True
    return is_marked or _text(details, "userName").startswith("GeneratedFinding")


def _refuse_sample(finding: dict[str, Any], details: dict[str, Any], name: str) -> None:
    if is_sample(finding, details):
        raise SpecError(
            f"{name} is one of GuardDuty's sample findings; nobody has leaked anything",
            remedy="to try things out, start the lab: 'make demo'",
        )


def _first_seen(service: object, name: str) -> datetime | None:
    text = _text(service, "eventFirstSeen")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SpecError(
            f"{name}: service.eventFirstSeen is {quoted(text)}, which is no time with a zone",
            remedy="give the time with --since, such as --since 2026-11-23T21:14:00Z",
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise SpecError(
            f"{name}: service.eventFirstSeen {quoted(text)} is out of range",
            remedy="give the time with --since, such as --since 2026-11-23T21:14:00Z",
        ) from error


def _severity(value: object) -> Severity:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Severity.HIGH
    return next((word for least, word in _SEVERITIES if value >= least), Severity.LOW)


def _get(node: object, name: str) -> Any:
    """Return the field *name* of *node* in either of AWS's spellings."""
    if not isinstance(node, dict):
        return None
    return node.get(name, node.get(name[0].upper() + name[1:]))


def _text(node: object, name: str) -> str:
    value = _get(node, name)
    return value if isinstance(value, str) else ""
