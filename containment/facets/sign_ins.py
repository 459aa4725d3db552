"""Which sign-in sessions go with a deny, and what a lift does with those that are left.

A fence denies tokens by their issue time, and a sign-in session is refreshed into newer ones for
up to 90 days: so what the deny reaches is revoked with it, and once more before its fence is
written. A revocation cannot be undone, and needs no undoing: who is let in again signs in again.
Source: AWS Sign-In API Reference, BatchRevokeSessions ("can no longer be refreshed").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws.sign_ins import SignInListing, owner_of
from containment.clock import moment_of
from containment.facets.facet import undecided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.aws.sign_ins import SignIns, SignInSession
    from containment.errors import ConflictError
    from containment.facets.decisions import FacetName
    from containment.facets.deny import Scope
    from containment.facets.facet import Terms
    from containment.identities import Principal

WORD: FacetName = "sign-ins"
_BY_SESSION, _BY_USER_ID = "aws:SignInSessionArn", "aws:userid"
_MOST_NAMED = 5


def listed(sign_ins: SignIns, live: LivePrincipal, scope: Scope) -> SignInListing:
    """Return the active sign-in sessions of *live* that *scope* denies.

    All of them where everything is denied; those made before its moment where older tokens are;
    those that are named, and those of the federated users that are named, where sessions are
    picked, so that nobody else's go. A session is of the ARN that somebody signed in by: that of a
    user who was renamed since is listed by the former name, and whoever has it now keeps theirs.
    """
    own = _owners(live.principal, scope)
    former = {
        owner: name
        for name in live.former_names
        for owner in _owners(name, scope)
        if owner not in own
    }
    answer = sign_ins.listed([*own, *former])
    until = {owner: live.namesake_made_at(name) for owner, name in former.items()}
    return SignInListing(
        tuple(
            one
            for one in answer.sessions
            if _reaches(scope, one)
            and ((made_at := until.get(one.owner)) is None or one.issued_at <= made_at)
        ),
        answer.unread,
    )


def in_words(sessions: Sequence[SignInSession]) -> str:
    """Return *sessions* as one phrase; whoever signs in makes many of them."""
    names = ", ".join(str(one) for one in sessions[:_MOST_NAMED])
    more = f" and {len(sessions) - _MOST_NAMED} more" if len(sessions) > _MOST_NAMED else ""
    return f"sign-in session{'s' if len(sessions) > 1 else ''} {names}{more}"


def open_at_lift(live: LivePrincipal, terms: Terms, why: str) -> ConflictError:
    """Return what is said where a sign-in session outlives the lift, or nobody knows whether."""
    return undecided(
        live,
        terms.incident,
        WORD,
        f"{why}; refreshed after the lift, a sign-in session gives tokens that no fence holds, for"
        " up to 90 days",
        force_ours="revokes what can be revoked and lifts all the same",
        keep_theirs="leaves the sign-in sessions as they are and lifts",
    )


def _owners(principal: Principal, scope: Scope) -> list[str]:
    """Return whose sign-in sessions *scope* may reach."""
    if principal.kind == "role" or scope.kind != "sessions":
        return [owner_of(principal)]
    users = [value for one in scope.matches if one.key == _BY_USER_ID for value in one.values]
    where = f"arn:{principal.partition}:sts::{principal.account}:federated-user"
    federated = [f"{where}/{value.partition(':')[2]}" for value in users]
    by_session = any(one.key == _BY_SESSION for one in scope.matches)
    return [*([owner_of(principal)] if by_session else []), *federated]


def _reaches(scope: Scope, session: SignInSession) -> bool:
    if scope.kind == "sessions":
        named = {value for one in scope.matches if one.key == _BY_SESSION for value in one.values}
        return session.arn in named or ":federated-user/" in session.owner
    moment = moment_of(scope.issued_before)
    return moment is None or session.issued_at < moment
