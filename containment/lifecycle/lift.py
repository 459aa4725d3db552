"""The plan of a lift: what it does to a principal, facet by facet, decided and not yet done.

An action's delete carries its plan out; the preview of a lift, a look at the principal, a restore
by the ledger and the snapshot's last line show or carry out the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from containment.errors import ConflictError
from containment.facets.decisions import way_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Facet, Presence, Returns, Terms

# What is remembered of each facet.
Priors: TypeAlias = "Mapping[Facet[Any, Any, Any], Any]"


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with one facet."""

    facet: Facet[Any, Any, Any]
    returns: Returns[Any]


@dataclass(frozen=True, slots=True)
class LiftPlan:
    """What a lift does to *live*.

    Attributes:
        live: the principal, as it was read for the plan.
        terms: on what the lift goes.
        groups: what is done, in order; the steps of one group are done together or not at all.
        superseded: True where a later write of the same resource is in force: nothing is done.
        strange: a mark of the incident that this stack did not make: nothing is done, and somebody
            has to decide.
        leftovers: for the plan of a snapshot, what is in force under it, in words.
    """

    live: LivePrincipal
    terms: Terms
    groups: tuple[tuple[Step, ...], ...] = ()
    superseded: bool = False
    strange: ConflictError | None = None
    leftovers: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is done, in order."""
        return tuple(step for group in self.groups for step in group)

    @property
    def will(self) -> tuple[str, ...]:
        """What it brings, for whoever looks before it."""
        if self.superseded:
            return ("a newer write is in force; this one is superseded, nothing is done",)
        return tuple(line for step in self.steps for line in step.returns.will)

    @property
    def stays(self) -> tuple[str, ...]:
        """The part of *will* that says what does not come back."""
        return tuple(line for step in self.steps for line in step.returns.stays)

    @property
    def announced(self) -> tuple[str, ...]:
        """What every look at the principal says of a lift to come."""
        asking = (
            step.returns.announced
            or ((f"{step.facet.WORD} asks for a decision",) if step.returns.conflict else ())
            for step in self.steps
        )
        return tuple(line for announced in asking for line in announced)

    @property
    def conflicts(self) -> tuple[ConflictError, ...]:
        """Why it cannot be carried out as things stand."""
        if self.strange is not None:
            return (self.strange,)
        conflicts = (step.returns.conflict for step in self.steps)
        return tuple(conflict for conflict in conflicts if conflict is not None)

    @property
    def empty(self) -> bool:
        """True where nothing of ours is there, so that nothing is done."""
        return all(
            step.returns.decided is None and step.returns.conflict is None for step in self.steps
        )

    @property
    def widens(self) -> Mapping[str, frozenset[str]]:
        """What gives access back, by the names of ``aws.recording``, and who says it was so."""
        return {name: who for step in self.steps for name, who in step.returns.widens.items()}

    def joined(self, other: LiftPlan) -> LiftPlan:
        """Return one plan of this and of *other*, which is of the same lift."""
        groups = sorted(
            (group for group in (*self.groups, *other.groups) if group),
            key=lambda group: group[0].facet.TURN,
        )
        return replace(self, groups=tuple(groups), strange=self.strange or other.strange)

    def carry_out(self) -> Iterator[str]:
        """Do it, step by step; yield what was done, in words.

        Raises:
            ConflictError: a group cannot be done as things stand; those before it were done.
            NotContainedError: AWS took a change and reading it back does not show it.
        """
        if self.strange is not None:
            raise self.strange
        for group in self.groups:
            for step in group:
                if step.returns.conflict is not None:
                    raise step.returns.conflict
            for step in group:
                for line in step.facet.give_back(self.live, step.returns, self.terms):
                    yield f"{self.live}: {line}"


def find(live: LivePrincipal, priors: Priors, incident: str) -> dict[str, Any]:
    """Return what of *incident* is there, by the name of each facet in *priors*."""
    return {facet.NAME: facet.find(live, incident) for facet in in_turn(priors)}


def in_turn(facets: Iterable[Facet[Any, Any, Any]]) -> tuple[Facet[Any, Any, Any], ...]:
    """Return *facets*, each once, in the order in which a lift gives them back."""
    return tuple(sorted(dict.fromkeys(facets), key=lambda facet: facet.TURN))


def plan(
    live: LivePrincipal,
    priors: Priors,
    terms: Terms,
    *,
    generation: int | None = None,
    presences: Mapping[str, Any] | None = None,
) -> LiftPlan:
    """Return the plan for the facets in *priors*, each with what is remembered of it.

    Args:
        live: the principal.
        priors: what is remembered, by facet.
        terms: on what the lift goes.
        generation: of the write that is lifted; what is newer supersedes it. None where whatever
            is under the snapshot is lifted.
        presences: what of the incident is there, by the name of the facet, where it was looked for.
    """
    facets = in_turn(priors)
    presences = presences or find(live, priors, terms.incident)
    if generation is not None:
        newer = newer_snapshots(presences.values(), generation)
        strange = sorted(newer - {terms.snapshot_id})
        if strange and facets[0].WORD not in terms.decisions:
            return LiftPlan(live, terms, strange=_strange(live, facets[0].WORD, strange, terms))
        if terms.snapshot_id in newer:
            return LiftPlan(live, terms, superseded=True)
    steps = tuple(
        Step(facet, facet.decide(live, presences[facet.NAME], priors[facet], terms))
        for facet in facets
    )
    return LiftPlan(live, terms, (steps,))


def remaining(live: LivePrincipal, priors: Priors, terms: Terms) -> Priors:
    """Return which of *priors* are of something in force under the snapshot, or unrecorded.

    All of them where any is: a deny is fenced before what stands in its place goes. What neither
    mark nor claim shows counts where the ledger of *terms* says that we did it.
    """
    facets = in_turn(priors)
    unrecorded: dict[Facet[Any, Any, Any], Any] = {}
    any_in_force = False
    for facet in facets:
        presence: Presence = facet.find(live, terms.incident)
        own = presence.mark is not None and presence.mark.snapshot_id == terms.snapshot_id
        if own and presence.in_force:
            any_in_force = True
        elif not own and terms.stands_in:
            lost = facet.unrecorded(live, priors[facet], terms.history.changed)
            if lost is not None:
                unrecorded[facet] = lost
    return {**priors, **unrecorded} if any_in_force or unrecorded else {}


def newer_snapshots(presences: Iterable[Presence], generation: int) -> set[str]:
    """Return the snapshots under which something of *presences* was written after *generation*."""
    marks = [item.mark for item in presences if item.mark is not None]
    return {mark.snapshot_id for mark in marks if mark.generation > generation}


def _strange(
    live: LivePrincipal, facet: FacetName, snapshots: list[str], terms: Terms
) -> ConflictError:
    return ConflictError(
        f"{live} carries a newer mark of {terms.incident} under a snapshot that is not this"
        f" stack's ({', '.join(snapshots)}), so nothing of it is lifted",
        remedy="find in CloudTrail who wrote it, then "
        + way_out(
            terms.incident,
            facet,
            live.principal,
            force_ours="lifts it with ours",
            keep_theirs="lifts ours alone",
        ),
    )
