"""The answer as text for a person: a summary, the tree of credentials, resources and gaps."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.text import counted, fitted, plain
from containment.trail.logs.files import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from containment.trail.answer.result import Credential, Trace

_WORDS = {
    "sensitive_read": "read sensitive data",
    "permission_change": "changed permissions or credentials",
    "creates_resource_creating_resource": "created what creates more",
    "creates_resource": "created resources",
    "deletes": "deleted",
    "modifies": "modified",
    "unclassified": "unclassified writes: review",
    "plain_read": "looked around",
}
CLASS_WORDS = {name: word.partition(":")[0] for name, word in _WORDS.items()}
_KINDS = {
    "forwarded_session_key": "forwarded session",
    "iam_user": "user",
    "iam_role": "role",
    "sign_in_session": "sign-in session",
    "ssh_public_key": "SSH public key",
    "oidc_provider": "OIDC provider",
    "saml_provider": "SAML provider",
    "rolesanywhere_trust_anchor": "Roles Anywhere trust anchor",
    "rolesanywhere_profile": "Roles Anywhere profile",
    "service_specific_credential": "service-specific credential",
}
_HOLDERS = ("iam_user", "iam_role", "sign_in_session")
_SIGNING = ("access_key", "forwarded_session_key")
# Kinds that belong to a principal; the others are principals, or their id names one.
_OWNED_KINDS = frozenset(
    {
        "access_key",
        "forwarded_session_key",
        "service_specific_credential",
        "ssh_public_key",
        "signing_certificate",
        "sign_in_session",
    }
)
_MANY = 3
_MOST_LINES = 400
_DEEPEST = 12  # levels that are indented in full; deeper ones show their number
_GUIDES = 6
_MOST_GAPS = 10
_MOST_RESOURCES = 20


def lines(trace: Trace, width: int = 0, *, everything: bool = False) -> Iterator[str]:
    """Yield the summary and the tree; lines of the tree are cut at *width* cells, if one is given.

    More than a few leaves of one kind under one parent are one line, unless *everything* is shown.

    A cut line loses its end, so what counts stands first; the other outputs have all of it.
    """
    yield from summary(trace)
    yield ""
    yield from (fitted(line, width) for line in _tree(trace, everything=everything))
    yield from _resources(trace, everything=everything)
    yield ""
    yield f"NOT KNOWN ({len(trace.gaps)})"
    yield from _gaps(trace, everything=everything)


def _gaps(trace: Trace, *, everything: bool) -> Iterator[str]:
    """Yield some gaps of each kind, so that a thousand of one do not hide the others."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for gap in trace.gaps:
        kinds[gap.kind].append(gap.what)
    for kind, texts in kinds.items():
        most = len(texts) if everything else _MOST_GAPS
        yield from (f"  {plain(kind)}: {plain(what)}" for what in texts[:most])
        if len(texts) > most:
            yield f"  {plain(kind)}: {len(texts) - most:,} more: --all shows them"


def summary(trace: Trace) -> Iterator[str]:
    """Yield what was asked, and what came of it in a few lines; details are indented."""
    yield f"{plain(trace.seed)} since {trace.since}"
    if trace.unseen:
        unseen = next((gap.what for gap in trace.gaps if gap.kind == "seed_unseen"), "")
        yield f"  NOTHING WAS FOUND: {plain(unseen)}"
    if trace.seed_principal:
        yield f"  belongs to {plain(trace.seed_principal)}"
    yield from _counts(trace)
    addresses = sorted({traced.call.source_ip for traced in trace.calls if traced.call.source_ip})
    if addresses:
        yield f"  from {_some(addresses)}"
    for trust in trace.external_trust:
        to = f"{plain(trust.principal)} since {trust.time}"
        yield f"  OPEN TO OUTSIDE: {plain(trust.role)} trusts {to}"
    guessed = sum(c.confidence != "certain" for c in trace.credentials)
    if guessed:
        yield f"  {counted(guessed, 'credential')} inferred: check before they are contained"
    bad = sum(report.status not in COMPLETE | {"not_a_log"} for report in trace.files)
    others = sum(report.status == "not_a_log" for report in trace.files)
    yield (
        f"  read {counted(trace.records, 'record')} in {counted(len(trace.files), 'file')}"
        + (f"; {counted(bad, 'file')} not read whole" if bad else "")
        + (f"; {others} not a log" if others else "")
    )
    if not trace.origin.event_count and not trace.unseen:
        yield "  the seed itself made no call in these logs"


def _counts(trace: Trace) -> Iterator[str]:
    total = len(trace.calls)
    failed = sum(traced.call.outcome == "failure" for traced in trace.calls)
    principals = {credential.owner for credential in trace.credentials if credential.owner}
    if trace.credentials:
        deepest = max(c.generation for c in trace.credentials)
        yield (
            f"  {counted(len(trace.credentials), 'credential')} came out of it, over"
            f" {counted(deepest, 'generation')}, of {counted(len(principals), 'principal')}"
        )
    elif total:
        yield "  no other credential came out of it in these logs"
    if total:
        last = max(traced.call.time for traced in trace.calls)
        yield f"  {counted(total, 'call')}, {failed} of them failed; last at {last}"
    for klass, word in _WORDS.items():
        calls = [traced.call for traced in trace.calls if traced.call.klass == klass]
        if calls:
            wrong = sum(call.outcome == "failure" for call in calls)
            note = f" ({wrong} failed)" if wrong else ""
            yield f"    {len(calls):>6}  {word}{note}: {_top([call.name for call in calls])}"


def _tree(trace: Trace, *, everything: bool) -> Iterator[str]:
    if trace.unseen:
        return
    yield f"{plain(trace.seed)}  {seed_line(trace)}"
    children: defaultdict[str, list[Credential]] = defaultdict(list)
    for credential in trace.credentials:
        children[credential.parent].append(credential)
    around = _surroundings(trace)
    shown, hidden = 0, len(trace.credentials)
    expanded = {trace.seed}
    stack = _items(children, trace.seed, "", everything=everything)
    while stack:
        item = stack.pop(0)
        if shown >= _MOST_LINES and not everything:
            yield f"… {hidden:,} more: --all shows them"
            return
        shown += 1
        hidden -= len(item.credentials)
        yield item.branch + (
            _line(item.credentials[0], around)
            if len(item.credentials) == 1
            else _folded(item.credentials, around)
        )
        credential = item.credentials[0]
        if len(item.credentials) == 1 and credential.id not in expanded:
            expanded.add(credential.id)
            stack[:0] = _items(children, credential.id, item.below, everything=everything)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a line says of a credential without calls: accounts without logs, busy principals."""

    unlogged: AbstractSet[str] = frozenset()
    busy: AbstractSet[str] = frozenset()


_NOWHERE = _Surroundings()


def _surroundings(trace: Trace) -> _Surroundings:
    return _Surroundings(
        frozenset(trace.accounts_without_records),
        frozenset(one.owner for one in trace.credentials if one.event_count),
    )


def credential_lines(trace: Trace) -> list[tuple[str, str]]:
    """Return for each credential its kind, and what the tree says of it after its id."""
    around = _surroundings(trace)
    return [(_kind(one), _credential_line(one, around)) for one in trace.credentials]


def seed_line(trace: Trace) -> str:
    """Return what the tree says of the seed after its id."""
    return _calls(trace.origin)


@dataclass(frozen=True, slots=True)
class _Item:
    """One line of the tree: a credential, or leaves of one kind that are folded into it."""

    credentials: list[Credential]
    indent: str
    last: bool

    @property
    def branch(self) -> str:
        """What stands before the line."""
        levels = len(self.indent) // 3
        mark = "└─ " if self.last else "├─ "
        if levels <= _DEEPEST:
            return self.indent + mark
        return f"{levels + 1} … {self.indent[-3 * _GUIDES :]}{mark}"

    @property
    def below(self) -> str:
        """What stands before the lines under it."""
        return self.indent + ("   " if self.last else "│  ")


def _items(
    children: Mapping[str, list[Credential]], parent: str, indent: str, *, everything: bool
) -> list[_Item]:
    """Return the lines under *parent*: more than a few leaves of one kind are one line."""
    leaves: defaultdict[tuple[str, str, str], list[Credential]] = defaultdict(list)
    below = children.get(parent, [])
    for credential in below:
        if credential.id not in children:
            leaves[_sort(credential)].append(credential)
    folded = [] if everything else [group for group in leaves.values() if len(group) > _MANY]
    inside = {id(credential) for group in folded for credential in group}
    groups = [[credential] for credential in below if id(credential) not in inside] + folded
    return [_Item(group, indent, group is groups[-1]) for group in groups]


def _sort(credential: Credential) -> tuple[str, str, str]:
    return _kind(credential), _how(credential), credential.confidence


def _kind(credential: Credential) -> str:
    if credential.kind == "access_key":
        return "access key" if credential.id.startswith("AKIA") else "session"
    return _KINDS.get(credential.kind, credential.kind.replace("_", " "))


def _how(credential: Credential) -> str:
    """Say in plain words how it came out of its parent."""
    by = f" by {plain(credential.issued_by)}" if credential.issued_by else ""
    if credential.tier == "B_principal":
        return _through_principal(credential, by)
    if credential.tier == "A_issued" and credential.kind == "sign_in_session":
        return f"opened{by}"
    return {
        "A_issued": f"handed out{by}",
        "C_service_issued": f"given to compute it made{by}",
        "D_forwarded": "used by a service acting for it",
    }.get(credential.tier, f"inferred{by}")


def _through_principal(credential: Credential, by: str) -> str:
    if credential.kind == "sign_in_session":
        return "opened by a principal it made or changed"
    if credential.kind in _SIGNING:
        return f"of a principal it made or changed{', handed out' + by if by else ''}"
    made = credential.issued_by.startswith(("Create", "Upload"))
    return f"{'made' if made else 'changed'}{by}"


def _folded(credentials: list[Credential], around: _Surroundings) -> str:
    first = credentials[0]
    calls = sum(one.event_count for one in credentials)
    names: Counter[str] = Counter()
    for one in credentials:
        names.update(one.event_names)
    whose = sorted({one.owner or one.for_principal for one in credentials} - {""})
    owner = ""
    if len(whose) == 1:
        owner = f" of {plain(whose[0])}"
    elif whose:
        owner = f" of {len(whose)} principals ({plain(whose[0])} and {len(whose) - 1} more)"
    if calls:
        used = sorted(one.first_seen for one in credentials if one.first_seen)
        last = max(one.last_seen for one in credentials)
        what = f"{counted(calls, 'call')}, {used[0]} to {last} ({_ranked(names)})"
    else:
        issued = sorted(one.issued_at for one in credentials if one.issued_at)
        when = f", issued {issued[0]} to {issued[-1]}" if issued else ""
        what = _calls(first, around) + when
    # What counts stands first: a terminal cuts the end.
    return f"{len(credentials)} {_kind(first)}s, {what}{owner}, {_how(first)}{_sure(first)}"


def _line(credential: Credential, around: _Surroundings) -> str:
    return f"{plain(credential.id)}  {_credential_line(credential, around)}"


def _credential_line(credential: Credential, around: _Surroundings) -> str:
    whose = credential.owner or credential.for_principal
    owner = f" of {plain(whose)}" if credential.kind in _OWNED_KINDS and whose else ""
    ends = f", expires {credential.expires}" if credential.expires else ""
    when = f" {credential.issued_at}" if credential.issued_at else ""
    return (
        f"{_calls(credential, around)}  {_kind(credential)}{owner},"
        f" {_how(credential)}{when}{ends}{_sure(credential)}"
    )


def _sure(credential: Credential) -> str:
    return "" if credential.confidence == "certain" else f" [{credential.confidence} confidence]"


def _calls(credential: Credential, around: _Surroundings = _NOWHERE) -> str:
    if credential.event_count:
        failed = f", {credential.errors} failed" if credential.errors else ""
        return f"{counted(credential.event_count, 'call')}{failed}"
    if credential.not_told_apart:
        return f"{counted(credential.not_told_apart, 'call')} that may be its"
    if credential.kind in _HOLDERS and credential.owner in around.busy:
        return "calls under its credentials"
    account = credential.owner.partition("/")[0].partition(" ")[0]
    return f"no logs of account {plain(account)}" if account in around.unlogged else "no calls seen"


def _resources(trace: Trace, *, everything: bool) -> Iterator[str]:
    changed = [resource for resource in trace.resources if set(resource.classes) - {"plain_read"}]
    if not changed:
        return
    yield ""
    yield f"TOUCHED ({counted(len(changed), 'resource')} beyond looking)"
    owners = Counter(resource.owner for resource in changed)
    if orphans := owners.pop("", 0):
        yield f"  no owner is known of {orphans}: --inventory names them"
    if owners:
        listed = ", ".join(f"{plain(owner)} {number}" for owner, number in owners.most_common(12))
        yield f"  to be told: {listed}"
    shown = changed if everything else changed[:_MOST_RESOURCES]
    for resource in shown:
        owner = f", owner {plain(resource.owner)}" if resource.owner else ""
        classes = ", ".join(
            f"{CLASS_WORDS.get(name, name)} {count}" for name, count in resource.classes.items()
        )
        yield f"  {plain(resource.arn or resource.id)}  {classes}{owner}"
    if len(changed) > len(shown):
        yield f"  … {len(changed) - len(shown):,} more: --all shows them"


def _top(names: list[str]) -> str:
    return _ranked(Counter(names))


def _ranked(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(
        f"{plain(name)} {count}" if count > 1 else plain(name) for name, count in ranked[:4]
    )
    return shown + (f" and {counted(len(ranked) - 4, 'other API')}" if len(ranked) > 4 else "")  # noqa: PLR2004


def _some(values: list[str]) -> str:
    shown = ", ".join(plain(value) for value in values[:6])
    return shown + (f" and {len(values) - 6} more" if len(values) > 6 else "")  # noqa: PLR2004
