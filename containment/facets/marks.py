"""How an artefact of ours is told from everybody else's.

A policy is named ``containment-<incident>``, and each statement of ours has a Sid of letters and
digits only (IAM's grammar for Sid): ``Containment``, 12 base32 characters of the incident's
SHA-256, the snapshot's id (10), the generation (9). The generation is ordered, so that a late
write by a process that should be dead is seen to be older than the one in force.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_SID = re.compile(
    r"Containment(?P<incident>[A-Z2-7]{12})(?P<snapshot>[0-9a-z]{10})(?P<generation>[0-9a-z]{9})[0-9]?"
)
# The most that nine base36 digits hold: reached in the year 5188, or by whoever forges a mark.
NEWEST = 36**9 - 1
_POLICY_PREFIX = "containment-"
_TAG_PREFIX = "containment:"
_ATTACHMENT_SUFFIX = "/AWSDenyAll"
_INCIDENT = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")


def is_snapshot_id(text: str) -> bool:
    """Tell whether *text* is a snapshot's id as a mark can carry it."""
    return re.fullmatch(r"[0-9a-z]{10}", text) is not None


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose artefact it is: incident, snapshot and generation, as a Sid says it."""

    incident_hash: str
    snapshot_id: str
    generation: int

    @property
    def sid(self) -> str:
        """The Sid that carries this mark (42 characters)."""
        return f"Containment{self.incident_hash}{self.snapshot_id}{_base36(self.generation)}"

    def is_of(self, incident: str) -> bool:
        """Tell whether this mark is of *incident*."""
        return self.incident_hash == incident_hash(incident)


def mark(incident: str, snapshot_id: str, generation: int) -> Mark:
    """Return the mark of one write for *incident* under *snapshot_id*."""
    return Mark(incident_hash(incident), snapshot_id, generation)


def parse_sid(sid: object) -> Mark | None:
    """Return the mark that *sid* carries, or None if it is not of ours."""
    match = _SID.fullmatch(sid) if isinstance(sid, str) else None
    if match is None:
        return None
    return Mark(match["incident"], match["snapshot"], int(match["generation"], 36))


def incident_hash(incident: str) -> str:
    """Return the 12 characters that stand for *incident* in a Sid."""
    return b32encode(sha256(incident.encode()).digest())[:12].decode()


def new_snapshot_id() -> str:
    """Return a fresh random snapshot id: 10 characters, 51 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def is_incident(name: str) -> bool:
    """Tell whether *name*, which a tag or a policy gave, can be an incident's."""
    return _INCIDENT.fullmatch(name) is not None


def policy_name(incident: str) -> str:
    """Return the name of the incident's inline policy."""
    return _POLICY_PREFIX + incident


def incident_of_policy(name: str) -> str | None:
    """Return the incident that an inline policy's *name* claims, if it looks like ours."""
    return name.removeprefix(_POLICY_PREFIX) if name.startswith(_POLICY_PREFIX) else None


def credentials_tag(incident: str) -> str:
    """Return the tag key under which *incident* claims credential statuses."""
    return _TAG_PREFIX + incident


def attachment_tag(incident: str) -> str:
    """Return the tag key under which *incident* claims an attachment of AWSDenyAll."""
    return _TAG_PREFIX + incident + _ATTACHMENT_SUFFIX


def incident_of_tag(key: str) -> str | None:
    """Return the incident that a tag *key* claims for, if it looks like ours."""
    if not key.startswith(_TAG_PREFIX):
        return None
    # What follows says of what the claim is, or that it goes on; an incident has no slash.
    return key.removeprefix(_TAG_PREFIX).partition("/")[0]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return digits.rjust(9, "0")
