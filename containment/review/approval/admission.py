"""What of an approved plan may be applied now: all of it, what only adds, or nothing.

What a plan was made of may not have changed. What is *live* may: then nothing is given back, lost
for good or set on an account by the old approval, and who is to be contained still is, on a plan
made anew, within the principals and rungs that were approved. Else an attacker who changes a tag
every second would keep everybody from being contained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import RefusedError
from containment.lifecycle.oversight import APPROVAL
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.ledger.journal import Journal
    from containment.review.approval.bound import IncidentPlan, Plan, PrincipalPlan

_CONTAINING = frozenset({"contain", "raise", "repair", "keep"})
_BOUND = {
    "base": "the base",
    "commit": "the commit",
    "account": "the account",
    "program": "the program (Pulumi.yaml, __main__.py)",
    "provider": "the provider (containment itself)",
    "profile": "the profile",
}
_BOUND_OF_INCIDENT = {
    "spec": "the spec",
    "beside": "what is kept beside the spec",
    "state": "the state of the stack",
}


@dataclass(frozen=True, slots=True)
class Admission:
    """What may be applied of a plan: whom it contains, and what of it is void, in words."""

    plan: IncidentPlan
    principals: frozenset[str]
    voids: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True where nothing of it is void."""
        return not self.voids


def admit(approved: Plan, now: Plan, stack: str) -> Admission:
    """Return what of *approved* may be applied to *stack*, where *now* is the plan made anew.

    Raises:
        RefusedError: nothing may; names all that has changed.
    """
    before, after = approved.plan_for(stack), now.plan_for(stack)
    if before is None or after is None:
        raise RefusedError(
            f"the change that was approved does not touch {stack}",
            remedy="name a stack of it, or have this one reviewed",
        )
    changed = [
        words for name, words in _BOUND.items() if getattr(approved, name) != getattr(now, name)
    ]
    changed += [
        words
        for name, words in _BOUND_OF_INCIDENT.items()
        if getattr(before, name) != getattr(after, name)
    ]
    if changed:
        verb = "is not what was" if len(changed) == 1 else "are not what was"
        raise RefusedError(
            f"{', '.join(changed)} {verb} approved",
            remedy="have it reviewed and approved anew",
        )
    if after.refused:
        raise RefusedError(
            f"it is refused now: {plain('; '.join(after.refused))}",
            remedy=f"see 'containment review {stack}', and mend that",
        )
    by_principal = {item.principal: item for item in before.principals}
    principals: set[str] = set()
    voids: list[str] = []
    for item in after.principals:
        was = by_principal.get(item.principal)
        if was == item or (item.only_adds and _is_within(was, item)):
            principals.add(item.principal)
            continue
        if _is_within(was, item) and "irreversible" not in item.actions:
            principals.add(item.principal)  # what is of the account alone is left out
        voids.append(_void(was, item))
    return Admission(after, frozenset(principals), tuple(voids))


def require_unused(journal: Journal, plan: Plan) -> None:
    """Refuse an approval that the ledger has been told of.

    Raises:
        RefusedError: it was used, or nobody can tell.
    """
    inspection, chain = journal.read()
    if inspection.verdict not in {"intact", "missing"} or (
        inspection.verdict == "missing" and inspection.why
    ):
        raise RefusedError(
            f"whether this approval was used is not known: {inspection.why}",
            remedy="see docs/ledger.md; 'containment up' without it contains all the same",
        )
    for entry in chain.entries:
        if (entry.get("kind"), entry.get("plan")) == (APPROVAL, plan.digest):
            raise RefusedError(
                f"this approval was used already, at {plain(str(entry.get('at')))}: entry"
                f" {entry.get('n')} of the ledger",
                remedy="have it reviewed and approved anew",
            )


def use(
    journal: Journal, admission: Admission, plan: Plan, persons: Sequence[str], operator: str
) -> int | None:
    """Put on record that *plan* is used, by whom it was approved and what may be done by it.

    Returns the number of the entry.

    Raises:
        RefusedError: it cannot be written.
    """
    entry = {
        "plan": plan.digest,
        "commit": plan.commit,
        "approved_by": list(persons),
        "actions": list(admission.plan.actions),
        "state": admission.plan.state,
        "void": list(admission.voids),
        "operator": operator,
    }
    try:
        return journal.write(APPROVAL, entry, required=True)
    except RefusedError as error:
        raise RefusedError(
            f"that the approval is used cannot be written to the ledger {journal.location}",
            remedy="see docs/ledger.md; 'containment up' without it contains all the same",
        ) from error


def _is_within(was: PrincipalPlan | None, item: PrincipalPlan) -> bool:
    """Tell whether *item* contains somebody who was to be contained, at the same rung."""
    return (
        was is not None
        and was.verb in _CONTAINING
        and item.verb in _CONTAINING
        and was.rung == item.rung
    )


def _void(was: PrincipalPlan | None, item: PrincipalPlan) -> str:
    what = f"{item.verb} {item.principal}"
    if was is None:
        return f"{what}: nobody approved anything about it"
    if item.actions != was.actions or item.rung != was.rung:
        approved = ", ".join(was.actions) or was.verb
        return f"{what} ({', '.join(item.actions) or 'nothing'}): {approved} was approved"
    return f"{what}: what is live of it has changed since it was approved"
