"""What an interrupted run left on a principal: found by the snapshot's id, and lifted.

After a crash the engine never calls Delete on a resource whose Create was interrupted, deletes the
rest and reports success. The snapshot goes last, so it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.facets import attachment, credentials, deny, detaching, fence, returning, trust
from containment.facets.marks import mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import Word

_DENY, _ATTACHED, _TRUST, _KEYS = (
    "a deny",
    "AWSDenyAll",
    "a closed trust policy",
    "deactivated keys",
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a snapshot knows that a lift needs, facet by facet."""

    incident: str
    snapshot_id: str
    generation: int
    fenced: bool
    keys: returning.Terms
    attached: detaching.Terms
    trust: trust.Terms
    tell: returning.Tell
    decision: Word | None = None


def find(live: LivePrincipal, incident: str, snapshot_id: str) -> list[str]:
    """Return, in words, what is in force on *live* under *snapshot_id*; a fence is not."""
    found = deny.find(live, incident)
    there = {
        _DENY: found.mark if found.in_force else None,
        _ATTACHED: attachment.find(live, incident),
        _TRUST: trust.newest(live.trust_policy, incident),
        _KEYS: credentials.find(live, incident),
    }
    return [what for what, mine in there.items() if mine and mine.snapshot_id == snapshot_id]


def lift(live: LivePrincipal, remembered: Remembered, left: Sequence[str]) -> list[str]:
    """Lift *left* as the actions would have; return what was done, in words.

    Raises:
        ConflictError: as the lift of each facet does.
    """
    incident = remembered.incident
    done: list[str] = []
    if _DENY in left or _ATTACHED in left:
        # AWSDenyAll too needs its fence before it goes.
        attached = detaching.decide(live, incident, remembered.attached)
        found = deny.find(live, incident)
        newer = max(remembered.generation, found.mark.generation + 1 if found.mark else 0)
        done.append(
            fence.lift(
                live,
                incident,
                deny.scope_of(found, incident),
                found,
                mark(incident, remembered.snapshot_id, newer),
                fenced=remembered.fenced,
                decision=remembered.decision,
            )
        )
        if _ATTACHED in left:
            done.extend(detaching.take_away(live, incident, attached))
    if _TRUST in left:
        done.append(trust.lift(live, incident, remembered.trust))
    if _KEYS in left:
        done.extend(returning.lift(live, incident, remembered.keys, remembered.tell))
    return done
