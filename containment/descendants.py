"""What came out of a leaked credential, kept beside the incident's spec until each is dealt with.

``stacks/inc-2026-0042.descendants.json`` is written by ``containment trace --propose`` and read at
a lift: giving access back while a key, a session or a door of the attacker still works would bring
them back. A record can hold a lift up, and have a guard deny federated sessions by their names;
nothing else in it is ever written to AWS, for whatever stands in it came out of logs.

A descendant is dealt with when it has ended by itself, when the lift itself keeps it shut (a key
that stays Inactive, a session behind the release fence), or when somebody wrote into its ``swept``
what was done about it. A user or role the attacker made, a password they set or a trust they opened
works again once a containment is lifted: only a person can say that it is gone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from containment import files
from containment.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VERSION = "containment-descendants-1"
# Kinds that a lift leaves Inactive where they were made after T0 or are named as leaked.
_CREDENTIALS = frozenset(
    {"access_key", "service_specific_credential", "ssh_public_key", "signing_certificate"}
)
_SESSIONS = frozenset({"access_key", "forwarded_session_key"})
_SHOWN = 5
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Descendant:
    """One credential, principal or door that came out of the seed."""

    id: str
    kind: str
    tier: str
    principal: str  # <account>/<user|role>/<name>; empty for what belongs to none
    session: str  # role session name, or the name that GetFederationToken gave
    issued_at: str
    ends: str  # when it stops by itself at the latest; empty if never
    event_id: str
    confidence: str
    swept: str = ""

    @property
    def is_session(self) -> bool:
        """Whether it is a temporary credential."""
        return self.kind in _SESSIONS and bool(self.ends)


@dataclass(frozen=True, slots=True)
class Traced:
    """One question that was asked, and how far the logs went."""

    seed: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Record:
    """All descendants of an incident, from every trace of it."""

    incident: str
    traces: tuple[Traced, ...] = ()
    descendants: tuple[Descendant, ...] = ()

    def with_new(self, other: Record) -> Record:
        """Return this with what *other* found; what was swept stays so, nothing is forgotten."""
        recorded = {(one.id, one.principal): one for one in self.descendants}
        for one in other.descendants:
            before = recorded.get((one.id, one.principal))
            recorded[one.id, one.principal] = replace(one, swept=before.swept) if before else one
        asked = {(one.seed, one.since): one for one in (*self.traces, *other.traces)}
        return replace(self, traces=tuple(asked.values()), descendants=tuple(recorded.values()))


@dataclass(frozen=True, slots=True)
class ContainedTarget:
    """A principal that the lift itself goes on keeping the attacker out of."""

    principal: str
    rung: str
    leaked: tuple[str, ...] = ()
    sessions: tuple[str, ...] = field(default=())

    def keeps_shut(self, one: Descendant) -> bool:
        """Tell whether *one* does not work again when this principal is lifted."""
        if one.principal.lower() != self.principal.lower():
            return False
        if self.rung == "key-only":
            return one.id in self.leaked
        if one.is_session:
            return self.rung != "session" or one.session in self.sessions
        return one.kind in _CREDENTIALS


def path_beside(spec: Path) -> Path:
    """Return where the record of *spec* is kept."""
    return spec.with_name(f"{spec.stem}.descendants.json")


def unswept(
    record: Record, contained: Iterable[ContainedTarget], now: datetime
) -> list[Descendant]:
    """Return the descendants that would work on, or again, after a lift at *now*."""
    shut = list(contained)
    return [
        one
        for one in record.descendants
        if not one.swept.strip()
        and not _ended(one, now)
        and not any(principal.keeps_shut(one) for principal in shut)
    ]


def describe_unswept(remaining: list[Descendant], path: Path) -> tuple[str, str]:
    """Return what to say where *remaining* is not empty, and the next step."""
    shown = ", ".join(
        f"{one.id} ({one.kind} of {one.principal or 'nobody'})" for one in remaining[:_SHOWN]
    )
    more = f" and {len(remaining) - _SHOWN} more" if len(remaining) > _SHOWN else ""
    what = (
        f"{len(remaining)} of what came out of the leaked credential would work on after a lift:"
        f" {shown}{more}"
    )
    return what, (
        "contain each ('containment trace … --propose'), or remove it and write what was done into"
        f" its 'swept' in {path}"
    )


def _ended(one: Descendant, now: datetime) -> bool:
    if not one.ends:
        return False
    return datetime.fromisoformat(one.ends) <= now


def load(path: Path) -> Record | None:
    """Return the record at *path*; None if there is none.

    Raises:
        SpecError: it cannot be read: then nobody knows what a lift would set free.
    """
    try:
        document = _document.decode(files.read(path, _LARGEST, within=path.parent.parent))
        for one in document.descendants:
            _ended(one, _FOREVER)
    except FileNotFoundError:
        return None
    # A time without a zone compares with none that has one.
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    if document.version != VERSION:
        raise _unreadable(path, f"its version is {document.version!r}")
    return Record(document.incident, document.traces, document.descendants)


@dataclass(frozen=True, slots=True)
class _Document:
    version: str
    incident: str
    traces: tuple[Traced, ...]
    descendants: tuple[Descendant, ...]


_document = msgspec.json.Decoder(_Document)
_FOREVER = datetime.max.replace(tzinfo=UTC)


def _unreadable(path: Path, why: str) -> SpecError:
    return SpecError(
        f"{path} is no record of descendants: {why}",
        remedy="mend it, or move it away and trace again with --propose",
    )


def dumps(record: Record) -> str:
    """Return the text of the record: ASCII, a field a line, so that a change can be reviewed."""
    document = {
        "$schema": "descendants.schema.json",
        "version": VERSION,
        "incident": record.incident,
        "traces": [asdict(one) for one in record.traces],
        "descendants": [asdict(one) for one in record.descendants],
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the record."""
    text = resources.files("containment").joinpath("descendants.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
