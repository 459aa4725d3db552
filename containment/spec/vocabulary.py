"""The words a spec may use, each with what it means. The reference page is made from these."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.identities import PrincipalKind


class Rung(StrEnum):
    """How far a principal is contained; least disruptive first. Exactly one a principal."""

    KEY_ONLY = "key-only"
    SESSION = "session"
    REVOKE_SESSIONS = "revoke-sessions"
    CLOSE_TRUST = "close-trust"
    DENY_ALL = "deny-all"


class Disposition(StrEnum):
    """What the incident turned out to be; it decides what a lift gives back."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"


class Severity(StrEnum):
    """How bad it is, for whoever reads the list of incidents."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Cause(StrEnum):
    """How the credential got out; ``unknown`` is an answer, silence is not."""

    EXPOSED_IN_SOURCE = "exposed-in-source"
    EXPOSED_IN_LOG = "exposed-in-log"
    PHISHING = "phishing"
    MALWARE = "malware"
    SOCIAL_ENGINEERING = "social-engineering"
    VULNERABILITY = "vulnerability"
    MISCONFIGURATION = "misconfiguration"
    INSIDER = "insider"
    THIRD_PARTY = "third-party"
    OTHER = "other"
    UNKNOWN = "unknown"


class GuardMode(StrEnum):
    """What a service control policy holds in the affected account while the incident lasts."""

    OFF = "off"
    FREEZE = "freeze"
    QUARANTINE = "quarantine"


DEFAULT_RUNG: Mapping[PrincipalKind, Rung] = {
    "user": Rung.DENY_ALL,
    "role": Rung.REVOKE_SESSIONS,
}

# What each rung holds, by kind of principal. A rung that is not here for a kind is refused, and
# REFUSED says why and what to use.
# Sources: IAM User Guide, "Disabling permissions for temporary security credentials" and "Revoke
# IAM role temporary security credentials"; STS API reference, GetSessionToken (up to 36 hours).
RUNG_EFFECTS: Mapping[tuple[PrincipalKind, Rung], str] = {
    ("user", Rung.KEY_ONLY): (
        "the keys in `leaked` go Inactive; sessions made with them earlier live up to 36 hours"
    ),
    ("user", Rung.SESSION): "the federated and sign-in sessions named in `sessions` are denied",
    ("user", Rung.DENY_ALL): "everything is denied and every credential of the user goes Inactive",
    ("role", Rung.SESSION): (
        "the sessions in `sessions` are denied, by name, source identity, address or instance"
    ),
    ("role", Rung.REVOKE_SESSIONS): ("every session issued before T is denied; new sessions work"),
    ("role", Rung.CLOSE_TRUST): (
        "nobody but break-glass may assume the role; then every session issued before T is denied"
    ),
    ("role", Rung.DENY_ALL): "everything is denied; the trust policy stays as it is",
}

REFUSED: Mapping[tuple[PrincipalKind, Rung], tuple[str, str]] = {
    ("user", Rung.REVOKE_SESSIONS): (
        "would leave the user's access key working",
        "write 'rung: deny-all'",
    ),
    ("user", Rung.CLOSE_TRUST): (
        "closes a trust policy, and a user has none",
        "write 'rung: deny-all'",
    ),
    ("role", Rung.KEY_ONLY): (
        "makes keys Inactive, and a role has none of its own",
        "write 'rung: revoke-sessions'",
    ),
}


def rungs_of(kind: PrincipalKind) -> tuple[Rung, ...]:
    """Return the rungs a principal of *kind* may have, least disruptive first."""
    return tuple(rung for rung in Rung if (kind, rung) in RUNG_EFFECTS)
