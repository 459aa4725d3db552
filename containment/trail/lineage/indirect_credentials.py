"""Add credentials obtained through what members made: by services, visitors, provider users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.facts.principals import unique_id
from containment.trail.facts.trust_policies import account_of
from containment.trail.lineage.members import SLACK, Member, issued_member
from containment.trail.logs.records import apart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.trail.facts.fact import Fact, Use
    from containment.trail.lineage.lineage import Lineage

# What a service is told to do it begins within the hour; later, it may be somebody else's doing.
_SOON = 3600
_MADE_PROVIDERS = frozenset(
    {"CreateSAMLProvider", "CreateOpenIDConnectProvider", "CreateTrustAnchor", "CreateProfile"}
)


def apply(lineage: Lineage) -> None:
    """Apply the rules for credentials that others obtained through a member's work."""
    for fact in lineage.evidence.facts:
        _group(lineage, fact)
        if fact.issued and lineage.actor(fact) is None:
            _issued(lineage, fact)
    for use in _strangers(lineage):
        _used(lineage, use)


def late(lineage: Lineage) -> None:
    """Add keys of a member's principal that others handed out, when no other rule applies."""
    for use in _strangers(lineage):
        _used(lineage, use, late=True)


def _strangers(lineage: Lineage) -> Iterator[Use]:
    """Yield the uses by principals of members, of keys that are no member's yet."""
    for use in lineage.evidence.uses:
        if use.caller.key and not use.forwarded and not lineage.who(use.caller, use.time):
            yield use


def _group(lineage: Lineage, fact: Fact) -> None:
    """Count instances that a member's Auto Scaling group starts as the member's."""
    maker = lineage.machines.get(fact.target.group) if fact.name == "RunInstances" else None
    if maker is not None:
        for machine in fact.target.machines:
            lineage.machines.setdefault(machine, (maker[0], fact))


def _issued(lineage: Lineage, fact: Fact) -> None:
    target = fact.target
    by_service = fact.caller.type == "AWSService" or (
        not fact.caller.key and fact.caller.invoked_by.endswith(".amazonaws.com")
    )
    token = next((lineage.tokens[name] for name in target.via if name in lineage.tokens), None)
    if token is not None:
        _take(
            lineage, fact, token[0], "A_issued", "traded for a token that GetWebIdentityToken gave"
        )
        return
    machine = lineage.machine(target.role, target.session) if by_service else None
    if machine and _after(fact.time, machine[1].time):
        why = (
            f"{fact.caller.invoked_by or 'a service'} gave it to compute made by {machine[1].name}"
        )
        _take(lineage, fact, machine[0], "C_service_issued", why)
        return
    if lineage.seed.kind == "instance" and by_service and target.session == lineage.seed.id:
        if fact.time >= lineage.seed.since:
            _take(lineage, fact, lineage.seed, "C_service_issued", "issued to the instance")
        return
    role = _role(lineage, fact)
    if role and role.begun(fact.time) and role.tier != "seed":
        tier = "C_service_issued" if by_service else "B_principal"
        _take(lineage, fact, role, tier, f"{fact.name} of a role that a member made")
        return
    for name in target.via:
        provider = lineage.by_id.get(name)
        if provider and provider.issued_by in _MADE_PROVIDERS and provider.begun(fact.time):
            _take(lineage, fact, provider, "B_principal", f"{fact.name} through it")
            return
    if by_service:
        _passed(lineage, fact)
    else:
        _visitor(lineage, fact)


def _role(lineage: Lineage, fact: Fact) -> Member | None:
    """Return the member's role that was assumed: the one with this unique id, not a namesake."""
    role_id = unique_id(fact.issued[0].principal_id)
    by_id = lineage.owned.get(role_id) if role_id else None
    by_name = lineage.owned.get(fact.target.role)
    if by_id is None and by_name is not None and role_id and by_name.principal_id:
        return None
    return by_id or by_name


def _passed(lineage: Lineage, fact: Fact) -> None:
    """Add the session of a service in a role that a member, and nobody else, passed to it."""
    service, role = fact.caller.invoked_by, fact.target.role
    passes = [
        other
        for other in lineage.evidence.passes.get(role, ())
        if other.source == service and _after(fact.time, other.time)
    ]
    makers = [lineage.actor(other) for other in passes]
    if not passes or makers[0] is None or None in makers:
        return
    if any(
        other.caller.invoked_by == service and not _after(other.time, passes[0].time)
        for other in lineage.evidence.assumed.get(role, ())
    ):
        note = f"{service} took {role} before a member passed it too: not counted"
        lineage.notices["passed", note] = note
        return
    since = apart(passes[-1].time, fact.time)
    if since is not None and since > _SOON:
        note = f"{service} takes {role}, which a member passed to it, long after that: not counted"
        lineage.notices["passed", note] = note
        return
    for issued in fact.issued:
        why = f"{passes[-1].name} passed it the role, and nobody else is seen to"
        child = issued_member(fact, issued, makers[-1] or makers[0], "C_service_issued", why)
        child.confidence = "high"
        lineage.add(child)


def _visitor(lineage: Lineage, fact: Fact) -> None:
    """Add the session of an outside principal in a role whose trust a member opened to it."""
    edited = lineage.edited.get(fact.target.role)
    if edited and fact.target.via and fact.time >= edited.since:
        note = f"{edited.owner} is taken through {fact.target.via[0]} after its trust was edited"
        lineage.notices["visitor", note] = f"{note}: who comes in by it is not counted"
    visitor = fact.caller.account or account_of(fact.caller.arn)
    for role, opened_to, edit in lineage.trusts:
        if role.owned or fact.target.role != role.owner or fact.time < edit.time:
            continue
        if not visitor or visitor == role.account:
            continue
        if opened_to != "*" and account_of(opened_to) != visitor:
            continue
        if _came_before(lineage, fact.target.role, visitor, edit.time):
            note = f"{visitor} assumed {role.owner} before its trust was edited too: not counted"
            lineage.notices["visitor", note] = note
            continue
        _take(
            lineage, fact, role, "B_principal", f"{fact.name} by {visitor}, which the edit let in"
        )
        return


def _came_before(lineage: Lineage, role: str, visitor: str, edited: str) -> bool:
    return any(
        fact.time < edited and fact.caller.account == visitor
        for fact in lineage.evidence.assumed.get(role, ())
    )


def _take(lineage: Lineage, fact: Fact, parent: Member, tier: str, why: str) -> None:
    for issued in fact.issued:
        lineage.add(issued_member(fact, issued, parent, tier, why))


def _used(lineage: Lineage, use: Use, *, late: bool = False) -> None:
    """Add a key without a logged issue that a principal or machine of a member used.

    *late* takes what others handed out too. Who did is asked last: most strangers are nobody's.
    """
    caller = use.caller
    principal = lineage.owner(caller, use.time)
    if principal is not None:
        if principal.tier == "seed" and use.time < principal.since:
            return
        if late or not lineage.issued_elsewhere(caller):
            why = "used by a principal that is the attacker's"
            _claim(lineage, use, principal, "B_principal", why)
        return
    seed = lineage.seed
    its_own = seed.kind == "instance" and caller.arn.endswith(f"/{seed.id}")
    namesake = bool(seed.principal_id) and caller.principal_id != seed.principal_id
    if use.time >= seed.since and (
        its_own or (seed.kind != "access_key" and caller.arn == seed.arn and not namesake)
    ):
        tier = "C_service_issued" if its_own else "B_principal"
        if late or not lineage.issued_elsewhere(caller):
            _claim(lineage, use, seed, tier, "used by the instance or session itself")
        return
    machine = lineage.session_machine(caller.arn)
    if machine and _after(use.time, machine[1].time) and not lineage.issued_elsewhere(caller):
        _claim(lineage, use, machine[0], "C_service_issued", f"compute made by {machine[1].name}")


def _claim(lineage: Lineage, use: Use, parent: Member, tier: str, why: str) -> None:
    caller = use.caller
    lineage.add(
        Member(
            id=caller.key,
            kind="access_key",
            tier=tier,  # type: ignore[arg-type]  # one of the literals
            parent=parent,
            link_event_ids=[use.event_id] if parent.tier == "seed" else list(parent.link_event_ids),
            issued_at=caller.created,
            for_principal=caller.arn,
            why=why,
            since=caller.created or parent.since,
            arn=caller.arn,
            account=caller.account,
            principal_id=caller.principal_id,
            is_session=bool(caller.created),
        )
    )


def _after(moment: str, cause: str) -> bool:
    distance = apart(cause, moment)
    return distance is None or distance >= -SLACK
