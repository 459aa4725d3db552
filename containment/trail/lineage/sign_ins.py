"""Link sign-in sessions: one sign-in by ``aws login`` or an agent gives keys for up to 90 days.

The records of its keys name the session's ARN, though not in every service. A CreateOAuth2Token
record names the session that it opens. A refresh gives a new key under the same session.

Sources: AWS Sign-In API Reference, "CreateOAuth2Token" and "ListSessions" (sessions are ARNs);
IAM User Guide, ``aws:SignInSessionArn``. That a refreshed key has an issue time of its own, and
which services name the session, is observed and not documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.lineage.members import Member

if TYPE_CHECKING:
    from containment.trail.facts.fact import Caller, Use
    from containment.trail.lineage.lineage import Lineage


def apply(lineage: Lineage) -> None:
    """Link sign-in sessions to the member that opened or used them, and their keys to them."""
    opened, uses = lineage.evidence.sign_in_sessions
    for fact in opened:
        opener = lineage.actor(fact)
        if opener is not None:
            why = "the sign-in session that it opened"
            session = _session(fact.caller, opener, fact.event_id, fact.time, why)
            session.tier, session.issued_by = "A_issued", fact.name
            session.account = fact.account
            lineage.add(session)
    for use in uses:
        member = lineage.who(use.caller, use.time)
        if member is None or use.caller.sign_in in lineage.by_id:
            continue
        principal = lineage.owner(use.caller, use.time)
        why = "its session was opened by this sign-in, which may give more keys"
        session = _session(use.caller, principal or member, use.event_id, use.caller.created, why)
        session.tier = "B_principal" if principal else "E_inferred"
        session.confidence = "certain" if principal else "high"
        session.account, session.since = use.caller.account, member.since
        lineage.add(session)
    for use in uses:
        _key(lineage, use)


def _session(caller: Caller, parent: Member, event_id: str, began: str, why: str) -> Member:
    return Member(
        id=caller.sign_in,
        kind="sign_in_session",
        tier="A_issued",
        parent=parent,
        link_event_ids=[event_id],
        issued_at=began,
        for_principal=caller.label,
        why=why,
        since=began,
    )


def _key(lineage: Lineage, use: Use) -> None:
    """Add the key of *use* if its sign-in session is a member, and nothing else explains it.

    A sign-in session is of one principal: "ListSessions" gives it one ``principalArn``.
    """
    caller = use.caller
    session = lineage.by_id.get(caller.sign_in)
    if (
        session is None
        or not caller.key
        or use.forwarded
        or caller.label != session.for_principal
        or not session.begun(use.time)
        or lineage.who(caller, use.time) is not None
        or lineage.issued_elsewhere(caller)
    ):
        return
    lineage.add(
        Member(
            id=caller.key,
            kind="access_key",
            tier=session.tier,
            parent=session,
            link_event_ids=[use.event_id],
            issued_at=caller.created,
            for_principal=caller.arn,
            why="its records name this sign-in session",
            confidence=session.confidence,
            since=caller.created or session.since,
            arn=caller.arn,
            account=caller.account,
            principal_id=caller.principal_id,
            is_session=bool(caller.created),
        )
    )
