"""The trace: from a leaked credential and a pile of logs to everything that came out of it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from contextlib import nullcontext
from typing import TYPE_CHECKING

from containment.errors import NotFoundError, SpecError
from containment.trail import files as log_files
from containment.trail import gaps, owners
from containment.trail.evidence import Evidence, Moment
from containment.trail.index import Index
from containment.trail.lineage import Lineage
from containment.trail.principals import label
from containment.trail.records import normal_time
from containment.trail.result import Credential, ExternalTrust, Trace, TracedCall
from containment.trail.scan import Scanner, Wanted
from containment.trail.seeds import Seed, parse_seed
from containment.trail.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from containment.trail.calls import Call
    from containment.trail.facts import Fact, Use
    from containment.trail.files import FileReport
    from containment.trail.members import Member


def trace(
    seed: str,
    *,
    since: str,
    logs: Iterable[str | os.PathLike[str]],
    workers: int | None = None,
    index: Path | None = None,
    inventory: Mapping[str, str] | None = None,
    unread: Iterable[FileReport] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Trace:
    """Follow *seed* through *logs* from *since* on, to a fixpoint.

    Args:
        seed: an access key id, the ARN of a user, role or role session, or an instance id.
        since: T0, ``YYYY-MM-DDTHH:MM:SSZ``; nothing before it is the thief's.
        logs: files and folders of CloudTrail logs, in any form and any order.
        workers: how many processes read; all processors by default.
        index: a folder that keeps the facts of files already read, for the next question.
        inventory: resource ARN or id to owner, where tags do not tell.
        unread: what could not be brought here, to be told among the files and gaps.
        progress: called with files done and files in all.

    Raises:
        SpecError: *seed* or *since* cannot be used.
        NotFoundError: one of *logs* is not there.
    """
    moment = normal_time(since)
    if not moment:
        raise SpecError(
            f"{since!r} is no moment in time", remedy="write it as 2026-11-23T21:14:00Z, in UTC"
        )
    start = parse_seed(seed, moment)
    roots = [os.fspath(path) for path in logs]
    found = log_files.find(roots)
    if not found:
        raise NotFoundError(
            "there is no log file in what --logs names",
            remedy="give the folder that holds AWSLogs/, or single files",
        )
    late = [path for path in found if not log_files.too_early(path, moment)]
    skipped = [
        log_files.FileReport(path, "pruned", "delivered before the trace begins")
        for path in sorted(set(found) - set(late))
    ]
    scanner = Scanner(workers or os.cpu_count() or 1)
    place = index / _name_of(roots) if index else None
    with scanner.running(), Index(place).open() if place else nullcontext() as kept:
        store = _store(scanner, late, kept, progress)
        lineage, calls = _follow(start, store, scanner)
    reports = [*unread, *skipped, *(entry.report for entry in store.entries)]
    return _answer(start, lineage, calls, reports, store, inventory or {})


def _name_of(logs: list[str]) -> str:
    """One index for one set of logs, wherever it is asked from."""
    whole = "\0".join(sorted(os.path.realpath(path) for path in logs))
    return hashlib.blake2b(whole.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _store(
    scanner: Scanner, paths: list[str], kept: Index | None, progress: Callable[[int, int], None]
) -> Store:
    known = kept.known(paths) if kept else []
    fresh = sorted(set(paths) - {entry.report.path for entry in known})
    read = []
    for entry in scanner.index(fresh, progress):
        read.append(entry)
        if kept:
            kept.add(entry)
    return Store([*known, *read])


def _follow(seed: Seed, store: Store, scanner: Scanner) -> tuple[Lineage, list[Call]]:
    """Ask the index for every name the lineage raises, then the files, until nothing is new."""
    known: set[str] = set()
    loaded: set[str] = set()
    facts: set[Fact] = set()
    uses: set[Use] = set()
    moments: set[Moment] = set()
    calls: dict[tuple[str, str], Call] = {}
    names = seed.tokens()
    small = store.small
    if small:
        found = store.everything()
        facts, uses = set(found.facts), set(found.uses)
    while True:
        if not small and (new := names - known):
            found = store.lookup(new)
            facts.update(found.facts)
            uses.update(found.uses)
            known |= new
        lineage = Lineage(seed, Evidence(facts, uses, moments))
        names = lineage.wanted()
        if not small and names - known:
            continue
        wanted = _wanted(lineage)
        fresh = (wanted.keys | wanted.names | wanted.arns) - loaded
        fresh -= {
            member.id
            for member in lineage.members
            if member.kind == "forwarded_session_key" and member.arn in loaded
        }
        if not fresh:
            return lineage, list(calls.values())
        hit = [(number, store.entries[number].report.path) for number in store.files_with(fresh)]
        for some, short in scanner.calls(hit, wanted):
            for call in some:
                calls.setdefault((call.event_id, call.digest), call)
                moments.add(call.moment())
            moments.update(short)
        loaded |= wanted.keys | wanted.names | wanted.arns


def _wanted(lineage: Lineage) -> Wanted:
    keys = frozenset(lineage.by_key)
    names = {label(member.arn) for member in lineage.members if _in_full(member)}
    arns = {member.arn for member in lineage.members if member.id in lineage.by_key}
    for key in keys:
        for use in lineage.evidence.uses_of.get(key, []):
            if lineage.who(use.caller, use.time):
                arns.add(use.caller.arn)
    return Wanted(keys, frozenset(names - {""}), frozenset(arns - {""}))


def _in_full(member: Member) -> bool:
    """Principals whose sign-ins, which carry no key, count too."""
    return member.owned or member.kind == "console_password"


def _answer(  # noqa: PLR0917 -- all that the answer is made of
    seed: Seed,
    lineage: Lineage,
    calls: list[Call],
    reports: list[log_files.FileReport],
    store: Store,
    inventory: Mapping[str, str],
) -> Trace:
    by_member: defaultdict[int, list[Call]] = defaultdict(list)
    made: list[TracedCall] = []
    for call in sorted(calls, key=lambda call: (call.time, call.event_id, call.digest)):
        member = maker_of(lineage, call)
        if member is not None:
            by_member[id(member)].append(call)
            made.append(TracedCall(member.id, call))
    arns = full_arns(lineage, made)
    credentials = [
        _credential(member, by_member[id(member)], arns.get(member.owner, ""))
        for member in lineage.members
    ]
    origin = credentials[0]
    return Trace(
        seed=seed.id,
        seed_kind=seed.kind,
        since=seed.since,
        seed_principal=lineage.seed.arn,
        files=tuple(reports),
        origin=origin,
        credentials=tuple(
            sorted(credentials[1:], key=lambda c: (c.generation, c.issued_at, c.tier, c.id))
        ),
        external_trust=tuple(
            ExternalTrust(role.id, principal, fact.event_id, fact.time)
            for role, principal, fact in lineage.trusts
        ),
        calls=tuple(made),
        resources=tuple(owners.affected(made, inventory)),
        gaps=tuple(gaps.find(lineage, made, reports, store)),
        records=sum(report.records for report in reports),
        classes=dict(Counter(traced.call.klass for traced in made)),
    )


def maker_of(lineage: Lineage, call: Call) -> Member | None:
    """Return the member that made *call*: by its key, else the password that signed in."""
    member = lineage.who(call.caller, call.time)
    if call.caller.key:
        return member
    for password in lineage.members:
        if (
            password.kind == "console_password"
            and call.name == "ConsoleLogin"
            and label(password.arn) == call.caller.label
            and password.begun(call.time)
        ):
            return password
    return member


def full_arns(lineage: Lineage, made: list[TracedCall]) -> dict[str, str]:
    """Principal -> its ARN with the path, which sessions and names leave out."""
    arns: dict[str, str] = {}
    evidence = lineage.evidence
    seen = [use.caller for use in evidence.uses] + [fact.caller for fact in evidence.facts]
    named = [caller.arn for caller in seen] + [traced.call.issuer_arn for traced in made]
    named += [
        arn for fact in evidence.facts for arn in (fact.target.role_arn, fact.target.user_arn)
    ]
    named += [member.arn for member in lineage.members]
    for arn in named:
        parts = arn.split(":", 5)
        if len(parts) == 6 and parts[2] == "iam" and len(arn) > len(arns.get(label(arn), "")):  # noqa: PLR2004
            arns[label(arn)] = arn
    return arns


def _credential(member: Member, calls: list[Call], owner_arn: str) -> Credential:
    times = [call.time for call in calls]
    return Credential(
        id=member.id,
        kind=member.kind,
        tier=member.tier,
        parent=member.parent.id if member.parent else "",
        link_event_ids=tuple(member.link_event_ids),
        issued_by=member.issued_by,
        issued_at=member.issued_at,
        for_principal=member.for_principal,
        owner=member.owner,
        owner_arn=owner_arn,
        why=member.why,
        confidence=member.confidence,
        generation=member.generation,
        expires=member.expires,
        event_count=len(calls),
        event_names=dict(Counter(call.name for call in calls).most_common()),
        errors=sum(call.outcome == "failure" for call in calls),
        first_seen=min(times, default=""),
        last_seen=max(times, default=""),
        source_ips=tuple(sorted({call.source_ip for call in calls if call.source_ip})),
        regions=tuple(sorted({call.region for call in calls if call.region})),
    )
