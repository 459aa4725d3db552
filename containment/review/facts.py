"""What the guardrails are asked of, taken from specs, states and diffs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import ContainmentError
from containment.identities import parse_principal
from containment.preflight import protected, uneditable
from policies.guardrails import Document, PrincipalFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from containment.diff import Change, PrincipalDiff
    from containment.identities import Principal
    from containment.profile import Profile

# Letters and digits that a reader takes for each other, in the alphabet that IAM names have.
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "8": "b", "2": "z", "_": "-"})
_LEFT_OUT = str.maketrans(dict.fromkeys("-.,+=@"))
# What the deny of an action says where it takes away what others wrote.
_WITHOUT_OTHERS = "with what others wrote into it there is no room"


def principal_facts(
    item: PrincipalDiff,
    profile: Profile,
    *,
    break_glass: Collection[str],
    others: Collection[str],
) -> PrincipalFacts:
    """Return what the rules are asked of one principal.

    Args:
        item: what happens to it.
        profile: the base's.
        break_glass: the ARNs that the spec names so, now or at the base.
        others: ARNs that it might be mistaken for.
    """
    is_analysed = not item.unread
    return PrincipalFacts(
        item.principal,
        item.verb if is_analysed or item.verb in {"lift", "lower"} else None,
        protections=protections(item.principal, profile, break_glass),
        documents=tuple(_documents(item.changes)) if is_analysed else None,
        irreversible=irreversible(item) if is_analysed else None,
        resembles=tuple(resembling(item.principal, others)),
    )


def protections(arn: str, profile: Profile, break_glass: Collection[str]) -> tuple[str, ...]:
    """Return as what nobody may deny *arn* anything."""
    principal = parse_principal(arn)
    parts = [error.message.removeprefix(f"{principal.arn} is ") for error in uneditable(principal)]
    parts += [
        error.message.removeprefix(f"{principal.arn} is ").partition(", and no incident")[0]
        for error in protected(principal, profile)
    ]
    named = (parse_principal(one) for one in break_glass)
    if any(_identity(one) == _identity(principal) for one in named):
        parts.append("a break-glass principal of this incident")
    return tuple(parts)


def irreversible(item: PrincipalDiff) -> tuple[str, ...]:
    """Return what applying it does to *item* that no lift undoes."""
    return tuple(
        f"{change.subject} is written without what others wrote into it, which is lost"
        for change in item.changes
        if _WITHOUT_OTHERS in change.reason
    )


def resembling(arn: str, others: Iterable[str]) -> list[str]:
    """Return those of *others* that *arn* is easily mistaken for, and is not."""
    own = parse_principal(arn)
    named: list[str] = []
    for other in others:
        try:
            one = parse_principal(other)
        except ContainmentError:
            continue
        if _identity(one) == _identity(own):
            continue
        if one.kind == own.kind and _skeleton(one.name) == _skeleton(own.name):
            named.append(one.arn)
    return sorted(set(named))


def _identity(principal: Principal) -> tuple[str, str, str]:
    return principal.account, principal.kind, principal.name.lower()


def _skeleton(name: str) -> str:
    return name.lower().translate(_ALIKE).replace("rn", "m").replace("vv", "w").translate(_LEFT_OUT)


def _documents(changes: Iterable[Change]) -> Iterable[Document]:
    for change in changes:
        if not change.lines:
            continue
        before = "\n".join(line.text for line in change.lines if line.sign != "+")
        after = "\n".join(line.text for line in change.lines if line.sign != "-")
        yield Document(change.subject, before or None, after or None)
