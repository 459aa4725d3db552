"""What a trace answers, as typed values; the outputs only print them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from containment.trail.facts.calls import Call
    from containment.trail.lineage.members import Confidence, Kind, Tier
    from containment.trail.logs.files import FileReport


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential or principal that came out of the seed, with how and what it did."""

    id: str
    kind: Kind
    tier: Tier
    parent: str
    link_event_ids: tuple[str, ...]
    issued_by: str
    issued_at: str
    for_principal: str
    owner: str
    owner_arn: str
    why: str
    confidence: Confidence
    generation: int
    expires: str
    event_count: int
    not_told_apart: int  # calls of its user that name no credential, and may be its
    event_names: dict[str, int]
    errors: int
    first_seen: str
    last_seen: str
    source_ips: tuple[str, ...]
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExternalTrust:
    """A role that a member opened to a principal outside its account."""

    role: str
    principal: str
    event_id: str
    time: str


@dataclass(frozen=True, slots=True)
class TracedCall:
    """A call with the credential that made it."""

    credential: str
    call: Call


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a member's calls named."""

    id: str
    arn: str  # empty where its form is not known
    type: str
    account: str
    regions: tuple[str, ...]
    tags: dict[str, str]
    owner: str
    first_touched: str
    last_touched: str
    classes: dict[str, int]
    credentials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Something the logs cannot answer, and why."""

    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole answer."""

    seed: str
    seed_kind: str
    since: str
    seed_principal: str
    files: tuple[FileReport, ...]
    origin: Credential
    credentials: tuple[Credential, ...]
    external_trust: tuple[ExternalTrust, ...]
    calls: tuple[TracedCall, ...]
    resources: tuple[Resource, ...]
    gaps: tuple[Gap, ...]
    accounts_without_records: tuple[str, ...] = ()  # reached by a member, and not in the logs
    records: int = 0
    classes: dict[str, int] = field(default_factory=dict)

    @property
    def unseen(self) -> bool:
        """Whether the logs hold nothing of the seed since T0: no answer, and no all-clear."""
        return not self.calls and not self.credentials

    def by_tier(self) -> dict[str, int]:
        """How many credentials each tier holds."""
        return dict(Counter(credential.tier for credential in self.credentials))
