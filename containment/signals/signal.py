"""A report that a leak may have happened: of whom, since when, and by which source.

What comes from outside passes :func:`make_report`, and nothing else of it is kept: ids that have
the shape of ids, one line of text, and no secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from containment.clock import isoformat
from containment.identities import is_access_key_id, is_temporary_key_id, parse_unique_id
from containment.intake.text import one_line
from containment.record.secrets import holds_secret

if TYPE_CHECKING:
    from datetime import datetime

_ACCOUNT = re.compile(r"[0-9]{12}")
# IAM User Guide, "IAM identifiers": paths have up to 512 characters, names up to 64.
_PRINCIPAL = re.compile(
    r"arn:aws[a-z-]{0,20}:(?:iam|sts)::[0-9]{12}:"
    r"(?:user|role|assumed-role|federated-user)/[\x21-\x7e]{1,700}"
)
_LONGEST_TITLE, _LONGEST_ID, _LONGEST_RESOURCE = 200, 200, 300


class CredentialKind(StrEnum):
    """What leaked, as far as the report says."""

    ACCESS_KEY = "access-key"
    SESSION = "session"
    PASSWORD = "password"  # noqa: S105 -- the word, and no password
    CERTIFICATE = "certificate"
    ROOT = "root"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSubject:
    """Who or what a report is about; whatever it does not say is empty.

    *principal* is an ARN or a unique id, *resource* anything else that it names.
    """

    kind: CredentialKind = CredentialKind.UNKNOWN
    account: str = ""
    key_id: str = ""
    principal: str = ""
    resource: str = ""

    @property
    def is_resolved(self) -> bool:
        """True where an incident can be opened on it."""
        return bool(self.key_id or self.principal)

    @property
    def label(self) -> str:
        """What people call it."""
        return self.key_id or self.principal or self.resource or self.account or "nobody named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one entry of one source says; *source* and *id* together name it."""

    source: str
    id: str
    title: str
    subject: SignalSubject
    first_seen: datetime | None = None

    def fields(self) -> dict[str, Any]:
        """Return it as an entry of a record has it."""
        subject = self.subject
        return {
            "text": self.title,
            "source": self.source,
            "id": self.id,
            "subject": {
                "kind": str(subject.kind),
                "account": subject.account,
                "key_id": subject.key_id,
                "principal": subject.principal,
                "resource": subject.resource,
            },
            "first_seen": None if self.first_seen is None else isoformat(self.first_seen),
        }


def make_report(
    source: str,
    *,
    identity: str,
    title: str,
    kind: CredentialKind = CredentialKind.UNKNOWN,
    account: str = "",
    key_id: str = "",
    principal: str = "",
    resource: str = "",
    first_seen: datetime | None = None,
) -> Report:
    """Return the report of *source*, with what has no shape of its kind left out."""
    key_id = key_id.strip()
    if is_access_key_id(key_id):
        kind = kind if kind is CredentialKind.ROOT else CredentialKind.ACCESS_KEY
    elif is_temporary_key_id(key_id):
        kind = kind if kind is CredentialKind.ROOT else CredentialKind.SESSION
    else:
        key_id = ""
    is_principal = _PRINCIPAL.fullmatch(principal) or parse_unique_id(principal) is not None
    subject = SignalSubject(
        kind=kind,
        account=account if _ACCOUNT.fullmatch(account) else "",
        key_id=key_id,
        principal=principal
        if is_principal and not holds_secret(principal.partition("/")[2])
        else "",
        resource=_kept(resource, _LONGEST_RESOURCE),
    )
    shown = _kept(title, _LONGEST_TITLE) or f"reported by {source}"
    named = _kept(identity, _LONGEST_ID)
    if not named:
        # A report without an id of its own is the same one where it says the same.
        parts = (source, shown, subject, first_seen)
        named = sha256(repr(parts).encode()).hexdigest()[:32]
    return Report(source=source, id=named, title=shown, subject=subject, first_seen=first_seen)


def _kept(text: str, longest: int) -> str:
    return "" if holds_secret(text) else one_line(text, longest)
