"""Infer links that no id proves: console sessions, role switches, issuance with a hidden answer.

Principal and creation time say it. Each comes with a confidence, and a key whose issuance the logs
do show is never inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.facts.evidence import FOR_CALLER, for_user
from containment.trail.facts.principals import label
from containment.trail.lineage.members import Confidence, Member, issued_member
from containment.trail.logs.records import apart, near

if TYPE_CHECKING:
    from containment.trail.facts.fact import Fact, Use
    from containment.trail.lineage.lineage import Lineage

_NEAR = 2
# A sign-in URL is valid for 15 minutes: IAM User Guide, "Enabling custom identity broker access".
_URL_LIFE = 900


def apply(lineage: Lineage) -> None:
    """Apply the rules that infer, to what the certain rules left open."""
    _copies_alone(lineage)
    _hidden_keys(lineage)
    for use in lineage.evidence.uses:
        caller = use.caller
        if (
            not caller.key
            or not caller.created
            or not caller.arn
            or use.forwarded
            or lineage.evidence.handed_out(caller)
            or lineage.who(caller, use.time) is not None
        ):
            continue
        member = (
            _hidden_answer(lineage, use)
            or _password(lineage, use)
            or _federated_console(lineage, use)
            or _own_console(lineage, use)
            or _switched(lineage, use)
            or _same_sign_in(lineage, use)
        )
        if member is not None and not lineage.issued_elsewhere(caller):
            lineage.add(member)


def _hidden_answer(lineage: Lineage, use: Use) -> Member | None:
    """Link a key whose issuing answer is redacted or cut, by the session that the request names."""
    for fact in lineage.evidence.hidden_near(use.caller.created):
        if fact.name == "CreateAccessKey":
            continue
        maker = lineage.actor(fact)
        if maker is None:
            continue
        if fact.name in FOR_CALLER:
            same = fact.caller.arn == use.caller.arn
        elif fact.name == "GetFederationToken":
            same = label(use.caller.arn).endswith(f"/federated-user/{fact.target.session}")
        else:
            same = (
                label(use.caller.arn) == fact.target.role
                and use.caller.arn.rsplit("/", 1)[-1] == fact.target.session
            )
        if same:
            why = f"{fact.name} asked for this session in the same second; the answer is hidden"
            return _member(use, maker, fact, why, "high")
    return None


def _hidden_keys(lineage: Lineage) -> None:
    """Link the one key of a user that begins after a CreateAccessKey with a hidden answer."""
    for fact in lineage.evidence.hidden:
        maker = lineage.actor(fact) if fact.name == "CreateAccessKey" else None
        if maker is None:
            continue
        began: dict[str, str] = {}
        for use in lineage.evidence.uses_by.get(for_user(fact), ()):
            if use.caller.key not in lineage.by_key and not lineage.issued_elsewhere(use.caller):
                began[use.caller.key] = min(use.first, began.get(use.caller.key, use.first))
        new = [key for key, first in began.items() if first >= fact.time]
        if len(new) == 1:
            use = lineage.evidence.uses_of[new[0]][0]
            why = f"{fact.name} hid the key it gave to this user, who has no other new key"
            member = _member(use, maker, fact, why, "medium")
            member.issued_at = member.since = fact.time
            member.is_session = False
            lineage.add(member)


def _password(lineage: Lineage, use: Use) -> Member | None:
    """Link a console session opened after a member set the password of its user."""
    password = lineage.by_id.get(f"console_password:{_plain(use.caller.arn)}")
    if password is None:
        password = next(
            (
                member
                for member in lineage.members
                if member.kind == "console_password" and label(member.arn) == use.caller.label
            ),
            None,
        )
    if password is None or not lineage.holds_password(password, use.caller.created):
        return None
    sign_ins = [
        fact
        for fact in lineage.evidence.sign_ins.get(use.caller.arn, [])
        if lineage.holds_password(password, fact.time)
    ]
    for fact in sign_ins:
        if near(fact.time, use.caller.created):
            return _member(use, password, fact, "a sign-in with the password that second", "high")
    if not sign_ins and use.console:
        return _member(
            use, password, None, "a console session after the password was set", "medium"
        )
    return None


def _federated_console(lineage: Lineage, use: Use) -> Member | None:
    """Link the console session that GetSigninToken makes of a member's session, under one ARN."""
    for fact in lineage.evidence.signin_tokens.get(use.caller.arn, []):
        maker = lineage.actor(fact)
        distance = apart(fact.time, use.caller.created)
        if maker is None or distance is None or not -_NEAR <= distance <= _URL_LIFE:
            continue
        for sign_in in lineage.evidence.sign_ins.get(use.caller.arn, []):
            if near(sign_in.time, use.caller.created):
                return _member(use, maker, sign_in, "its console sign-in that second", "high")
        if use.console or abs(distance) <= _NEAR:
            return _member(use, maker, fact, "a console session after its GetSigninToken", "medium")
    return None


def _own_console(lineage: Lineage, use: Use) -> Member | None:
    """Link a console session under the ARN of a session that only a member was given."""
    arn, created = use.caller.arn, use.caller.created
    keys = lineage.evidence.given_to(arn)
    members = [m for m in lineage.members if m.arn == arn and m.id in keys and m.begun(created)]
    if not members or keys != {member.id for member in members}:
        return None
    for sign_in in lineage.evidence.sign_ins.get(arn, []):
        if near(sign_in.time, created):
            return _member(use, members[-1], sign_in, "its console sign-in that second", "high")
    return None


def _switched(lineage: Lineage, use: Use) -> Member | None:
    """Link the role that a console session of a member switched to."""
    for fact in lineage.evidence.sign_ins.get(use.caller.arn, []):
        if fact.name != "SwitchRole" or not near(fact.time, use.caller.created):
            continue
        for member in lineage.members:
            console = member.tier in ("B_principal", "E_inferred") or member.owned
            if console and member.arn == fact.target.switched_from and member.begun(fact.time):
                return _member(use, member, fact, "switched to this role in the console", "high")
    return None


def _same_sign_in(lineage: Lineage, use: Use) -> Member | None:
    """Link the other keys of a member's console sign-in, which issues many."""
    signed_in = any(
        near(fact.time, use.caller.created)
        for fact in lineage.evidence.sign_ins.get(use.caller.arn, [])
    )
    for other in lineage.evidence.uses_under.get(use.caller.arn, []):
        key = other.caller.key
        if key == use.caller.key or not near(other.caller.created, use.caller.created):
            continue
        member = lineage.who(other.caller, other.time) if key in lineage.by_key else None
        if member is None or lineage.evidence.handed_out(other.caller):
            continue
        if signed_in or (use.console and other.console):
            return _member(use, member, None, "the same console sign-in", "high")
    return None


def _copies_alone(lineage: Lineage) -> None:
    """Link a call that only the role's account logged, by the unique id, if one key has it."""
    for fact in lineage.evidence.facts:
        who = fact.caller
        if who.key or who.type != "AWSAccount" or not who.principal_id or not fact.issued:
            continue
        members = [
            member
            for member in lineage.by_principal.get(who.principal_id, ())
            if member.begun(fact.time)
        ]
        if not members or lineage.actor(fact) is not None:
            continue
        if lineage.evidence.keys_of(who.principal_id) - lineage.by_key.keys():
            note = (
                f"{fact.name} at {fact.time} ({fact.event_id}) is by {who.principal_id}, which has"
                f" keys that are not traced, and its account's own record is missing: not counted"
            )
            lineage.notices["copy", note] = note
            continue
        for issued in fact.issued:
            why = f"{fact.name} by the same principal, seen in the role's account only"
            child = issued_member(fact, issued, members[0], "E_inferred", why)
            child.confidence = (
                "high" if members[0].is_session or ":" in who.principal_id else "medium"
            )
            lineage.add(child)


def _member(
    use: Use, parent: Member, link: Fact | None, why: str, confidence: Confidence
) -> Member:
    caller = use.caller
    return Member(
        id=caller.key,
        kind="access_key",
        tier="E_inferred",
        parent=parent,
        link_event_ids=[link.event_id] if link else [use.event_id],
        issued_by=link.name if link else "",
        issued_at=caller.created,
        for_principal=caller.arn,
        why=why,
        confidence=confidence,
        since=caller.created,
        arn=caller.arn,
        account=caller.account,
        principal_id=caller.principal_id,
        is_session=True,
    )


def _plain(arn: str) -> str:
    """Return the user's ARN as other calls name it, without the path."""
    head, _, rest = arn.partition("user/")
    return f"{head}user/{rest.rsplit('/', 1)[-1]}"
