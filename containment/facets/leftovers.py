"""What of an incident is in force on a principal, whoever knows of it: found by its marks.

After a crash the engine never calls Delete on a resource whose Create was interrupted, deletes the
rest and reports success. The snapshot goes last, so it looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.aws.principal import LivePrincipal
    from containment.facets.facet import Facet

    Facets = Iterable[Facet[Any, Any, Any]]


def in_force(live: LivePrincipal, incident: str, facets: Facets) -> dict[str, str]:
    """Return the snapshot under which each of *facets* is held, by what is said of the facet.

    A release fence holds nothing.
    """
    presences = {facet.IN_FORCE: facet.find(live, incident) for facet in facets}
    return {what: item.mark.snapshot_id for what, item in presences.items() if item.in_force}


def find(live: LivePrincipal, incident: str, snapshot_id: str, facets: Facets) -> list[str]:
    """Return, in words, what of *facets* is in force on *live* under *snapshot_id*."""
    snapshots = in_force(live, incident, facets)
    return [what for what, own in snapshots.items() if own == snapshot_id]


def snapshots(live: LivePrincipal, incident: str, facets: Facets) -> set[str]:
    """Return the snapshots under which *incident* has left something in force on *live*."""
    return set(in_force(live, incident, facets).values())
