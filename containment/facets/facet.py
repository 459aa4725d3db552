"""What every facet offers a lift: find what is ours, decide what becomes of it, give it back.

A facet is one part of a principal that containment changes: its deny, an attached AWSDenyAll, its
trust policy, its credentials. Each has a module, or an object, that keeps :class:`Facet`, and the
action that changes it names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

from containment.aws.sign_ins import SignIns
from containment.errors import ConflictError
from containment.facets.decisions import way_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import FacetName, Word
    from containment.facets.write import Write
    from containment.identities import Principal

Changes: TypeAlias = "Mapping[str, Sequence[str | None]]"
# Which of some incidents, the oldest first, somebody knows of who wrote no tag; None for none.
KnownOf: TypeAlias = "Callable[[Sequence[str]], str | None]"
F = TypeVar("F", bound="Presence")
P = TypeVar("P")  # what a state or a snapshot remembers of the facet
D = TypeVar("D")  # what was decided


class Artefact(Protocol):
    """Anything of ours that says which write it is of: a mark or a claim."""

    @property
    def snapshot_id(self) -> str: ...

    @property
    def generation(self) -> int: ...


class Presence(Protocol):
    """What of an incident is there; *mark* is its newest artefact, if there is one.

    *in_force* is False for what binds nobody any more, as a release fence.
    """

    @property
    def mark(self) -> Artefact | None: ...

    @property
    def in_force(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class History:
    """What an intact ledger says of a principal under one snapshot; empty where there is none.

    Attributes:
        before: what each facet was before containment, by the names of ``aws.recording``.
        changed: the facets that this incident changed, and what it made of each, in order.
        kept: the credentials that the lift of another incident left Inactive for good.
    """

    before: Mapping[str, str] = field(default_factory=dict[str, str])
    changed: Changes = field(default_factory=dict[str, "Sequence[str | None]"])
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Present:
    """What is found of a facet whose artefact holds the principal wherever it is there."""

    mark: Artefact | None

    @property
    def in_force(self) -> bool:
        """True where it is there."""
        return self.mark is not None


def _ignore(_incident: str, _names: Sequence[str]) -> None:
    """Note nothing."""


def _names_all(_principal: Principal) -> bool:
    """Take every principal for one that the spec names."""
    return True


def believe_all(incidents: Sequence[str]) -> str | None:
    """Take the first of *incidents* for one that is known."""
    return next(iter(incidents), None)


@dataclass(frozen=True, slots=True)
class Terms:
    """On what the lift of one incident goes, whichever facet of the principal it is of.

    Attributes:
        incident: whose containment is lifted.
        snapshot_id: under which snapshot it was made.
        generation: of what the lift writes.
        leaked: the ids of the leaked credentials; with none named, every one counts as leaked.
        compromised_at: T0, ISO 8601.
        false_positive: True where everything comes back, leaked credentials included.
        keeps_leaked: True where those stay Inactive all the same.
        recall: reads what an intact ledger says, once it is asked for.
        decisions: what somebody decided, by facet.
        stands_in: True where a ledger stands in for the state, which it must not bear out itself.
        spared: True where nothing may be denied: no fence is written, no key made Inactive.
        brief: True where nothing is asked of AWS that a look at the principal has not read: other
            incidents are known by their tags alone.
        known_of: tells an incident that holds something from a tag that anybody may have written.
        names: tells whether the spec, as it is now, names a principal, which is whom the lift is
            of: *leaked* is then what the spec says. Else a second source has to say what leaked.
        sign_ins: lists and revokes sign-in sessions.
        note_kept: notes, in another incident's ledger, which credentials this lift keeps Inactive.
    """

    incident: str
    snapshot_id: str = ""
    generation: int = 0
    leaked: Sequence[str] = ()
    compromised_at: str = ""
    false_positive: bool = False
    keeps_leaked: bool = False
    recall: Callable[[], History] = History
    decisions: Mapping[FacetName, Word] = field(default_factory=dict["FacetName", "Word"])
    stands_in: bool = False
    brief: bool = False
    known_of: KnownOf = believe_all
    spared: bool = False
    names: Callable[[Principal], bool] = _names_all
    note_kept: Callable[[str, Sequence[str]], None] = _ignore
    sign_ins: SignIns = field(default_factory=SignIns)

    @property
    def history(self) -> History:
        """What an intact ledger says."""
        return self.recall()


@dataclass(frozen=True, slots=True)
class Returns(Generic[D]):
    """What a lift does with one facet, decided and not yet done.

    Attributes:
        decided: the decision, as its facet carries it out; None where there is nothing to do.
        will: what it brings, for whoever looks before it.
        announced: the part of *will* that every look at the principal says.
        stays: the part of *will* that says what does not come back, and why.
        writes: what is written, where it can be told before.
        conflict: why it cannot be carried out as things stand.
        widens: what gives access back, by the names of ``aws.recording``, and who says that it was
            so: ``state``, ``claim``, ``ledger`` or ``decision``.
        asks: what else than its own facet somebody may decide about.
    """

    decided: D | None = None
    will: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()
    conflict: ConflictError | None = None
    widens: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    asks: tuple[FacetName, ...] = ()


class Facet(Protocol[F, P, D]):
    """One part of a principal that containment changes: a module of functions, or an object.

    Attributes:
        NAME: what it is called, and no other facet.
        WORD: the word by which somebody decides about it.
        IN_FORCE: what is said where it holds the principal.
        TURN: when a lift gives it back; a fence comes first, credentials come last.
    """

    NAME: str
    WORD: FacetName
    IN_FORCE: str
    TURN: int

    def find(self, live: LivePrincipal, incident: str, /) -> F:
        """Return what of *incident* is there."""
        ...

    def decide(self, live: LivePrincipal, presence: F, prior: P, terms: Terms, /) -> Returns[D]:
        """Return what the lift does with *presence*; nothing is changed.

        *prior* is what the state, or the snapshot, remembers of it.
        """
        ...

    def give_back(self, live: LivePrincipal, returns: Returns[D], terms: Terms, /) -> list[str]:
        """Do what was decided; return what was done, in words without the principal.

        Raises:
            ConflictError: it cannot be done as things stand; what is ours stays.
            NotContainedError: AWS took a change and reading it back does not show it.
        """
        ...

    def unrecorded(self, live: LivePrincipal, prior: P, changed: Changes, /) -> P | None:
        """Return what to lift where neither mark nor claim is left, by what a ledger says we did.

        None where nothing of it is to be given back, or where its artefacts carry marks.
        """
        ...


def undecided(
    live: LivePrincipal,
    incident: str,
    facet: FacetName,
    what: str,
    *,
    force_ours: str,
    keep_theirs: str,
) -> ConflictError:
    """Return what is said where somebody has to decide: *what* is doubtful, and both ways out."""
    return ConflictError(
        f"{live}: {what}",
        remedy=way_out(
            incident, facet, live.principal, force_ours=force_ours, keep_theirs=keep_theirs
        ),
    )
