"""Ask a source for every name the lineage raises, until it raises no more; then answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Protocol

from containment.trail.answer import gaps, owners
from containment.trail.answer.result import Credential, ExternalTrust, Trace, TracedCall
from containment.trail.facts.evidence import Evidence, Moment
from containment.trail.facts.principals import label
from containment.trail.facts.scan import Selection
from containment.trail.facts.targets import USER_CREDENTIALS
from containment.trail.lineage.rules import derive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from containment.trail.facts.calls import Call
    from containment.trail.facts.fact import Fact, Use
    from containment.trail.facts.store import Contributions
    from containment.trail.lineage.lineage import Lineage
    from containment.trail.lineage.members import Member
    from containment.trail.lineage.seeds import Seed
    from containment.trail.logs.files import FileReport


class Source(Protocol):
    """Where records come from: files with an index, or a table behind a SQL engine."""

    @property
    def small(self) -> bool:
        """Whether everything is best had at once."""
        ...

    def everything(self) -> Contributions:
        """Return every fact and use."""
        ...

    def lookup(self, names: AbstractSet[str]) -> Contributions:
        """Return every fact and use that bears one of *names*."""
        ...

    def calls(
        self, fresh: AbstractSet[str], selection: Selection
    ) -> Iterator[tuple[list[Call], list[Moment]]]:
        """Yield the records that *wanted* asks for, where one of *fresh* occurs."""
        ...

    def reports(self) -> list[FileReport]:
        """Say what was read."""
        ...

    def places(self) -> list[tuple[str, str]]:
        """Return the accounts and Regions that records were seen of."""
        ...


def follow(seed: Seed, source: Source) -> tuple[Lineage, list[Call]]:
    """Close the lineage on the facts, then on the calls, until nothing is new."""
    looked_up: set[str] = set()
    loaded: set[str] = set()
    facts: set[Fact] = set()
    uses: set[Use] = set()
    moments: set[Moment] = set()
    calls: dict[tuple[str, str], Call] = {}
    names = seed.tokens()
    small = source.small
    if small:
        contributions = source.everything()
        facts, uses = set(contributions.facts), set(contributions.uses)
    while True:
        if not small and (new := names - looked_up):
            contributions = source.lookup(new)
            facts.update(contributions.facts)
            uses.update(contributions.uses)
            looked_up |= new
        lineage = derive(seed, Evidence(facts, uses, moments))
        names = lineage.names_to_look_up()
        if not small and names - looked_up:
            continue
        selection = _selection(lineage)
        fresh = frozenset().union(*selection) - loaded
        fresh -= {
            member.id
            for member in lineage.members
            if member.kind == "forwarded_session_key" and member.arn in loaded
        }
        if not fresh:
            return lineage, list(calls.values())
        for some, short in source.calls(fresh, selection):
            for call in some:
                calls.setdefault((call.event_id, call.digest), call)
                moments.add(call.moment())
            moments.update(short)
        loaded = loaded.union(*selection)


def _selection(lineage: Lineage) -> Selection:
    keys = frozenset(lineage.by_key)
    names = {label(member.arn) for member in lineage.members if _in_full(member)}
    arns = {member.arn for member in lineage.members if member.id in lineage.by_key}
    for key in keys:
        for use in lineage.evidence.uses_of.get(key, []):
            if lineage.who(use.caller, use.time):
                arns.add(use.caller.arn)
    keyless = {member.for_principal for member in lineage.members if is_keyless(member)}
    return Selection(
        keys, frozenset(names - {""}), frozenset(arns - {""}), frozenset(keyless - {""})
    )


def _in_full(member: Member) -> bool:
    """Principals whose sign-ins, which carry no key, count too."""
    return member.owned or member.kind == "console_password"


def answer(
    seed: Seed,
    source: Source,
    *,
    inventory: Mapping[str, str],
    others: list[FileReport],
) -> Trace:
    """Follow *seed* through *source*; *others* are files that were not read, and are told too."""
    lineage, calls = follow(seed, source)
    reports = [*others, *source.reports()]
    by_member: defaultdict[int, list[Call]] = defaultdict(list)
    made: list[TracedCall] = []
    unclaimed: list[Call] = []
    for call in sorted(calls, key=lambda call: (call.time, call.event_id, call.digest)):
        member = maker_of(lineage, call)
        if member is not None:
            by_member[id(member)].append(call)
            made.append(TracedCall(member.id, call))
        else:
            unclaimed.append(call)
    not_told_apart = keyless_calls(lineage, unclaimed)
    arns = full_arns(lineage, made)
    credentials = [
        _credential(
            member,
            by_member[id(member)],
            arns.get(member.owner, ""),
            len(not_told_apart.get(member.id, ())),
        )
        for member in lineage.members
    ]
    origin = credentials[0]
    places = source.places()
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
        gaps=tuple(gaps.find(lineage, made, reports, places, not_told_apart)),
        accounts_without_records=tuple(gaps.without_records(lineage, made, places)),
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
            and lineage.holds_password(password, call.time)
        ):
            return password
    return member


def is_keyless(member: Member) -> bool:
    """Tell whether records of its use may name no credential at all."""
    return member.kind in _KEYLESS


_KEYLESS = frozenset(USER_CREDENTIALS.values())


def keyless_calls(lineage: Lineage, calls: list[Call]) -> dict[str, list[Call]]:
    """Id of a credential -> those of *calls* by its user that name none, since it was made.

    Source: CodeCommit User Guide, "Logging AWS CodeCommit API calls with AWS CloudTrail": a
    Git client's calls name the user, and neither SSH key nor password.
    """
    unnamed = [
        call
        for call in calls
        if not call.caller.key
        and not call.caller.credential
        and call.source != "signin.amazonaws.com"
    ]
    return {
        member.id: fitting
        for member in lineage.members
        if is_keyless(member)
        and (
            fitting := [
                call
                for call in unnamed
                if call.caller.label == member.for_principal and member.begun(call.time)
            ]
        )
    }


def full_arns(lineage: Lineage, made: list[TracedCall]) -> dict[str, str]:
    """Principal -> its ARN with the path, which sessions and names leave out."""
    arns: dict[str, str] = {}
    evidence = lineage.evidence
    callers = [use.caller for use in evidence.uses] + [fact.caller for fact in evidence.facts]
    named = [caller.arn for caller in callers] + [traced.call.issuer_arn for traced in made]
    named += [
        arn for fact in evidence.facts for arn in (fact.target.role_arn, fact.target.user_arn)
    ]
    named += [member.arn for member in lineage.members]
    # An account is of one partition, so an ARN of another one than most is not AWS's own.
    partitions: defaultdict[str, Counter[str]] = defaultdict(Counter)
    counts = Counter(named)
    split = {arn: parts for arn in counts if len(parts := arn.split(":", 5)) == 6}  # noqa: PLR2004
    for arn, (_, partition, _, _, account, _) in split.items():
        partitions[account][partition] += counts[arn]
    usual = {account: number.most_common(1)[0][0] for account, number in partitions.items()}
    ranks: dict[str, tuple[bool, int]] = {}
    for arn, (_, partition, service, _, account, _) in split.items():
        rank = (partition == usual[account], len(arn))
        if service == "iam" and rank > ranks.get(label(arn), (False, 0)):
            ranks[label(arn)], arns[label(arn)] = rank, arn
    return arns


def _credential(
    member: Member, calls: list[Call], owner_arn: str, not_told_apart: int
) -> Credential:
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
        not_told_apart=not_told_apart,
        event_names=dict(Counter(call.name for call in calls).most_common()),
        errors=sum(call.outcome == "failure" for call in calls),
        first_seen=min(times, default=""),
        last_seen=max(times, default=""),
        source_ips=tuple(sorted({call.source_ip for call in calls if call.source_ip})),
        regions=tuple(sorted({call.region for call in calls if call.region})),
    )
