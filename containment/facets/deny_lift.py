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
from containment.facets import cohort, deny, documents, sign_ins
from containment.facets.facet import Returns, undecided
from containment.facets.marks import NEWEST, mark, policy_name
from containment.facets.write import Write
from policies import render, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from containment.aws.principal import LivePrincipal
    from containment.aws.sign_ins import SignInSession
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


def _declares(_live: LivePrincipal) -> bool | None:
    """Take every scope for one that the spec declares."""
    return True


@dataclass(frozen=True, slots=True)
class DenyPrior:
    """What a state remembers of the deny.

    Attributes:
        scope: whom it denied, with the moment that it revoked; None where only live tells.
        inline: False where AWSDenyAll was attached in its place.
        is_declared: tells whether the spec, as it is now, denies a principal just that; None where
            it does not name it.
    """

    scope: deny.Scope | None = None
    inline: bool = True
    is_declared: Callable[[LivePrincipal], bool | None] = _declares


@dataclass(frozen=True, slots=True)
class DenyChange:
    """What is written in place of *live_deny*; *document* is None where it is removed.

    *whole_policy* is True where whatever others wrote beside it goes too, by decision. *sign_ins*
    are the sign-in sessions that are revoked before it.
    """

    live_deny: deny.LiveDeny
    document: documents.Document | None
    whole_policy: bool = False
    sign_ins: tuple[SignInSession, ...] = ()


def find(live: LivePrincipal, incident: str) -> deny.LiveDeny:
    """Return the incident's deny or fence."""
    return deny.find(live, incident)


def decide(
    live: LivePrincipal, live_deny: deny.LiveDeny, prior: DenyPrior, terms: Terms
) -> Returns[DenyChange]:
    """Return what a lift writes in place of the deny.

    A statement that says what ours says, under another Sid, is a conflict; so is a scope of which
    neither the spec nor the live policy says what the state does.
    """
    incident, decision = terms.incident, terms.decisions.get(WORD)
    newest = live_deny.mark.generation + 1 if live_deny.mark else 0
    own = mark(incident, terms.snapshot_id, min(max(terms.generation, newest), NEWEST))
    if decision == "keep-theirs":
        live_deny = deny.read(live_deny.text, incident, terms.snapshot_id)
    if decision is None and prior.scope is not None:
        own_document = deny.document(prior.scope, own)
        if doubtful := deny.twins(live_deny, incident, own_document):
            return Returns(conflict=_undecided(live, terms, doubtful, own_document))
    fenced = not (terms.false_positive or terms.spared)
    if fenced and not _is_borne_out(live, live_deny, prior, terms):
        if decision is None:
            return Returns(conflict=_undecided_scope(live, live_deny, prior, terms))
        if decision == "keep-theirs":
            prior = replace(prior, scope=_live_scope(live_deny, terms) or deny.Scope("all"))
    scope = _to_fence(live, live_deny, prior, incident)
    open_sessions, lines, conflict = _sign_ins(live, scope, terms, fenced=fenced)
    if conflict is not None:
        return Returns(conflict=conflict, asks=(sign_ins.WORD,))
    written = document(scope, own, now=live.answered_at) if fenced else None
    decided = (f"its deny is lifted as was decided ({decision})",) if decision else ()
    stays: tuple[str, ...] = ()
    if live_deny.is_fence:
        stays = (f"its deny is a fence already, until {live_deny.until}",)
    elif live_deny.mark is None and prior.inline:
        stays = ("its deny is not there any more",)
    change = DenyChange(
        live_deny, written, whole_policy=decision == "force-ours", sign_ins=open_sessions
    )
    return Returns(
        change,
        (*decided, *stays, *lines),
        stays=(*stays, *lines),
        writes=(*_revocations(open_sessions), *_writes(change, incident)),
        asks=(sign_ins.WORD,),
        widens={inline_policy(policy_name(incident)): frozenset({"mark"})}
        if live_deny.mark
        else {},
    )


def give_back(live: LivePrincipal, returns: Returns[DenyChange], terms: Terms) -> list[str]:
    """Take the deny away, or rewrite it in one Put into its release fence.

    Raises:
        ConflictError: the fence has no room, AWS refuses what others wrote beside it, or a sign-in
            session is not revoked; the deny is left as it is.
        NotContainedError: AWS took the change and reading it back does not show it.
    """
    change, incident = returns.decided, terms.incident
    if change is None:
        return []
    live_deny, document, whole_policy = change.live_deny, change.document, change.whole_policy
    if document is None:
        _write(
            live,
            incident,
            live_deny,
            lambda: deny.take_away(live, incident, live_deny, whole_policy=whole_policy),
        )
        if not eventually(lambda: deny.find(live, incident, live_deny.only).mark is None):
            raise NotContainedError(
                f"the deny on {live} is still there after it was removed",
                remedy=f"run '{LIFT}' again",
            )
        return ["the deny is gone"]
    _revoke(live, change.sign_ins, terms)
    _write(
        live,
        incident,
        live_deny,
        lambda: deny.put(live, incident, live_deny, document, whole_policy=whole_policy),
    )
    if not eventually(lambda: deny.shows(live, incident, document)):
        raise NotContainedError(
            f"the release fence on {live} was written and does not show",
            remedy=f"run '{LIFT}' again",
        )
    end = deny.read(text(document), incident)
    return [f"tokens issued before {end.issued_before} stay denied until {end.until}"]


def _writes(change: DenyChange, incident: str) -> tuple[Write, ...]:
    """Return what *change* writes; nothing where there is nothing to take away."""
    before = change.live_deny.text
    after = deny.left_by(
        change.live_deny, incident, change.document, whole_policy=change.whole_policy
    )
    if before is None and after is None:
        return ()
    reason = (
        "the release fence; its times are AWS's when it is written"
        if change.document is not None
        else ""
    )
    subject = inline_policy(policy_name(incident))
    written = None if after is None else documents.compact(after)
    return (Write(subject, before, written, is_document=True, reason=reason),)


def _sign_ins(
    live: LivePrincipal, scope: deny.Scope, terms: Terms, *, fenced: bool
) -> tuple[tuple[SignInSession, ...], list[str], ConflictError | None]:
    """Return which sign-in sessions are revoked before the fence, what is said of it, and why not.

    Where no fence is written they go on, and that is said.
    """
    decision = terms.decisions.get(sign_ins.WORD)
    if terms.brief:
        return (), [], None
    listing = sign_ins.listed(terms.sign_ins, live, scope)
    if fenced and listing.unread and decision is None:
        return (), [], sign_ins.open_at_lift(live, terms, listing.problem)
    lines = [f"what signed in is not all known: {listing.problem}"] if listing.unread else []
    if not listing.sessions:
        return (), lines, None
    names = sign_ins.in_words(listing.sessions)
    if not fenced or decision == "keep-theirs":
        return (), [*lines, f"{names} stays active"], None
    return listing.sessions, lines, None


def _revocations(sessions: Sequence[SignInSession]) -> tuple[Write, ...]:
    """Return the revocation of *sessions* as what is written: one row for all."""
    if not sessions:
        return ()
    why = "before the fence; nobody can undo it: who needs it signs in again"
    return (Write(sign_ins.in_words(sessions), "active", "revoked", reason=why),)


def _revoke(live: LivePrincipal, sessions: Sequence[SignInSession], terms: Terms) -> None:
    """Revoke *sessions* before the fence, which does not reach what they are refreshed into."""
    problems = terms.sign_ins.revoke(live, sessions, terms.incident)
    if problems and terms.decisions.get(sign_ins.WORD) is None:
        why = "; ".join(problem.message for problem in problems)
        raise sign_ins.open_at_lift(live, terms, why)


def unrecorded(live: LivePrincipal, prior: DenyPrior, changed: Changes) -> DenyPrior | None:
    """Return None: the deny carries a mark wherever it is."""
    del live, prior, changed
    return None


def _live_scope(live_deny: deny.LiveDeny, terms: Terms) -> deny.Scope | None:
    """Return whom the live policy denies; None where nothing of this snapshot is there."""
    if live_deny.mark is None or live_deny.mark.snapshot_id != terms.snapshot_id:
        return None
    return deny.scope_of(live_deny, terms.incident)


def _is_borne_out(
    live: LivePrincipal, live_deny: deny.LiveDeny, prior: DenyPrior, terms: Terms
) -> bool:
    """Tell whether the live policy, or the spec, denies whom the state says that it does.

    A fence would else leave open whom the state has left out, or shut out whom it has put in. A
    fence that is there already tells picked sessions from everybody, and no more.
    """
    if prior.scope is None:
        return True
    live_scope = _live_scope(live_deny, terms)
    if live_scope is not None:
        kinds = {live_scope.kind, prior.scope.kind}
        same = len(kinds) == 1 or (live_deny.is_fence and "sessions" not in kinds)
        if same and _conditions(live_scope) == _conditions(prior.scope):
            return True
    declared = prior.is_declared(live)
    return (live_scope is None and prior.scope.kind == "all") if declared is None else declared


def _conditions(scope: deny.Scope) -> frozenset[tuple[str, str, frozenset[str]]]:
    return frozenset((item.operator, item.key, frozenset(item.values)) for item in scope.matches)


def _undecided_scope(
    live: LivePrincipal, live_deny: deny.LiveDeny, prior: DenyPrior, terms: Terms
) -> ConflictError:
    """Return what is said where the state alone says whom the deny is of."""
    live_scope = _live_scope(live_deny, terms)
    by_state = _in_words(prior.scope or deny.Scope("all"))
    by_policy = _in_words(live_scope) if live_scope else "nothing, for it is gone"
    return undecided(
        live,
        terms.incident,
        WORD,
        f"the state says that its deny is of {by_state}, the policy {policy_name(terms.incident)}"
        f" denies {by_policy}, and the spec does not say as the state does",
        force_ours="fences what the state says",
        keep_theirs="fences what the policy denies; everything, where it is gone",
    )


def _in_words(scope: deny.Scope) -> str:
    """Return whom *scope* reaches, in words."""
    if scope.kind != "sessions":
        return "everything" if scope.kind == "all" else "tokens issued before a moment"
    picked = (f"{item.key} {', '.join(item.values)}" for item in scope.matches)
    return f"the sessions with {' and '.join(picked)}"


def _to_fence(
    live: LivePrincipal, live_deny: deny.LiveDeny, prior: DenyPrior, incident: str
) -> deny.Scope:
    """Return the scope to fence: what is remembered of it, with the revocation time of live.

    Where the deny was stripped only the state knows the time, and may say nothing later than now.
    """
    scope = prior.scope or deny.scope_of(live_deny, incident)
    if scope.kind != "issued-before":
        return replace(scope, issued_before=None)
    remembered = prior.scope.issued_before if prior.scope else None
    moment = cohort.fence_time(live_deny.issued_before, remembered, live.answered_at)
    return replace(scope, issued_before=moment)


def _undecided(
    live: LivePrincipal,
    terms: Terms,
    twins: list[documents.Statement],
    own_document: documents.Document,
) -> ConflictError:
    policy = policy_name(terms.incident)
    return undecided(
        live,
        terms.incident,
        WORD,
        f"its policy {policy} holds {documents.compact({'Statement': twins})} beside"
        f" {documents.compact(own_document)}, which is ours: the same under another Sid, so"
        " nobody can tell whose it is",
        force_ours="takes the whole policy for ours",
        keep_theirs="leaves that statement, which goes on denying",
    )


def _write(
    live: LivePrincipal, incident: str, live_deny: deny.LiveDeny, write: Callable[[], None]
) -> None:
    """Write, and say what it means where AWS refuses the document."""
    try:
        write()
    except ClientError as error:
        if is_full(error):
            drop_step = (
                f", or drop what others wrote into {policy_name(incident)} with"
                f" '{lift_of(incident)} --force-ours deny@{live.principal.label}'"
                if deny.has_others(live_deny, incident)
                else ""
            )
            raise ConflictError(
                f"{live} has no room for the release fence, so its deny stays",
                remedy=f"shorten an inline policy by about 300 characters and run '{LIFT}'"
                f" again{drop_step}, or declare the incident false-positive",
            ) from error
        if code(error) == "MalformedPolicyDocument":
            raise ConflictError(
                f"AWS refuses the policy {policy_name(incident)} of {live} with what others wrote"
                f" into it ({error})",
                remedy=f"mend or remove their statements; or '{lift_of(incident)}"
                f" --force-ours deny@{live.principal.label}' drops them",
            ) from error
        raise
