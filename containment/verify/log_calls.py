"""V4: what CloudTrail recorded of the attacker's credentials after the containment took hold.

A success of a credential that is contained, or came out of one, is a way in that is open, and is
named. A refusal shows that AWS enforces it. No call at all is silence: it shows nothing by itself,
and V5 says how far the logs go. A call of a key that is Inactive leaves no record, so that it is
Inactive is shown by reading it back.

Calls that AWS lets no policy deny succeed all the same and show nothing, unless they were made with
a key that is to be Inactive. Sources: "Permissions for GetCallerIdentity"; "Comparing AWS STS
credentials" (GetSessionToken); CloudTrail User Guide, "AWS Management Console sign-in events" (a
sign-in asks no policy).
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from containment.clock import isoformat, moment_of
from containment.facets import sessions
from containment.identities import is_access_key_id
from containment.trail.facts.principals import principal_arn, unique_id
from containment.verify.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from containment.actions.deny_policy import DenyState
    from containment.trail import Trace
    from containment.verify.log_reading import LoggedCall
    from containment.verify.members import Member

_UNDENIABLE = frozenset({"GetCallerIdentity", "GetSessionToken"})
_SIGN_IN = frozenset({"signin.amazonaws.com"})
# What a change of IAM may take to bind: the margin that T of a role carries.
PROPAGATION = timedelta(seconds=120)
_SURE = frozenset({"certain", "high"})
_MOST_NAMED = 5


def settled_at(member: Member, now: datetime) -> datetime:
    """Return from when on nothing of *member* that is contained is to succeed.

    T of a role carries its margin; what has no T was in force when it was written, and binds some
    time after. A moment that has not come yet, such as one by a forged mark, counts for nothing:
    then it is when the snapshot was taken.
    """
    captured = moment_of(member.snapshot.captured_at)
    moments = [captured + PROPAGATION] if captured is not None else list[datetime]()
    for state in (member.deny, member.credentials):
        if state is None or state.generation is None:
            continue
        try:
            written = datetime.fromtimestamp(state.generation / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            written = datetime.max.replace(tzinfo=UTC)
        if written > now and captured is not None:
            written = captured
        moments.append(written + PROPAGATION)
    revoked = moment_of(member.deny.issued_before) if member.deny is not None else None
    if revoked is not None:
        moments.append(revoked)
    return max(moments, default=now + PROPAGATION)


def judge_member(member: Member, calls: Iterable[LoggedCall], settled: datetime) -> list[Evidence]:
    """Return what the logs show of *member*'s own credentials after *settled*."""
    after = [
        call
        for call in calls
        if call.time > isoformat(settled)
        and is_contained(member, call)
        and not _is_entry(member, call)
    ]
    let_in = [call for call in calls if call.time > isoformat(settled) and _is_entry(member, call)]
    passed = [call for call in after if call.succeeded and counts(call)]
    refused = [call for call in after if not call.succeeded]
    observations = [
        Evidence("V4", member.arn, "broken", f"{_who(call)} made {call}", _up(member))
        for call in passed[:_MOST_NAMED]
    ]
    observations += [
        Evidence("V4", member.arn, "broken", f"{call.caller.arn} took it up: {call}", _up(member))
        for call in let_in[:_MOST_NAMED]
    ]
    if observations:
        return observations
    if refused:
        first = refused[0]
        reason = f" ({_by_what(first.message)})" if _by_what(first.message) else ""
        what = (
            f"refused since {first.time}, first {first.name}: {first.error}{reason};"
            f" {len(refused)} refused and none let through"
        )
        return [Evidence("V4", member.arn, "holds", what)]
    return [Evidence("V4", member.arn, "note", f"no call of it after {isoformat(settled)}")]


def counts(call: LoggedCall) -> bool:
    """Tell whether a success shows a way in: what no policy can deny shows none.

    An Inactive key may do nothing at all, so anything that succeeds with it does.
    """
    if is_access_key_id(call.caller.key):
        return True
    return call.name not in _UNDENIABLE and call.source not in _SIGN_IN


def is_contained(member: Member, call: LoggedCall) -> bool:
    """Tell whether *call* was made by what the rung of *member* denies or has made Inactive."""
    own = unique_id(call.caller.principal_id) == member.snapshot.principal_id
    if not own and call.issuer_arn != member.arn:
        return False
    if call.caller.key and member.credentials and call.caller.key in member.credentials.held:
        return True
    state = member.deny
    if state is None:
        return False
    if state.scope == "all":
        return True
    if state.scope == "issued-before":
        # A session that tells no issue time is no session of a role.
        return bool(call.caller.created) and call.caller.created < (state.issued_before or "")
    return _is_picked(state, call)


def _is_picked(state: DenyState, call: LoggedCall) -> bool:
    """Tell whether *call* is of a session that *state* picks, as far as a record tells."""
    picked = [one.model_dump(by_alias=True, exclude_none=True) for one in state.sessions]
    for match in sessions.matches(state.target, state.principal_id, picked):
        if match.key == "aws:userid" and call.caller.principal_id in match.values:
            return True
        if match.key == "aws:SignInSessionArn" and call.caller.sign_in in match.values:
            return True
        if match.key == "aws:SourceIp" and any(
            _is_in(call.source_ip, network) for network in match.values
        ):
            return True
    return False


def _is_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _is_entry(member: Member, call: LoggedCall) -> bool:
    """Tell whether somebody who is not exempt took up a role whose trust policy is closed."""
    if call.entered != member.arn or not call.succeeded or member.rung != "close-trust":
        return False
    caller = call.issuer_arn or principal_arn(call.caller.arn)
    return caller not in member.snapshot.break_glass


def judge_descendants(
    trace: Trace, settled: datetime, members: Sequence[Member]
) -> Iterator[Evidence]:
    """Yield what credentials that came out of the traced one did after *settled*.

    A credential that the trace infers and is not sure of leaves the verdict open.
    """
    by_id = {one.id: one for one in (trace.origin, *trace.credentials)}
    passed: dict[str, list[str]] = {}
    for traced in trace.calls:
        call = traced.call
        late = call.time > isoformat(settled)
        undeniable = call.name in _UNDENIABLE or call.source in _SIGN_IN
        if late and call.outcome == "success" and not undeniable:
            words = f"{call.name} at {call.time} in {call.region}"
            passed.setdefault(traced.credential, []).append(words)
    contained = {member.principal.label for member in members}
    for name, calls in passed.items():
        credential = by_id[name]
        holder = credential.for_principal or credential.owner_arn or credential.owner
        what = (
            f"a {credential.kind} of {holder or 'nobody known'}, which came of"
            f" {credential.parent or trace.seed}, made {', '.join(calls[:_MOST_NAMED])}"
        )
        is_member = credential.for_principal in contained
        step = (
            "run 'containment up' again: it was issued after T"
            if is_member
            else "contain it: 'containment trace … --propose' writes the target"
        )
        outcome = "broken" if credential.confidence in _SURE else "open"
        if outcome == "broken":
            yield Evidence("V4", name, "broken", what, step)
        else:
            why = f"{what}; that it is the attacker's is inferred with {credential.confidence}"
            yield Evidence("V4", name, "open", f"{why} confidence", step)


def judge_made_by_role(
    trace: Trace, member: Member, settled: datetime, swept: Collection[str]
) -> Iterator[Evidence]:
    """Yield what came out of the role *member*'s sessions before *settled* and worked after it.

    Which of the sessions were the attacker's nobody can tell from the role alone, so this leaves
    the verdict open, until somebody contains it or writes down in *swept* what it was. What an
    honest session makes after T is no part of it.
    """
    passed: dict[str, list[str]] = {}
    for traced in trace.calls:
        call = traced.call
        undeniable = call.name in _UNDENIABLE or call.source in _SIGN_IN
        if call.time > isoformat(settled) and call.outcome == "success" and not undeniable:
            words = f"{call.name} at {call.time} in {call.region}"
            passed.setdefault(traced.credential, []).append(words)
    for one in trace.credentials:
        own = one.for_principal == member.principal.label
        late = not one.issued_at or one.issued_at >= isoformat(settled)
        if own or late or one.id in swept or one.id not in passed:
            continue
        what = (
            f"a {one.kind} of {one.for_principal or one.owner or 'nobody known'}, which came out of"
            f" a session of the role before T, made {', '.join(passed[one.id][:_MOST_NAMED])}"
        )
        step = (
            "contain its principal if it is the attacker's; else write into the record of"
            " descendants, as 'swept', what it is ('containment trace … --propose' writes it)"
        )
        yield Evidence("V4", one.id, "open", what, step)


def judge_keys(
    keys: Iterable[str], calls: Iterable[LoggedCall], settled: datetime
) -> Iterator[Evidence]:
    """Yield what the attacker's *keys*, known by earlier traces, did after *settled*."""
    wanted_keys = frozenset(keys)
    passed: dict[str, list[LoggedCall]] = {}
    for call in calls:
        key, late = call.caller.key, call.time > isoformat(settled)
        if key in wanted_keys and late and call.succeeded and counts(call):
            passed.setdefault(key, []).append(call)
    for key, late_calls in passed.items():
        made = ", ".join(map(str, late_calls[:_MOST_NAMED]))
        what = f"a credential of the attacker ({late_calls[0].caller.arn}) made {made}"
        step = "contain its principal: 'containment trace … --propose' writes the target"
        yield Evidence("V4", key, "broken", what, step)


def _who(call: LoggedCall) -> str:
    session = f", issued {call.caller.created}," if call.caller.created else ""
    return f"{call.caller.key or call.caller.arn}{session}"


def _by_what(message: str) -> str:
    """Return which kind of policy denied, where AWS's message says so."""
    _, phrase, rest = message.partition("with an explicit deny in ")
    return f"an explicit deny in {rest.split(':')[0].strip()[:80]}" if phrase else ""


def _up(member: Member) -> str:
    return f"run 'containment up {member.snapshot.incident}' at once, and verify again"
