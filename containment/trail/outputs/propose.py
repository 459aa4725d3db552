"""Propose what the trace derived as targets of the incident spec, for a person to review.

Each target gets the least disruptive rung that stops what links it. A principal that the attacker
made is denied everything. An existing user who was given a key loses that key. Sessions of the
attacker's compute are denied by name, which outlives their renewal. A role that was only assumed
has its sessions revoked. A spec holds principals, not statements or passwords: a trust opened to
the outside and a password set are proposed at the lowest rung that stops them, and the note beside
it says what it stops besides and when to lower it.

The responder and break-glass are listed and never proposed, or the attacker would choose who is
contained. Whatever no rung of this spec can hold is listed too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.identities import Principal, is_access_key_id, parse_principal
from containment.text import plain
from containment.trail.facts.principals import label, session_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containment.trail.answer.result import Credential, Trace

# STS API reference, "AssumeRole": what a session name may be, and so what a spec takes.
_SESSION = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_MOST_SESSIONS = 20
_KEYS = ("access_key", "forwarded_session_key")
# Under a limit the most certain harm comes first.
_ORDER = ("deny-all", "key-only", "close-trust", "session", "revoke-sessions")
_STRENGTH = {
    rung: strength
    for strength, rung in enumerate(
        ("key-only", "session", "revoke-sessions", "close-trust", "deny-all")
    )
}
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Proposal:
    """One target to add: why, and what the reviewer has to weigh."""

    principal: Principal
    rung: str
    why: str
    leaked: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    note: str = ""
    by: str = "proposed by the trace"


@dataclass(frozen=True, slots=True)
class Proposals:
    """What to add, what a person must decide, and what is never proposed."""

    targets: tuple[Proposal, ...]
    decide: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    # Keys to add to ``leaked`` of a target that is there: label of the user, key id.
    more_leaked: tuple[tuple[str, str], ...] = ()
    beyond: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class SpecTarget:
    """A target that the spec has already."""

    rung: str
    leaked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """A principal with its credentials in the trace."""

    label: str
    credentials: list[Credential] = field(default_factory=list)

    @property
    def keys(self) -> tuple[str, ...]:
        """The long-term keys found."""
        return tuple(sorted({c.id for c in self.credentials if is_access_key_id(c.id)}))

    @property
    def has_seed(self) -> bool:
        """Whether the trace began with it."""
        return any(c.tier == "seed" for c in self.credentials)

    @property
    def principal(self) -> Principal | None:
        """The principal, by its full ARN where the logs show it; None where a spec has none."""
        account, _, rest = self.label.partition("/")
        full = {c.owner_arn for c in self.credentials} - {""}
        shown = {c.for_principal for c in self.credentials if c.for_principal.startswith("arn:")}
        # Nothing but a session's ARN, or a name alone, shows a principal: it has no path then.
        partition = next((arn.split(":", 2)[1] for arn in sorted(shown)), "aws")
        for arn in sorted(full) or [f"arn:{partition}:iam::{account}:{rest}"]:
            try:
                return parse_principal(arn)
            except SpecError:
                continue
        return None

    def any_of(self, *kinds: str) -> list[Credential]:
        """Return its credentials of these kinds."""
        return [c for c in self.credentials if c.kind in kinds]


def propose(
    trace: Trace,
    *,
    protected: Iterable[str] = (),
    in_spec: Mapping[str, SpecTarget] | None = None,
    account: str = "",
    partition: str = "",
    room: int | None = None,
) -> Proposals:
    """Return what *trace* suggests beyond the targets that the spec has.

    Args:
        trace: the answer.
        protected: ARNs that are never proposed.
        in_spec: label of a principal, in small letters -> its target in the spec.
        account: the only account that the spec can hold.
        partition: the only partition that the spec can hold.
        room: how many more targets the spec's limit allows.
    """
    # Names are unique in an account whatever their capitals, and a request may have any.
    never = {label(arn).lower(): arn for arn in protected}
    in_spec = in_spec or {}
    decide: list[str] = []
    held_back: list[str] = []
    more: list[tuple[str, str]] = []
    targets: list[Proposal] = []
    for holder in holders(trace):
        principal = holder.principal
        name = holder.label.lower()
        if name in never:
            held_back.append(
                f"{plain(never[name])}: responder or break-glass, reached by the lineage"
            )
        elif (refusal := _refusal(holder, principal, account, partition)) or principal is None:
            decide.append(f"{plain(principal.arn if principal else holder.label)}: {refusal}")
        elif (target := _proposal(trace, holder, principal)) is None:
            continue
        elif name in in_spec:
            _compare(holder, in_spec[name], target, decide, more)
        else:
            targets.append(target)
    targets.sort(key=lambda target: (_ORDER.index(target.rung), target.principal.arn))
    fits = len(targets) if room is None else max(0, room)
    return Proposals(
        tuple(targets[:fits]),
        tuple(decide),
        tuple(held_back),
        tuple(more),
        tuple(targets[fits:]),
    )


def holders(trace: Trace) -> list[Holder]:
    """Return every principal that holds a credential; a federated user counts as its issuer."""
    by_id = {credential.id: credential for credential in (*trace.credentials, trace.origin)}
    by_label: dict[str, Holder] = {}
    for credential in (trace.origin, *trace.credentials):
        holder, passed = credential, {credential.id}
        while "/federated-user/" in holder.owner and holder.parent not in passed:
            passed.add(holder.parent)
            holder = by_id.get(holder.parent, trace.origin)
        if holder.owner:
            by_label.setdefault(holder.owner, Holder(holder.owner)).credentials.append(credential)
    return [by_label[name] for name in sorted(by_label)]


def _refusal(holder: Holder, principal: Principal | None, account: str, partition: str) -> str:
    """Say why the spec cannot hold this one; empty if it can."""
    if principal is None:
        return f"{_reason(holder.credentials)}; it is no user or role that a spec can name"
    # CloudTrail's ARN of a session leaves the path out, which alone would tell.
    reserved = principal.identity_center or principal.name.startswith("AWSReservedSSO_")
    if principal.service_linked or reserved:
        return f"{_reason(holder.credentials)}; only its own service can change it"
    if partition and principal.partition != partition:
        return (
            f"{_reason(holder.credentials)}; its ARN is of partition {plain(principal.partition)},"
            f" and the spec's are of {partition}: check the record"
        )
    if account and principal.account != account:
        return (
            f"{_reason(holder.credentials)}; it is in account {principal.account}:"
            " write an incident of its own there"
        )
    return ""


def _proposal(trace: Trace, holder: Holder, principal: Principal) -> Proposal | None:
    made = [c for c in holder.credentials if c.issued_by in ("CreateUser", "CreateRole")]
    why = _reason(made or holder.credentials)
    if principal.kind == "user":
        return _user(holder, principal, why, made=bool(made))
    if made:
        return Proposal(principal, "deny-all", why)
    return _role(trace, holder, principal, why)


def _user(holder: Holder, principal: Principal, why: str, *, made: bool) -> Proposal:
    if made or holder.has_seed:
        return Proposal(principal, "deny-all", why, holder.keys)
    others = [c for c in holder.credentials if c.kind not in _KEYS]
    if others:
        what = " and ".join(sorted({c.kind.replace("_", " ") for c in others}))
        note = (
            f"a {what} came out of it: this stops the rightful owner too; lower it once the owner"
            " has a new one, or write 'key-only' with its id in 'leaked' where it has a status"
        )
        return Proposal(principal, "deny-all", _reason(others), holder.keys, note=note)
    minted = [c for c in holder.credentials if not is_access_key_id(c.id)]
    if holder.keys:
        note = (
            f"{_some([c.id for c in minted])} minted with it may live 36 hours on;"
            " deny-all stops that too"
            if minted
            else ""
        )
        return Proposal(principal, "key-only", why, holder.keys, note=note)
    note = "its sessions cannot be revoked alone: this stops the rightful owner too"
    return Proposal(principal, "deny-all", why, note=note)


def _role(trace: Trace, holder: Holder, principal: Principal, why: str) -> Proposal | None:
    edits = holder.any_of("iam_role")
    sessions = holder.any_of(*_KEYS)
    outside = [
        trust.principal for trust in trace.external_trust if label(trust.role) == holder.label
    ]
    if edits and edits[0].tier != "seed":
        events = _some(list(edits[0].link_event_ids))
        if outside:
            note = (
                f"the statement that trusts {_some(outside)} ({events}) lets them in; no rung takes"
                " one statement out: this keeps every caller out until it is removed by hand,"
                " then lower it to revoke-sessions"
            )
            return Proposal(principal, "close-trust", _reason(edits), note=note)
        note = f"its trust policy was edited ({events}): restore the statement by hand"
        return Proposal(principal, "revoke-sessions", _reason(edits), note=note)
    compute = [c for c in sessions if c.tier == "C_service_issued"]
    names = {session_name(c.for_principal) for c in compute}
    if compute and len(compute) == len(sessions) and _speakable(names):
        note = "by session name, since the service renews them: stop the compute too"
        return Proposal(principal, "session", why, sessions=tuple(sorted(names)), note=note)
    note = "its service renews the sessions: stop the compute too" if compute else ""
    return Proposal(principal, "revoke-sessions", why, note=note)


def _speakable(names: set[str]) -> bool:
    return 0 < len(names) <= _MOST_SESSIONS and all(_SESSION.fullmatch(name) for name in names)


def _compare(
    holder: Holder,
    in_spec: SpecTarget,
    target: Proposal,
    decide: list[str],
    more: list[tuple[str, str]],
) -> None:
    """Compare a target of the spec: new leaked keys go to *more*, a higher rung to *decide*."""
    if in_spec.leaked:
        new = [key for key in target.leaked if key not in in_spec.leaked]
        more += [(target.principal.label, key) for key in new]
    # The author of the spec has decided how far the seed itself is contained.
    if all(c.tier == "seed" or c.kind in _KEYS for c in holder.credentials) and holder.has_seed:
        return
    if in_spec.rung in _STRENGTH and _STRENGTH[target.rung] > _STRENGTH[in_spec.rung]:
        decide.append(
            f"{plain(target.principal.arn)}: the spec has it at {in_spec.rung}, and the trace"
            f" suggests {target.rung} ({target.why})"
        )


def _reason(credentials: list[Credential]) -> str:
    """Say in one line who did what, when, and where it stands in the log."""
    first = credentials[0]
    if first.tier == "seed":
        return "the credential the trace began with"
    did = plain(first.issued_by or first.kind.replace("_", " "))
    sure = "" if first.confidence == "certain" else f", {first.confidence} confidence"
    event = f", event {plain(first.link_event_ids[0])}" if first.link_event_ids else ""
    more = f" and {len(credentials) - 1} more" if len(credentials) > 1 else ""
    return f"{did} by {plain(first.parent)} at {first.issued_at}{event} ({first.tier}{sure}){more}"


def _some(values: list[str]) -> str:
    shown = ", ".join(plain(value) for value in values[:_SHOWN])
    return shown + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")
