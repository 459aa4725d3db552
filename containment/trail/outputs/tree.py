"""The answer for a person at three in the morning: what matters first, then the tree."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from containment.text import counted, fitted, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.trail.result import Credential, Trace

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
_KINDS = {"forwarded_session_key": "forwarded session", "access_key": "key"}
# Kinds that somebody holds; the others are principals themselves, or named after theirs.
_HELD = frozenset(
    {
        "access_key",
        "forwarded_session_key",
        "service_specific_credential",
        "ssh_public_key",
        "signing_certificate",
    }
)
_MANY = 3
_MOST_LINES = 400
_MOST_GAPS = 10


def lines(trace: Trace, width: int = 0) -> Iterator[str]:
    """Yield the summary and the tree; lines of the tree are cut at *width* cells, if one is given.

    A cut line loses its end, so what counts stands first; the other outputs have all of it.
    """
    yield from _summary(trace)
    yield ""
    yield from (fitted(line, width) for line in _tree(trace))
    yield from _resources(trace)
    yield ""
    yield f"NOT KNOWN ({len(trace.gaps)})"
    yield from _gaps(trace)


def _gaps(trace: Trace) -> Iterator[str]:
    """Some of each kind: whoever calls StopLogging a thousand times must not hide the rest."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for gap in trace.gaps:
        kinds[gap.kind].append(gap.what)
    for kind, found in kinds.items():
        yield from (f"  {plain(kind)}: {plain(what)}" for what in found[:_MOST_GAPS])
        if len(found) > _MOST_GAPS:
            yield f"  {plain(kind)}: {len(found) - _MOST_GAPS:,} more: --json, --csv or --html"


def _summary(trace: Trace) -> Iterator[str]:
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
        to = f"{plain(trust.principal)} since {trust.at}"
        yield f"  OPEN TO OUTSIDE: {plain(trust.role)} trusts {to}"
    guessed = sum(c.confidence != "certain" for c in trace.credentials)
    if guessed:
        yield f"  {counted(guessed, 'credential')} inferred: check before they are contained"
    bad = sum(report.status not in ("ok", "pruned", "not_a_log") for report in trace.files)
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


def _tree(trace: Trace) -> Iterator[str]:
    children: defaultdict[str, list[Credential]] = defaultdict(list)
    for credential in trace.credentials:
        children[credential.parent].append(credential)
    if trace.unseen:
        return
    yield f"{plain(trace.seed)}  {_calls(trace.origin)}"
    shown = 0
    seen = {trace.seed}
    stack = [(credential, "", last) for credential, last in _ends(children[trace.seed])]
    while stack:
        credential, indent, last = stack.pop(0)
        if shown >= _MOST_LINES:
            left = len(trace.credentials) - shown
            yield f"… {left} more: --json, --csv or --html shows all"
            return
        shown += 1
        yield indent + ("└─ " if last else "├─ ") + _line(credential)
        if credential.id in seen:
            continue
        seen.add(credential.id)
        below = indent + ("   " if last else "│  ")
        plain_ones, forwarded = _apart(children[credential.id])
        if forwarded:
            yield below + _forwarded(forwarded)
        stack[:0] = [(child, below, end) for child, end in _ends(plain_ones)]


def _ends(credentials: list[Credential]) -> list[tuple[Credential, bool]]:
    return [(one, number == len(credentials) - 1) for number, one in enumerate(credentials)]


def _apart(credentials: list[Credential]) -> tuple[list[Credential], list[Credential]]:
    """A key has dozens of forwarded sessions; beyond a few they are one line."""
    forwarded = [one for one in credentials if one.tier == "D_forwarded"]
    if len(forwarded) <= _MANY:
        return credentials, []
    return [one for one in credentials if one.tier != "D_forwarded"], forwarded


def _forwarded(credentials: list[Credential]) -> str:
    calls = sum(one.event_count for one in credentials)
    names = [
        name for one in credentials for name, count in one.event_names.items() for _ in range(count)
    ]
    return f"├┄ {len(credentials)} forwarded sessions, {counted(calls, 'call')}: {_top(names)}"


def _line(credential: Credential) -> str:
    kind = _KINDS.get(credential.kind, credential.kind.replace("_", " "))
    sure = "" if credential.confidence == "certain" else f" [{credential.confidence} confidence]"
    by = f" by {plain(credential.issued_by)}" if credential.issued_by else ""
    whose = credential.owner or credential.for_principal
    of = f" of {plain(whose)}" if credential.kind in _HELD else ""
    return (
        f"{plain(credential.id)}  {_calls(credential)}  {kind}{of}, {credential.tier}{sure}{by}"
        f" {credential.issued_at}"
    )


def _calls(credential: Credential) -> str:
    if not credential.event_count:
        return "no calls seen"
    failed = f", {credential.errors} failed" if credential.errors else ""
    return f"{counted(credential.event_count, 'call')}{failed}"


def _resources(trace: Trace) -> Iterator[str]:
    changed = [resource for resource in trace.resources if set(resource.classes) - {"plain_read"}]
    if not changed:
        return
    yield ""
    yield f"TOUCHED ({counted(len(changed), 'resource')} beyond looking)"
    owners = Counter(resource.owner for resource in changed)
    if orphans := owners.pop("", 0):
        yield f"  no owner is known of {orphans}: --inventory names them"
    if owners:
        told = ", ".join(f"{plain(owner)} {number}" for owner, number in owners.most_common(12))
        yield f"  to be told: {told}"
    for resource in changed[:20]:
        owner = f", owner {plain(resource.owner)}" if resource.owner else ""
        classes = ", ".join(f"{count} {name}" for name, count in resource.classes.items())
        yield f"  {plain(resource.arn or resource.id)}  {classes}{owner}"
    if len(changed) > 20:  # noqa: PLR2004
        yield f"  … {len(changed) - 20} more"


def _top(names: list[str]) -> str:
    counts: defaultdict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(
        f"{plain(name)} {count}" if count > 1 else plain(name) for name, count in ranked[:4]
    )
    return shown + (f" and {counted(len(ranked) - 4, 'other API')}" if len(ranked) > 4 else "")  # noqa: PLR2004


def _some(values: list[str]) -> str:
    shown = ", ".join(plain(value) for value in values[:6])
    return shown + (f" and {len(values) - 6} more" if len(values) > 6 else "")  # noqa: PLR2004
