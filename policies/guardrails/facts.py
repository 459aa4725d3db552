"""What the rules are asked of. None stands for what could not be found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

Effect = Literal["contain", "raise", "lower", "repair", "lift", "keep", "refuse"]
"""What happens to a principal, in the words of a diff."""


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document that is written: as it is now and as it would be; None for none."""

    subject: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class PrincipalFacts:
    """One principal of a change.

    Attributes:
        arn: whose.
        effect: what happens to it; None where that is not known.
        protections: as what nobody may deny it anything, such as ``break-glass``.
        documents: what is written; None where that is not known.
        irreversible: what cannot be undone of it; None where that is not known.
        resembles: ARNs that its own is easily mistaken for.
    """

    arn: str
    effect: Effect | None = None
    protections: tuple[str, ...] = ()
    documents: tuple[Document, ...] | None = ()
    irreversible: tuple[str, ...] | None = ()
    resembles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One incident of a change.

    Attributes:
        incident: its id.
        disposition: what was decided about it; None where nobody can tell.
        owner: who answers for it; None where nobody can tell.
        review_by: when somebody decides again; None where nobody can tell.
        now: the time of the review.
        hold: whether nothing of it may be released; None where nobody can tell.
        guard: the guard's mode once it is applied; None where nobody can tell.
        guard_before: the guard's mode now; None where nobody can tell.
        guard_required: whether the profile asks for a guard.
        removed: whether the change takes the incident's spec away.
        renamed_from: the incident whose spec the same change takes away, and whom it named.
        principals: one each.
    """

    incident: str
    disposition: str | None
    owner: str | None
    review_by: datetime | None
    now: datetime
    hold: bool | None = False
    guard: str | None = "off"
    guard_before: str | None = "off"
    guard_required: bool = False
    removed: bool = False
    renamed_from: str = ""
    principals: tuple[PrincipalFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class WholeFacts:
    """All incidents of a change together, and how many principals and accounts one may touch."""

    principals: tuple[str, ...]
    accounts: tuple[str, ...]
    most_principals: int
    most_accounts: int
    specs: int = 0
    other_paths: int = 0
