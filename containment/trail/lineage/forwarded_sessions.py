"""Link forwarded access sessions: a service acts for its caller with a new key of that principal.

Such a key has no issuance record. Its signature: ``invokedBy`` on every use, the caller's own ARN,
and a creation time that equals a call of the caller's key (one second off at most). Where a
bystander's key of the same principal called in that second too, the object or secret named decides.

Source: AWS IAM User Guide, "Forward access sessions"; counted in public captures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.lineage.members import Member
from containment.trail.logs.records import apart, near

if TYPE_CHECKING:
    from containment.trail.facts.evidence import Moment
    from containment.trail.facts.fact import Use
    from containment.trail.lineage.lineage import Lineage

_NEAR = 1


def apply(lineage: Lineage) -> None:
    """Link every forwarded session whose cause is a member's call."""
    arns = _arns(lineage)
    for key, uses in lineage.evidence.uses_of.items():
        # A key id may come back elsewhere: one under another ARN is another key.
        for use in {use.caller.arn: use for use in reversed(uses)}.values():
            if (
                use.caller.arn in arns
                and key.startswith("ASIA")
                and all(other.forwarded for other in uses if other.caller.arn == use.caller.arn)
                and lineage.who(use.caller, use.time) is None
                and not lineage.issued_elsewhere(use.caller)
            ):
                _link(lineage, use)


def _arns(lineage: Lineage) -> set[str]:
    arns = {member.arn for member in lineage.members}
    for keys in lineage.by_key:
        for use in lineage.evidence.uses_of.get(keys, []):
            if lineage.who(use.caller, use.time):
                arns.add(use.caller.arn)
    for use in lineage.evidence.uses:
        if use.forwarded and lineage.owner(use.caller, use.time):
            arns.add(use.caller.arn)
    return arns - {""}


def _link(lineage: Lineage, use: Use) -> None:
    its_own = [
        moment
        for moment in lineage.evidence.moments_by.get(use.caller.key, [])
        if moment.caller.arn == use.caller.arn
    ]
    named: frozenset[str] = frozenset().union(*(moment.names for moment in its_own))
    second_factor = any(moment.mfa for moment in its_own)
    own: list[Moment] = []
    others: list[Moment] = []
    for moment in lineage.evidence.moments_near(use.caller.arn, use.caller.created, _NEAR):
        if moment.caller.invoked_by:
            continue
        member = lineage.who(moment.caller, moment.time)
        if member and second_factor and not moment.mfa:
            continue  # a session with a second factor does not come from a call without one
        (others if member is None else own).append(moment)
    if not own:
        _without_call(lineage, use, others)
        return

    def rank(moment: Moment) -> tuple[int, int]:
        distance = apart(moment.time, use.caller.created) or 0
        return (-len(moment.names & named), abs(distance))

    best = min(own, key=lambda moment: (*rank(moment), moment.time, moment.event_id))
    rival = min(map(rank, others), default=None)
    if rival is not None and rival <= rank(best):
        if rival == rank(best):
            note = (
                f"{use.caller.key}, forwarded at {use.caller.created}, may come from the traced key"
                f" or from another key of {use.caller.label}: not counted"
            )
            lineage.notices["forwarded", use.caller.key] = note
        return
    parent = lineage.who(best.caller, best.time)
    if parent is not None:
        why = f"{use.caller.invoked_by} acted for its {best.event_name} of the same second"
        lineage.add(_session(use, parent, [best.event_id], why))


def _without_call(lineage: Lineage, use: Use, others: list[Moment]) -> None:
    """Link by session or principal, where no member called in that second."""
    principal = lineage.owner(use.caller, use.time)
    if principal is not None:
        why = "forwarded for a principal that is the attacker's"
        lineage.add(_session(use, principal, list(principal.link_event_ids), why))
        return
    if others or _sibling(lineage, use):
        return
    for member in lineage.seen_as(use.caller.arn):
        if any(near(begun, use.caller.created, _NEAR) for begun in _begun(lineage, member, use)):
            why = f"{use.caller.invoked_by} acted within the session"
            lineage.add(_session(use, member, list(member.link_event_ids), why))
            return


def _begun(lineage: Lineage, member: Member, use: Use) -> set[str]:
    """Return when the session of *member* began, if the service acted under that session's name."""
    times = {
        other.caller.created
        for other in lineage.evidence.uses_of.get(member.id, [])
        if other.caller.arn == use.caller.arn and lineage.who(other.caller, other.time) is member
    }
    if member.is_session and member.arn == use.caller.arn:
        times.add(member.issued_at)
    return times - {""}


def _sibling(lineage: Lineage, use: Use) -> bool:
    """Tell whether another key of this EC2 role session is no member, so the link is doubtful."""
    return any(
        other.caller.created == use.caller.created and lineage.who(other.caller, other.time) is None
        for other in lineage.evidence.uses_under.get(use.caller.arn, ())
    )


def _session(use: Use, parent: Member, events: list[str], why: str) -> Member:
    caller = use.caller
    return Member(
        id=caller.key,
        kind="forwarded_session_key",
        tier="D_forwarded",
        parent=parent,
        link_event_ids=events,
        issued_at=caller.created,
        for_principal=caller.arn,
        why=why,
        since=caller.created,
        arn=caller.arn,
        account=caller.account,
        principal_id=caller.principal_id,
        is_session=True,
    )
