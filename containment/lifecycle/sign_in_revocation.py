"""Revoke the sign-in sessions that a deny reaches, tell whether some are active, foresee which.

Source: AWS Sign-In API Reference, BatchRevokeSessions ("can no longer be refreshed").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws import recording
from containment.clock import isoformat
from containment.facets import sign_ins
from containment.facets.write import Write

if TYPE_CHECKING:
    from containment.aws.principal import LivePrincipal
    from containment.errors import ContainmentError
    from containment.facets.deny import Scope
    from containment.lifecycle.context import Context

# Of so many sign-in sessions a preview tells each: whoever signs in makes many.
_MOST_NAMED = 5


def revoke(
    context: Context, live: LivePrincipal, scope: Scope, incident: str
) -> list[ContainmentError]:
    """Revoke those of *live* that *scope* reaches; return why some may be active all the same."""
    _tell_regions(context)
    listing = sign_ins.listed(context.sign_ins, live, scope)
    problems = [*listing.unread]
    if listing.sessions:
        failed = context.sign_ins.revoke(live, listing.sessions, incident)
        problems += failed
        if not failed:
            context.say("info", f"{live}: {sign_ins.in_words(listing.sessions)} is revoked")
    return problems


def _tell_regions(context: Context) -> None:
    """Say where sign-in sessions are looked for, where the profile decides that."""
    if context.profile.sign_in_regions:
        names = ", ".join(context.profile.sign_in_regions)
        context.say(
            "info",
            f"sign-in sessions are looked for in {names} alone, as 'sign_in_regions' in"
            " containment.yaml says; one of another Region goes on",
        )


def are_active(context: Context, live: LivePrincipal, scope: Scope, *, were: bool) -> bool:
    """Tell whether any of *live* that *scope* reaches is active; as they *were* if none is listed.

    What is active, or cannot be listed, is said.
    """
    listing = sign_ins.listed(context.sign_ins, live, scope)
    if listing.unread:
        context.say("warning", f"{live}: {listing.problem}; {listing.remedy}")
    if listing.sessions:
        names = sign_ins.in_words(listing.sessions)
        context.say("warning", f"{live}: {names} is active; 'pulumi up' revokes it")
    return bool(listing.sessions) or (bool(listing.unread) and were)


def writes(context: Context, live: LivePrincipal, scope: Scope) -> list[Write]:
    """Return the sign-in sessions that go with the deny, each with its client and last use."""
    service = context.sign_ins
    _tell_regions(context)
    listing = sign_ins.listed(service, live, scope)
    if listing.unread:
        context.say("warning", f"{live}: {listing.problem}; {listing.remedy}")
    revoked = [
        Write(
            recording.sign_ins([one.arn]),
            "active",
            "revoked",
            reason=f"{one.client or 'an unnamed client'}, made {isoformat(one.issued_at)},"
            f" {service.last_use(one)}; nobody can undo it: who needs it signs in again",
        )
        for one in listing.sessions[:_MOST_NAMED]
    ]
    rest = listing.sessions[_MOST_NAMED:]
    if rest:
        subject = f"{len(rest)} more sign-in sessions"
        revoked.append(Write(subject, "active", "revoked", reason="as those before"))
    return revoked
