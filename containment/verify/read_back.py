"""V1: every facet of every principal, read back by the code that ``status`` uses.

It proves what IAM's control plane holds now: whom the spec names is held, by unique id, and
everything that was declared is there. Read twice, it proves that nobody has taken it off in
between. It does not prove that AWS enforces it: reads are current seconds before enforcement is
("Troubleshoot IAM: Changes that I make are not always immediately visible").

Beside what ``status`` looks at, it looks for two ways round a containment that stands: a trust
policy that lets somebody else in where only older sessions are denied, and a key that was made
since T0 where only the leaked ones are held. Sign-in sessions that cannot be listed leave it open:
one of them may be refreshed for up to 90 days.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from containment.actions.deny_policy import DenyPolicy, SessionMatch, scope_of
from containment.actions.inactive_credentials import CredentialsState, InactiveCredentials
from containment.aws.principal import locate
from containment.aws.sign_ins import SignIns
from containment.clock import isoformat, moment_of
from containment.errors import ContainmentError
from containment.facets import credentials, deny, documents, sign_ins, trust
from containment.run import incident_status, report
from containment.verify.evidence import Evidence
from containment.verify.members import account_subject, members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.aws.principal import LivePrincipal
    from containment.lifecycle.workplace import Workplace
    from containment.run.incident_status import IncidentStatus
    from containment.run.live import LiveResource
    from containment.run.state import StackState
    from containment.spec import IncidentSpec
    from containment.verify.evidence import Outcome
    from containment.verify.members import Member

_GUARD = "GuardPolicy"
# Where the trust policy decides who comes in after T.
_LETS_NEW_SESSIONS_IN = frozenset({"revoke-sessions", "session"})
# Where a user's other keys are not held.
_HOLDS_SOME_KEYS = frozenset({"key-only", "session"})
_DOUBTFUL = frozenset({"unknown", "unverified", "gone"})
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,124}")


def read_back(
    stack: str, *, spec: IncidentSpec, state: StackState, workplace: Workplace, reading: int
) -> list[Evidence]:
    """Return what *reading* number so-and-so shows of every principal of *stack*.

    Raises:
        ContainmentError: there are no credentials, or nobody answers at all.
    """
    status = incident_status.read_status(
        stack, spec=spec, state=state, locks=(), workplace=workplace
    )
    up = f"run 'containment up {stack}' at once"
    observations = [
        *_declared_otherwise(spec, state, reading, up),
        *_principals(status, reading, up),
        *_guard(status, spec, reading, up),
        *_targets(status, reading, up),
    ]
    for member in members_of(state, spec):
        observations += _ways_round(member, spec, workplace, reading, stack)
    return observations


def _principals(status: IncidentStatus, reading: int, up: str) -> Iterator[Evidence]:
    for row in status.principals:
        looks = [
            status.live_resources[item.urn] for item in row.resources if item.resource != _GUARD
        ]
        doubts = [item for item in looks if item.live in _DOUBTFUL or _is_claim_at_most(item)]
        broken = [item for item in looks if item.drifted and item not in doubts]
        for item in broken:
            yield Evidence("V1", row.principal, "broken", _words(item), up, reading)
        for item in doubts:
            step = (
                "'containment trace' finds who removed it"
                if item.live == "gone"
                else "see why in the note, and run it again"
            )
            yield Evidence("V1", row.principal, "open", _words(item), step, reading)
        if looks and not broken and not doubts:
            kinds = ", ".join(item.recorded.resource for item in looks)
            what = f"AWS shows all of it: {kinds}"
            yield Evidence("V1", row.principal, "holds", what, reading=reading)


def _is_claim_at_most(look: LiveResource) -> bool:
    """Tell whether a look says no more than that credentials or their claim differ.

    A claim that is gone lets nobody in; :func:`_working_credentials` says which of them work.
    """
    return isinstance(look.recorded.state, CredentialsState) and look.live == "altered"


def _words(look: LiveResource) -> str:
    """Return what AWS shows of a resource, and why where somebody knows."""
    if look.live == "gone":
        return f"{look.recorded.resource}: the principal with that unique id is gone"
    notes = f" ({'; '.join(look.notes)})" if look.notes else ""
    return f"{look.recorded.resource} is {look.live} in AWS{notes}"


def _guard(status: IncidentStatus, spec: IncidentSpec, reading: int, up: str) -> Iterator[Evidence]:
    """Look at the guard, which is claimed only where it is required."""
    for item in status.live_resources.values():
        if item.recorded.resource != _GUARD:
            continue
        subject = account_subject(item.recorded.state.target.account)
        if item.live == "applied":
            what = "AWS shows the guard on the account"
            yield Evidence("V1", subject, "holds", what, reading=reading)
        elif item.live in {"unknown", "unverified"}:
            outcome: Outcome = "open" if spec.guard.required else "note"
            step = "look with the guard role of the profile"
            yield Evidence("V1", subject, outcome, _words(item), step, reading)
        else:
            outcome = "broken" if spec.guard.required else "note"
            yield Evidence("V1", subject, outcome, _words(item), up, reading)


def _targets(status: IncidentStatus, reading: int, up: str) -> Iterator[Evidence]:
    """Look at whom the spec names: made anew, renamed, or never applied."""
    for item in status.targets:
        if item.unheld:
            yield Evidence("V1", item.principal, "broken", item.unheld, item.step or up, reading)
        elif item.unknown is not None:
            error = item.unknown
            yield Evidence("V1", item.principal, "open", error.message, error.remedy, reading)
        elif item.note:
            yield Evidence("V1", item.principal, "note", item.note, item.step, reading)
    for words in status.missing:
        what = f"declared and not applied: {words}"
        yield Evidence("V1", "the spec", "broken", what, up, reading)
    for arn in status.stray:
        what = "is held by this incident, and its state does not know it"
        yield Evidence("V1", arn, "note", what, "see 'containment status'", reading)


def _declared_otherwise(
    spec: IncidentSpec, state: StackState, reading: int, up: str
) -> Iterator[Evidence]:
    """Find whom the spec, as it is now, contains further than what was applied does."""
    for key in report.unapplied_keys(spec, state):
        what = "the spec names this key, and the containment of its user was never applied"
        yield Evidence("V1", key, "broken", what, up, reading)
    applied = {member.arn: member for member in members_of(state, spec)}
    pinned = report.pin_by_state(spec, state)
    for target in pinned.targets:
        member = applied.get(target.principal.arn)
        if member is None:
            continue
        deny_now = DenyPolicy.inputs_for(pinned, target)
        keys_now = InactiveCredentials.inputs_for(pinned, target)
        scope = member.deny and member.deny.scope
        picked = frozenset(member.deny.sessions) if member.deny else frozenset[SessionMatch]()
        which = member.credentials and member.credentials.which
        leaked = member.credentials.lift.leaked if member.credentials else ()
        differs = (
            (deny_now is not None and deny_now["scope"] != scope)
            or (deny_now is not None and not set(deny_now.get("sessions", ())) <= picked)
            or (keys_now is not None and keys_now["which"] != which)
            or (which == "leaked" and not set(target.leaked) <= set(leaked))
        )
        if differs:
            what = f"the spec says {target.rung}, and that was not applied as it is now"
            yield Evidence("V1", member.arn, "broken", what, up, reading)


def _ways_round(
    member: Member, spec: IncidentSpec, workplace: Workplace, reading: int, stack: str
) -> list[Evidence]:
    try:
        clients = workplace.clients(member.principal.account)
        iam = clients.iam
        live = locate(iam, member.principal, member.snapshot.principal_id)
        if live is None:
            return []  # the readings above say so
        up = f"run 'containment up {stack}' at once"
        other_writes = [
            *_other_writes(member, live, reading, stack),
            *_early_revocation(member, reading, up),
            *_unlisted_sign_ins(member, live, SignIns(clients.sign_ins), reading),
        ]
        if member.principal.kind == "role":
            return [*other_writes, *_opened_trust(member, live, reading, stack)]
        return [
            *other_writes,
            *_working_credentials(member, live, reading, stack),
            *_new_keys(member, spec, live, reading, stack),
        ]
    except ContainmentError as error:
        return [Evidence("V1", member.arn, "open", error.message, error.remedy, reading)]


def _other_writes(
    member: Member, live: LivePrincipal, reading: int, stack: str
) -> Iterator[Evidence]:
    """Find what is live by another write than the state has: then T and its time are not known."""
    incident = member.snapshot.incident
    writes: list[tuple[str, int | None, int | None]] = []
    if member.deny is not None and member.deny.placement != "AWSDenyAll":
        mark = deny.find(live, incident).mark
        writes.append(("deny", member.deny.generation, mark.generation if mark else None))
    if member.credentials is not None:
        claim = credentials.find(live, incident)
        writes.append(("claim", member.credentials.generation, claim.generation if claim else None))
    for word, applied, now in writes:
        if now is not None and now != applied:
            what = f"the {word} on {live} is of another write than the one the state remembers"
            step = f"run 'containment up {stack}', which writes it again, and verify again"
            yield Evidence("V1", member.arn, "open", what, step, reading)


def newly_let_in(before: str, now: str) -> Iterator[list[str]]:
    """Yield whom each statement of the trust policy *now* lets in that *before* did not so.

    Nobody is named where the statement's conditions alone say it.
    """
    old = [_allowing(one) for one in _allows(before)]
    for statement in _allows(now):
        rule, principals = _allowing(statement)
        if not any(rule == old_rule and principals <= names for old_rule, names in old):
            yield sorted(principals)


def _early_revocation(member: Member, reading: int, up: str) -> Iterator[Evidence]:
    """Find a T from before what it revokes: state and policy may agree on it, and both be edited.

    T is the time of the write and a margin after it, so it comes after the snapshot that the write
    waited for; what was issued between a T before that and now would be let through.
    """
    state = member.deny
    revoked = moment_of(state.issued_before) if state is not None else None
    captured = moment_of(member.snapshot.captured_at)
    if revoked is not None and captured is not None and revoked < captured:
        what = (
            f"T, {isoformat(revoked)}, is before the snapshot, {isoformat(captured)}: sessions"
            " issued in between are let through"
        )
        yield Evidence("V1", member.arn, "broken", what, up, reading)


def _opened_trust(
    member: Member, live: LivePrincipal, reading: int, stack: str
) -> Iterator[Evidence]:
    """Find statements of the trust policy that let in whom it did not let in before."""
    rest = trust.without_ours(live.trust_policy, member.snapshot.incident, None)
    for principals in newly_let_in(member.snapshot.trust_policy, documents.compact(rest)):
        named = ", ".join(principals) or "what its conditions say"
        what = f"its trust policy lets in, since the containment began: {named}"
        if member.rung in _LETS_NEW_SESSIONS_IN:
            step = (
                "take that statement out, or write 'rung: close-trust' for it and run"
                f" 'containment up {stack}'"
            )
            yield Evidence("V1", member.arn, "broken", what, step, reading)
        else:
            yield Evidence("V1", member.arn, "note", what, reading=reading)


def _allows(policy: str) -> list[documents.Statement]:
    listed = documents.statements(documents.parse(policy) or {})
    return [item for item in listed if item.get("Effect") == "Allow"]


def _allowing(statement: documents.Statement) -> tuple[str, frozenset[str]]:
    """Return a statement in two parts: its rule, and the principals it lets in by it.

    A unique id stands for a principal that is gone, which nobody can be again: "AWS JSON policy
    elements: Principal".
    """
    rule = {key: value for key, value in statement.items() if key not in {"Sid", "Principal"}}
    named: Any = statement.get("Principal", {})
    if not isinstance(named, dict):
        named = {"AWS": named}
    principals = {
        f"{kind} {name}"
        for kind, names in named.items()
        for name in (names if isinstance(names, list) else [names])
        if not _UNIQUE_ID.fullmatch(str(name))
    }
    return documents.canonical({"Statement": [rule]}), frozenset(principals)


def _unlisted_sign_ins(
    member: Member, live: LivePrincipal, service: SignIns, reading: int
) -> Iterator[Evidence]:
    """Say that sign-in sessions could not be listed; the deny itself says which are active."""
    if member.deny is None:
        return
    listing = sign_ins.listed(service, live, scope_of(member.deny, member.deny.issued_before))
    if listing.unread:
        yield Evidence("V1", member.arn, "open", listing.problem, listing.remedy, reading)


def _working_credentials(
    member: Member, live: LivePrincipal, reading: int, stack: str
) -> Iterator[Evidence]:
    """Find credentials that authenticate though they are to be Inactive, of every kind."""
    state = member.credentials
    if state is None:
        return
    listing = credentials.listing(live)
    for problem in listing.problems(live):
        yield Evidence("V1", member.arn, "open", problem.message, problem.remedy, reading)
    scope = credentials.in_scope(listing.credentials, state.which, state.lift.leaked)
    for one in credentials.working(scope):
        new = "" if one.credential_id in state.held else ", which nobody has held so far"
        what = f"{one.kind.word} {one.credential_id} is {one.status}{new}"
        step = f"run 'containment up {stack}' at once, which deactivates it"
        yield Evidence("V1", member.arn, "broken", what, step, reading)


def _new_keys(
    member: Member, spec: IncidentSpec, live: LivePrincipal, reading: int, stack: str
) -> Iterator[Evidence]:
    """Find keys that work, were made at or after T0, and are not held by the member's rung."""
    if member.rung not in _HOLDS_SOME_KEYS:
        return
    began = spec.compromised_at
    for key in live.access_keys():
        made = moment_of(isoformat(key.created_at))
        if key.status == "Active" and made is not None and made >= began:
            what = f"{key.credential_id} is Active and was made after T0, at {isoformat(made)}"
            step = (
                f"write 'rung: deny-all' for it, or the key in 'leaked', and run 'containment up"
                f" {stack}'"
            )
            yield Evidence("V1", member.arn, "broken", what, step, reading)
