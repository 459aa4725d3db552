"""Add what members made by their own calls: keys, principals, passwords, providers, machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.facts import targets
from containment.trail.facts.compute import COMPUTE
from containment.trail.facts.principals import label
from containment.trail.facts.trust_policies import account_of, outside
from containment.trail.lineage.members import Member, issued_member

if TYPE_CHECKING:
    from containment.trail.facts.fact import Fact
    from containment.trail.lineage.lineage import Lineage


def apply(lineage: Lineage) -> None:
    """Apply every rule about a member's own calls, until they add nothing."""
    grown = True
    while grown:
        before = len(lineage.members), len(lineage.machines), len(lineage.tokens)
        for fact in lineage.evidence.facts:
            maker = lineage.actor(fact)
            if maker is not None:
                _issued(lineage, fact, maker)
                _principals(lineage, fact, maker)
                _others(lineage, fact, maker)
        grown = before != (len(lineage.members), len(lineage.machines), len(lineage.tokens))


def _issued(lineage: Lineage, fact: Fact, maker: Member) -> None:
    if lineage.who(fact.caller, fact.time) is None and _own_copy_says_it(lineage, fact):
        return
    for issued in fact.issued:
        lineage.add(issued_member(fact, issued, maker, "A_issued", f"{fact.name} answered with it"))


def _own_copy_says_it(lineage: Lineage, fact: Fact) -> bool:
    """Tell whether the copy in the caller's own account names the key: that one is the link."""
    keys = {issued.key for issued in fact.issued}
    return any(
        copy != fact
        and keys == {issued.key for issued in copy.issued}
        and lineage.who(copy.caller, copy.time) is not None
        for copy in lineage.evidence.shared.get(fact.shared_id, [])
    )


def _principals(lineage: Lineage, fact: Fact, maker: Member) -> None:
    target = fact.target
    if fact.source != "iam.amazonaws.com":  # Cognito and others have calls of the same names
        return
    if fact.name in targets.MAKES_USER and target.user_arn:
        lineage.own(
            _made(fact, maker, "iam_user", target.user_arn, target.user_id, "made by a member")
        )
    elif fact.name in targets.MAKES_ROLE and target.role_arn:
        role = _made(fact, maker, "iam_role", target.role_arn, target.role_id, "made by a member")
        lineage.own(role)
        _opened(lineage, fact, lineage.by_id[role.id])
    elif fact.name in targets.EDITS_TRUST and target.role_arn:
        owned = lineage.owned.get(label(target.role_arn))
        role = _made(fact, maker, "iam_role", target.role_arn, "", "its trust policy was edited")
        role.owned = False
        if owned is None:
            lineage.add(role)
            lineage.edited.setdefault(role.owner, lineage.by_id[role.id])
        _opened(lineage, fact, owned or lineage.by_id[role.id])
    elif fact.name in targets.SETS_PASSWORD:
        arn = target.user_arn or fact.caller.arn
        password = _made(fact, maker, "console_password", arn, "", "set by a member")
        password.id = f"console_password:{arn}"
        password.owned = False
        lineage.add(password)


def _made(  # noqa: PLR0917 -- read in this order: who made what
    fact: Fact, maker: Member, kind: str, arn: str, unique_id: str, why: str
) -> Member:
    return Member(
        id=arn,
        kind=kind,  # type: ignore[arg-type]  # as above
        tier="B_principal",
        parent=maker,
        link_event_ids=[fact.event_id],
        issued_by=fact.name,
        issued_at=fact.time,
        for_principal=arn,
        why=why,
        since=fact.time,
        arn=arn,
        account=fact.account,
        principal_id=unique_id,
        owned=kind in ("iam_user", "iam_role"),
    )


def _opened(lineage: Lineage, fact: Fact, role: Member) -> None:
    account = account_of(fact.target.role_arn) or fact.account
    for principal in fact.target.trusts:
        name = outside(principal, account)
        entry = (role, name, fact)
        if name and entry not in lineage.trusts:
            lineage.trusts.append(entry)


def _others(lineage: Lineage, fact: Fact, maker: Member) -> None:
    target = fact.target
    if fact.name in targets.PROVIDERS and target.object_id:
        kind = targets.PROVIDERS[fact.name]
        if kind.startswith("rolesanywhere") and "rolesanywhere" not in fact.source:
            return
        provider = _made(fact, maker, kind, target.object_id, "", "")
        verb = "made" if fact.name.startswith("Create") else "changed"
        provider.why = f"{verb} by a member"
        lineage.add(provider)
    elif fact.name in targets.USER_CREDENTIALS and target.object_id:
        credential = _made(
            fact,
            maker,
            targets.USER_CREDENTIALS[fact.name],
            target.object_id,
            "",
            "made by a member",
        )
        credential.for_principal = target.user or label(fact.caller.arn)
        credential.arn = ""
        lineage.add(credential)
    elif fact.name in targets.WEB_TOKENS and target.object_id:
        lineage.tokens.setdefault(target.object_id, (maker, fact))
    elif fact.name in COMPUTE:
        for machine in target.machines:
            lineage.machines.setdefault(machine, (maker, fact))
