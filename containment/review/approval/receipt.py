"""What was done by an approval, beside what it named: the calls made and the calls named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containment.diff import written
from containment.review.approval.bound import call_names, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containment.messages import MadeChange
    from containment.review.approval.admission import Admission
    from containment.review.approval.bound import Plan

NAMESPACE = "containment-receipt"
"""What a signature of a receipt is for."""

VERSION = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of an approved plan.

    Attributes:
        plan: digest of the plan.
        incident: of which incident.
        operator: who called AWS.
        ended_at: when it ended.
        ended: how, in words.
        named: the calls that the plan names, each a principal and what is written on it.
        made: the calls that were made.
        void: what of the plan was not applied, and why.
    """

    plan: str
    incident: str
    operator: str
    ended_at: str
    ended: str
    named: tuple[tuple[str, str], ...]
    made: tuple[tuple[str, str], ...]
    void: tuple[str, ...] = ()

    @property
    def unnamed(self) -> tuple[tuple[str, str], ...]:
        """The calls that were made and that the plan does not name."""
        return tuple(sorted(set(self.made) - set(self.named)))

    @property
    def not_made(self) -> tuple[tuple[str, str], ...]:
        """The calls that the plan names and that were not made."""
        return tuple(sorted(set(self.named) - set(self.made)))

    def as_document(self) -> dict[str, Any]:
        """Return it as a JSON document, unsigned."""
        rows = {
            name: [{"principal": principal, "what": what} for principal, what in calls]
            for name, calls in (
                ("named", self.named),
                ("made", self.made),
                ("unnamed", self.unnamed),
                ("not_made", self.not_made),
            )
        }
        return {
            "version": VERSION,
            "plan": self.plan,
            "incident": self.incident,
            "operator": self.operator,
            "at": self.ended_at,
            "ended": self.ended,
            **rows,
            "void": list(self.void),
        }

    def signed(self, sign: Callable[[bytes], str]) -> str:
        """Return it as text, with a signature by *sign*."""
        document = self.as_document()
        signature = sign(payload_of(document))
        return json.dumps({**document, "signature": signature}, indent=1) + "\n"


def receipt_of(
    plan: Plan,
    admission: Admission,
    made: Iterable[MadeChange],
    *,
    operator: str,
    ended_at: str,
    ended: str,
) -> Receipt:
    """Return the receipt of what was done by *plan* as far as *admission* lets it."""
    named = {
        (item.principal, call)
        for item in admission.plan.principals
        if admission.is_whole or item.principal in admission.principals
        for call in item.calls
    }
    rows = {
        (principal, name)
        for principal, changes in written(made).items()
        for change in changes
        for name in call_names(change.subject)
    }
    return Receipt(
        plan.digest,
        admission.plan.incident,
        operator,
        ended_at,
        ended,
        tuple(sorted(named)),
        tuple(sorted(rows)),
        admission.voids,
    )


def payload_of(document: dict[str, Any]) -> bytes:
    """Return what is signed of the receipt that *document* is."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    return f"{NAMESPACE} {digest_of(unsigned)}\n".encode()
