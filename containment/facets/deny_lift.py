"""What a lift does with the deny: it goes, or becomes a release fence.

The deny's own policy is rewritten in one Put, so that nothing minted under it comes alive. The
fence denies the tokens that were issued while the principal was denied, lets new ones pass, and
carries its own end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code, is_full
from containment.aws.recording import inline_policy
from containment.clock import isoformat
from containment.errors import LIFT, ConflictError, NotContainedError, lift_of
from containment.facets import cohort, deny, documents
from containment.facets.facet import Returns, undecided
from containment.facets.marks import NEWEST, mark, policy_name
from policies import render, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Changes, Terms
    from containment.facets.marks import Mark

NAME: str = "deny"
WORD: FacetName = "deny"
TURN: int = 0
IN_FORCE: str = "a deny"

# GetSessionToken and GetFederationToken live 36 hours at most (STS API Reference, DurationSeconds);
# one hour more for clocks.
LIFE = timedelta(hours=37)


def document(scope: deny.Scope, mark: Mark, *, now: datetime) -> documents.Document:
    """Return the policy that denies the tokens which the lift of *scope* would bring to life.

    Everything issued before *now* for a deny of all or of sessions; what was already revoked for
    one of older tokens, so that nobody new is denied.
    """
    # Issue times are whole seconds, so a token of this very second needs the next one.
    moment = scope.issued_before or isoformat(now + timedelta(seconds=1))
    until = isoformat(now + LIFE)
    if scope.kind == "sessions":
        return render(
            "release-fence-sessions",
            sid=mark.sid,
            matches=deny.as_values(scope.matches),
            issued_before=moment,
            until=until,
        )
    return render("release-fence", sid=mark.sid, issued_before=moment, until=until)


@dataclass(frozen=True, slots=True)
class Prior:
    """What a state remembers of the deny.

    Attributes:
        scope: whom it denied, with the moment that it revoked; None where only live tells.
        inline: False where AWSDenyAll was attached in its place.
        margin_s: by how many seconds its revocation time was written ahead.
    """

    scope: deny.Scope | None = None
    inline: bool = True
    margin_s: int = cohort.MARGIN_S


@dataclass(frozen=True, slots=True)
class Change:
    """What is written in place of the deny that was *found*; None where it is removed.

    *alone* is True where whatever others wrote beside it goes too, by decision.
    """

    found: deny.LiveDeny
    document: documents.Document | None
    alone: bool = False


def find(live: LivePrincipal, incident: str) -> deny.LiveDeny:
    """Return the incident's deny or fence."""
    return deny.find(live, incident)


def decide(
    live: LivePrincipal, found: deny.LiveDeny, prior: Prior, terms: Terms
) -> Returns[Change]:
    """Return what a lift writes in place of the deny.

    A statement that says what ours says, under another Sid, is a conflict.
    """
    incident, decision = terms.incident, terms.decisions.get(WORD)
    newest = found.mark.generation + 1 if found.mark else 0
    own = mark(incident, terms.snapshot_id, min(max(terms.generation, newest), NEWEST))
    if decision == "keep-theirs":
        found = deny.read(found.text, incident, terms.snapshot_id)
    if decision is None and prior.scope is not None:
        ours = deny.document(prior.scope, own)
        if doubtful := deny.twins(found, incident, ours):
            return Returns(conflict=_undecided(live, terms, doubtful, ours))
    scope = _to_fence(live, found, prior, incident)
    fenced = not (terms.false_positive or terms.spared)
    written = document(scope, own, now=live.answered_at) if fenced else None
    will = [f"its deny is lifted as was decided ({decision})"] if decision else []
    if found.is_fence:
        will.append(f"its deny is a fence already, until {found.until}")
    elif found.mark is None and prior.inline:
        will.append("its deny is not there any more")
    return Returns(
        Change(found, written, alone=decision == "force-ours"),
        tuple(will),
        widens={inline_policy(policy_name(incident)): frozenset({"mark"})} if found.mark else {},
    )


def give_back(live: LivePrincipal, returns: Returns[Change], terms: Terms) -> list[str]:
    """Take the deny away, or rewrite it in one Put into its release fence.

    Raises:
        ConflictError: the fence has no room, or AWS refuses what others wrote beside it; the deny
            is left as it is.
        NotContainedError: AWS took the change and reading it back does not show it.
    """
    change, incident = returns.decided, terms.incident
    if change is None:
        return []
    found, ours, alone = change.found, change.document, change.alone
    if ours is None:
        _write(live, incident, found, lambda: deny.take_away(live, incident, found, alone=alone))
        if not eventually(lambda: deny.find(live, incident, found.only).mark is None):
            raise NotContainedError(
                f"the deny on {live} is still there after it was removed",
                remedy=f"run '{LIFT}' again",
            )
        return ["the deny is gone"]
    _write(live, incident, found, lambda: deny.put(live, incident, found, ours, alone=alone))
    if not eventually(lambda: deny.shows(live, incident, ours)):
        raise NotContainedError(
            f"the release fence on {live} was written and does not show",
            remedy=f"run '{LIFT}' again",
        )
    end = deny.read(text(ours), incident)
    return [f"tokens issued before {end.issued_before} stay denied until {end.until}"]


def unrecorded(live: LivePrincipal, prior: Prior, changed: Changes) -> Prior | None:
    """Return None: the deny carries a mark wherever it is."""
    del live, prior, changed
    return None


def _to_fence(live: LivePrincipal, found: deny.LiveDeny, prior: Prior, incident: str) -> deny.Scope:
    """Return the scope to fence: what is remembered of it, with the revocation time of live.

    Where the deny was stripped only the state knows the time, and may say nothing later than now.
    """
    scope = prior.scope or deny.scope_of(found, incident)
    if scope.kind != "issued-before":
        return replace(scope, issued_before=None)
    known = prior.scope.issued_before if prior.scope else None
    moment = cohort.fence_time(found.issued_before, known, live.answered_at, prior.margin_s)
    return replace(scope, issued_before=moment)


def _undecided(
    live: LivePrincipal,
    terms: Terms,
    twins: list[documents.Statement],
    ours: documents.Document,
) -> ConflictError:
    policy = policy_name(terms.incident)
    return undecided(
        live,
        terms.incident,
        WORD,
        f"its policy {policy} holds {documents.compact({'Statement': twins})} beside"
        f" {documents.compact(ours)}, which is ours: the same under another Sid, so nobody can tell"
        " whose it is",
        ours="takes the whole policy for ours",
        theirs="leaves that statement, which goes on denying",
    )


def _write(
    live: LivePrincipal, incident: str, found: deny.LiveDeny, write: Callable[[], None]
) -> None:
    """Write, and say what it means where AWS refuses the document."""
    try:
        write()
    except ClientError as error:
        if is_full(error):
            theirs = (
                f", or drop what others wrote into {policy_name(incident)} with"
                f" '{lift_of(incident)} --force-ours deny@{live.principal.label}'"
                if deny.has_others(found, incident)
                else ""
            )
            raise ConflictError(
                f"{live} has no room for the release fence, so its deny stays",
                remedy=f"shorten an inline policy by about 300 characters and run '{LIFT}'"
                f" again{theirs}, or declare the incident false-positive",
            ) from error
        if code(error) == "MalformedPolicyDocument":
            raise ConflictError(
                f"AWS refuses the policy {policy_name(incident)} of {live} with what others wrote"
                f" into it ({error})",
                remedy=f"mend or remove their statements; or '{lift_of(incident)}"
                f" --force-ours deny@{live.principal.label}' drops them",
            ) from error
        raise
