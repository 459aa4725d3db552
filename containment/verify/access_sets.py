"""Who can undo a containment, and who can become one of its principals: before it, and now.

The *undo set* may take our artefacts off: delete or overwrite the deny, edit the trust policy,
make a credential Active again. The *become set* may act as the principal: make a key or a password
for a user, take up a role or hand it to a service. Asked is our own evaluator over all policies of
the account (GetAccountAuthorizationDetails), with the control policies that are attached to the
account itself, where they can be read. A condition that depends on a request leaves a holder in the
set, marked as perhaps: the sets are upper bounds. *Before* is the same without our statements.

What is not looked at: control policies of organisational units above the account, session policies,
code that runs as somebody who is in a set, and policies of other accounts. Sources: IAM User Guide,
"Policy evaluation logic"; Service Authorization Reference, "AWS Identity and Access Management".
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain
from containment.errors import ContainmentError
from containment.facets import documents, marks
from containment.iam_policy.bounds import UNKNOWN, Allows, Denies, PartialRequest, Unknown
from containment.iam_policy.policies import Policy, compile_policy
from containment.iam_policy.principals import Closeness, Identity
from containment.text import counted
from containment.verify.account_holders import Holder, read_holders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_organizations import OrganizationsClient

    from containment.lifecycle.workplace import Workplace
    from containment.verify.members import Member

_UNDO = {
    "user": ("DeleteUserPolicy", "PutUserPolicy", "DetachUserPolicy", "UpdateAccessKey"),
    "role": ("DeleteRolePolicy", "PutRolePolicy", "DetachRolePolicy", "UpdateAssumeRolePolicy"),
}
_BECOME = {
    "user": ("CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile"),
    "role": ("PassRole",),
}
_ASSUME = "sts:AssumeRole"
_DISTANT = "9999-01-01T00:00:00Z"  # a session that is made from now on
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Power:
    """What one holder can do: for sure, or perhaps, as a condition decides."""

    holder: str
    actions: tuple[str, ...]
    is_sure: bool = True

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.holder} ({', '.join(self.actions)}{'' if self.is_sure else '; perhaps'})"


@dataclass(frozen=True, slots=True)
class AccessSets:
    """The two sets of one principal, before the containment and now.

    Attributes:
        principal: its ARN.
        undo: who can undo it now.
        undo_before: who could have, by the same policies without ours.
        become: who can become it now.
        become_before: who could have.
        notes: what was not looked at.
    """

    principal: str
    undo: tuple[Power, ...] = ()
    undo_before: tuple[Power, ...] = ()
    become: tuple[Power, ...] = ()
    become_before: tuple[Power, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> list[tuple[str, str]]:
        """Return what it says, as label and text."""
        unread = [("not looked at", note) for note in self.notes]
        if not (self.undo_before or self.become_before):
            return unread or [("can undo", "nobody that the account's policies name")]
        rows: list[tuple[str, str]] = []
        for words, now, before in (
            ("can undo", self.undo, self.undo_before),
            ("can become", self.become, self.become_before),
        ):
            rows.append((words, f"{counted(len(now), 'holder')}, {len(before)} before"))
            rows += [("", str(one)) for one in now[:_MOST_SHOWN]]
            if len(now) > _MOST_SHOWN:
                rows.append(("", f"and {len(now) - _MOST_SHOWN} more, all of them in --json"))
        return rows + unread


@dataclass(frozen=True, slots=True)
class _HolderContext:
    """The condition keys of a holder who acts from now on, by themselves."""

    holder: Holder

    def value(self, key: str) -> str | tuple[str, ...] | Unknown | None:
        """Return what is known of *key*."""
        holder = self.holder
        is_role = holder.kind == "role"
        values: dict[str, str | None] = {
            "aws:principalarn": holder.arn,
            "aws:principalaccount": holder.account,
            "aws:principaltype": "AssumedRole" if is_role else "User",
            "aws:viaawsservice": "false",
        }
        if is_role:
            values |= {"aws:tokenissuetime": _DISTANT, "aws:username": None}
            # The name of a session that is to come may be any.
            values["aws:userid"] = f"{holder.unique_id}:session"
        else:
            values |= {"aws:tokenissuetime": None, "aws:username": holder.arn.rpartition("/")[2]}
            values["aws:userid"] = holder.unique_id
        return values.get(key, UNKNOWN) if key in values else UNKNOWN


class _Account:
    """All holders of an account, with or without our own statements."""

    def __init__(
        self, holders: Sequence[Holder], controls: Iterable[str], *, with_ours: bool
    ) -> None:
        self.unread = 0
        self._with_ours = with_ours
        self._holders = holders
        self._controls = Denies(map(self._compiled, controls))
        self._trusts = {one.arn: self._compiled(one.trust) for one in holders if one.trust}
        self._own = {one.arn: self._policies(one) for one in holders}

    def _policies(self, holder: Holder) -> tuple[Allows, Denies, Allows | None]:
        texts = holder.documents if self._with_ours else holder.documents_of_others
        own = [self._compiled(text) for text in texts]
        boundary = self._compiled(holder.boundary) if holder.boundary else None
        denies = Denies([*own, *([boundary] if boundary else [])])
        return Allows(own), denies, Allows([boundary]) if boundary else None

    def _compiled(self, document: str) -> Policy:
        try:
            return compile_policy(document if self._with_ours else without_ours(document))
        except (ValueError, LookupError, TypeError, AttributeError):
            self.unread += 1
            return Policy((), ())

    def undo(self, principal: str, kind: str) -> tuple[Power, ...]:
        """Return who can undo what holds *principal*."""
        actions = [f"iam:{name}" for name in _UNDO[kind]]
        return self._powers(principal, actions, {})

    def become(self, principal: str, kind: str) -> tuple[Power, ...]:
        """Return who can become *principal*, those of elsewhere whom its trust names included."""
        actions = [f"iam:{name}" for name in _BECOME[kind]]
        extra: dict[str, bool] = {}
        if kind == "role":
            for holder in self._holders:
                answer = self._may_assume(holder, principal)
                if answer is not None:
                    extra[holder.arn] = answer
        return (*self._powers(principal, actions, extra), *self._outsiders(principal))

    def _powers(
        self, principal: str, actions: Sequence[str], extra: Mapping[str, bool]
    ) -> tuple[Power, ...]:
        powers: list[Power] = []
        for holder in self._holders:
            answers = {action: self._may(holder, action, principal) for action in actions}
            if holder.arn in extra:
                answers[_ASSUME] = extra[holder.arn]
            able = {action: sure for action, sure in answers.items() if sure is not None}
            if able:
                is_sure = any(able.values())
                shown = tuple(action for action, sure in able.items() if sure or not is_sure)
                powers.append(Power(holder.arn, shown, is_sure))
        return tuple(sorted(powers, key=lambda one: (not one.is_sure, one.holder)))

    def _may(self, holder: Holder, action: str, resource: str) -> bool | None:
        """Tell whether *holder* may: True for sure, False perhaps, None not."""
        request = self._request(holder, action, resource)
        allows, denies, boundary = self._own[holder.arn]
        return self._judged(holder, request, [allows, *([boundary] if boundary else [])], denies)

    def _judged(
        self, holder: Holder, request: PartialRequest, needed: Iterable[Allows], denies: Denies
    ) -> bool | None:
        controls = () if holder.is_service_linked else (self._controls,)
        refusals = [one.refusal(request) for one in (denies, *controls)]
        grants = [one.refusal(request) for one in needed]
        if any(one.is_sure for one in refusals) or not all(one.is_possible for one in grants):
            return None
        return all(one.is_sure for one in grants) and not any(one.is_possible for one in refusals)

    def _may_assume(self, holder: Holder, role: str) -> bool | None:
        """Tell whether *holder* may take up *role*, whose trust decides and their own policies."""
        trust = self._trusts.get(role)
        if trust is None or holder.arn == role:
            return None
        request = self._request(holder, _ASSUME, role)
        grant = Allows([trust]).refusal(request)
        if not grant.is_possible or Denies([trust]).refusal(request).is_sure:
            return None
        closest = max(
            (holder.identity.closeness(one.principals) for one in trust.allows),
            default=Closeness.NONE,
        )
        allows, denies, boundary = self._own[holder.arn]
        # Whom the trust policy names needs no permission of their own in the same account.
        needed = [] if closest > Closeness.ACCOUNT else [allows]
        answer = self._judged(holder, request, [*needed, *([boundary] if boundary else [])], denies)
        unsure = bool(Denies([trust]).refusal(request).unknown)
        return None if answer is None else answer and grant.is_sure and not unsure

    def _outsiders(self, role: str) -> Iterable[Power]:
        """Yield services, federated identities and other accounts whom the trust lets in."""
        trust = self._trusts.get(role)
        if trust is None:
            return
        account = role.split(":")[4]
        for name, identity in sorted(_outside(trust, account).items()):
            request = PartialRequest(_ASSUME, identity, _OutsideContext(), role)
            if not Denies([trust]).refusal(request).is_sure:
                yield Power(name, (_ASSUME,), is_sure=False)

    @staticmethod
    def _request(holder: Holder, action: str, resource: str) -> PartialRequest:
        return PartialRequest(action, holder.identity, _HolderContext(holder), resource)


class _OutsideContext:
    """Of somebody from elsewhere nothing is values but that no principal of ours calls."""

    def value(self, key: str) -> Unknown | None:
        """Return that *key* is absent where AWS fills it for principals of ours alone."""
        return None if key == "aws:principalarn" else UNKNOWN


def _outside(trust: Policy, account: str) -> dict[str, Identity]:
    named: dict[str, Identity] = {}
    for statement in trust.allows:
        values = statement.principals.values if statement.principals else {}
        for name in values.get("Service", ()):
            named[f"service {name}"] = Identity("", frozenset(), service=name)
        for name in values.get("Federated", ()):
            named[f"identities of {name}"] = Identity("", frozenset(), federated=name)
        for name in values.get("AWS", ()):
            owner = name.split(":")[4] if name.startswith("arn:") else name
            if owner != account and owner.isdigit():
                named[name] = Identity(owner, frozenset({name}))
            elif name == "*":
                named["anybody, of any account"] = Identity("", frozenset())
    return named


def without_ours(document: str) -> str:
    """Return *document* without the statements that bear a mark of ours."""
    parsed: Any = documents.parse(document)
    if not isinstance(parsed, dict):
        return document
    kept = [one for one in documents.statements(parsed) if marks.parse_sid(one.get("Sid")) is None]
    return json.dumps({**parsed, "Statement": kept})


def access_sets(
    members: Sequence[Member], holders: Sequence[Holder], controls: Sequence[str] | None
) -> list[AccessSets]:
    """Return the sets of each of *members*, of one account.

    Args:
        members: the principals of the incident.
        holders: all users and roles of the account.
        controls: the texts of the control policies on the account; None where nobody can tell.
    """
    now = _Account(holders, controls or (), with_ours=True)
    before = _Account(holders, controls or (), with_ours=False)
    notes: tuple[str, ...] = ()
    if controls is None:
        notes = ("the control policies of the account, so the sets may be too large",)
    if now.unread:
        notes = (*notes, f"{counted(now.unread, 'text')} of policies that cannot be evaluated")
    made: list[AccessSets] = []
    for member in members:
        arn = next(
            (one.arn for one in holders if one.unique_id == member.snapshot.principal_id), None
        )
        if arn is None:
            made.append(AccessSets(member.arn, notes=("the principal is gone", *notes)))
            continue
        kind = member.principal.kind
        made.append(
            AccessSets(
                arn,
                now.undo(arn, kind),
                before.undo(arn, kind),
                now.become(arn, kind),
                before.become(arn, kind),
                notes,
            )
        )
    return made


def control_texts(organizations: OrganizationsClient, account: str) -> list[str]:
    """Return the control policies that are attached to *account* itself.

    Raises:
        ContainmentError: they cannot be read.
    """
    try:
        pages: Any = organizations.get_paginator("list_policies_for_target").paginate(
            TargetId=account, Filter="SERVICE_CONTROL_POLICY"
        )
        ids = [one["Id"] for page in pages for one in page["Policies"]]
        described = [organizations.describe_policy(PolicyId=one)["Policy"] for one in ids]
    except (ClientError, BotoCoreError) as error:
        raise explain("reading the control policies of the account", error) from error
    return [str(one.get("Content", "")) for one in described]


def look_at_access(members: Sequence[Member], workplace: Workplace) -> list[AccessSets]:
    """Return the sets of every one of *members*; what may not be read is a note of theirs."""
    made: list[AccessSets] = []
    for account in dict.fromkeys(one.principal.account for one in members):
        own = [one for one in members if one.principal.account == account]
        try:
            holders = read_holders(workplace.clients(account).iam)
        except ContainmentError as error:
            note = f"who can undo it or become it: {error.message}"
            made += [AccessSets(one.arn, notes=(note,)) for one in own]
            continue
        controls: list[str] | None = None
        with suppress(ContainmentError):
            controls = control_texts(workplace.organizations(), account)
        made += access_sets(own, holders, controls)
    return made
