"""Which entries have the shape that we write: what has another is no evidence.

A chain shows that nothing was changed since; whoever writes all of it anew, or appends to it,
writes what they like. An entry of another shape is passed over and named, and the others count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.ledger.chain import Entry


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _AccessKey(_Shape):
    accessKeyId: str  # noqa: N815 -- as it is written
    status: str


class _OtherCredential(_Shape):
    kind: str
    credentialId: str  # noqa: N815 -- as above
    status: str


class _Facts(_Shape):
    principal: str = ""
    trustPolicy: str | None = None  # noqa: N815 -- as above
    attachedPolicies: list[str] | None = None  # noqa: N815 -- as above
    captured: dict[str, dict[str, str]] | None = None
    accessKeys: list[_AccessKey] | None = None  # noqa: N815 -- as above
    otherCredentials: list[_OtherCredential] | None = None  # noqa: N815 -- as above
    lift: dict[str, Any] | None = None


class _Entry(_Shape):
    kind: str
    principal: str | None = None
    unique_id: str | None = None
    snapshot_id: str | None = None
    operator: str | None = None


class _Snapshot(_Entry):
    facts: _Facts = Field(default_factory=_Facts)


class _Terms(_Entry):
    lift: dict[str, Any] = {}


class _Intent(_Entry):
    facet: str | None = None
    before: str | None = None
    after: str | None = None


class _Outcome(_Entry):
    intent: int | None = Field(None, alias="of")
    facet: str | None = None
    result: str | None = None


class _Kept(_Entry):
    keys: list[str] = []


class _Continued(_Entry):
    ledger: dict[str, Any] = Field({}, alias="of")


_SHAPES: dict[object, type[_Entry]] = {
    "snapshot": _Snapshot,
    "terms": _Terms,
    "intent": _Intent,
    "outcome": _Outcome,
    "kept": _Kept,
    "continued": _Continued,
}


def proper(entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return the entries that have a shape of ours, and, in words, which of the others are not."""
    own: list[Entry] = []
    strange: list[str] = []
    for entry in entries:
        kind = entry.get("kind")
        shape = _SHAPES.get(kind, _Entry) if isinstance(kind, str) else _Entry
        try:
            shape.model_validate(entry)
        except (ValidationError, RecursionError):
            strange.append(f"entry {entry.get('n')} is none that we write, and is passed over")
        else:
            own.append(entry)
    return tuple(own), tuple(strange)
