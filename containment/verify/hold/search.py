"""Find who and what is new in the account since holding began: users, roles, keys, opened trusts.

IAM says when, and not by whom: so each is proposed, for a person to decide, and is of the
attacker's set only once CloudTrail's records say so, minutes later. Whom the guard denies already,
because they were made while `up` set it, is of the set too: a guard knows no federated session by
its user. What a target cannot hold, such as the trust of a role that the guard exempts, is an
alarm.

Source: IAM API Reference, ListUsers, ListRoles (with each trust policy) and ListAccessKeys
(``CreateDate``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain
from containment.clock import isoformat
from containment.errors import ContainmentError
from containment.guard import newcomers
from containment.identities import parse_principal
from containment.trail.outputs.propose import Proposal
from containment.verify.hold.events import Event
from containment.verify.read_back import newly_let_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from mypy_boto3_iam import IAMClient

    from containment.guard.newcomers import Newcomer
    from containment.verify.hold.attribution import Attribution
    from containment.verify.hold.holding import Hold

PERMISSIONS = newcomers.PERMISSIONS
_BY = "found by hold"
# The keys of all users are listed at every so many looks: it is a call for each user.
_KEYS_EACH = 5
_IN = "AWS "


@dataclass(frozen=True, slots=True)
class Find:
    """Something new: what to say of it, and the target that would hold it, if one does.

    *is_of_the_set* is True where there is evidence that it is the attacker's, so that it may be
    contained without asking: CloudTrail says who made it, the guard denies it already, or a trust
    was opened to one of them.
    """

    event: Event
    proposal: Proposal | None = None
    is_of_the_set: bool = False


@dataclass
class Search:
    """Looks for what is new in the account of one incident.

    Attributes:
        hold: who is held already.
        since: what was made then or later is new.
        protected: the labels, in small letters, of those whom no incident may deny anything.
        attribution: tells by CloudTrail who made somebody; None where no log is read.
    """

    hold: Hold
    since: datetime
    protected: Collection[str]
    attribution: Attribution | None = None
    _looks: int = 0
    _reported: set[str] = field(default_factory=set[str])
    _trusts: dict[str, str] = field(default_factory=dict[str, str])
    _new: set[str] = field(default_factory=set[str])
    # Who is new and was not made by the set, as far as the records go that have come.
    _unattributed: dict[str, Newcomer] = field(default_factory=dict[str, "Newcomer"])

    def look(self) -> list[Find]:
        """Return what was not there at the look before; what cannot be seen is a problem."""
        self._looks += 1
        iam = self.hold.iam
        try:
            made = newcomers.made_since(
                iam, self.since, self.since, with_keys=self._looks % _KEYS_EACH == 1
            )
            finds = [
                *self._newcomers(made.principals),
                *self._attributed(),
                *self._opened(iam),
            ]
        except ContainmentError as error:
            return self._problem(error)
        except (ClientError, BotoCoreError) as error:
            return self._problem(explain("looking for who is new", error))
        self._reported.discard("problem")
        return finds

    def _problem(self, error: ContainmentError) -> list[Find]:
        if "problem" in self._reported:
            return []
        self._reported.add("problem")
        stack = self.hold.spec.incident
        return [Find(Event("problem", stack, error.message, error.remedy))]

    def _newcomers(self, made: Collection[Newcomer]) -> Iterator[Find]:
        principals, stack = self.hold.principals, self.hold.spec.incident
        for one in made:
            name = f"{one.unique_id} {one.access_key_id}"
            if name in self._reported or (one.arn in principals and not one.access_key_id):
                continue
            self._reported.add(name)
            moment = isoformat(one.made_at)
            if self._is_protected(one.arn):
                what = f"made at {moment}, while it was held, and exempt from every containment"
                step = "where it was none of you, take it out of containment.yaml, and contain it"
                yield Find(Event("alarm", str(one), what, step))
            elif one.arn in principals:
                what = f"access key {one.access_key_id} was made at {moment}"
                step = f"where it is not Inactive, write 'rung: deny-all' for it in {stack}.yaml"
                yield Find(Event("proposed", one.arn, what, step))
            else:
                self._unattributed[name] = one
                if not self._is_of_the_set(one):
                    yield self._proposed(one)

    def _attributed(self) -> Iterator[Find]:
        """Find those of whom a record has come that says that the set made them."""
        for name, one in list(self._unattributed.items()):
            if self._is_of_the_set(one):
                del self._unattributed[name]
                self._new.add(one.arn)
                yield self._proposed(one)

    def _is_of_the_set(self, one: Newcomer) -> bool:
        return bool(self._evidence(one))

    def _evidence(self, one: Newcomer) -> str:
        """Return what bears out that *one* is of the set; empty where nothing does yet."""
        if self.attribution is not None and self.attribution.is_of_the_set(one):
            return "by the incident's own credentials (CloudTrail)"
        if one.unique_id in self.hold.denied_by_guard:
            return "and the guard denies it, but not the federated sessions of it"
        return ""

    def _proposed(self, one: Newcomer) -> Find:
        principal, moment = parse_principal(one.arn), isoformat(one.made_at)
        made = f"its access key {one.access_key_id} was made" if one.access_key_id else "made"
        what = f"{made} at {moment}, while it was held"
        evidence = self._evidence(one)
        what = f"{what}, {evidence}" if evidence else what
        if one.access_key_id:
            proposal = Proposal(principal, "key-only", what, (one.access_key_id,), by=_BY)
        else:
            proposal = Proposal(principal, "deny-all", what, by=_BY)
        if evidence:
            return Find(
                Event("proposed", one.arn, what, self._step(proposal)), proposal, is_of_the_set=True
            )
        maker = (
            "by whom CloudTrail will say in minutes"
            if self.attribution is not None
            else "by whom IAM does not say; CloudTrail does in minutes, to 'hold --live'"
        )
        return Find(Event("proposed", one.arn, f"{what}; {maker}", self._step(proposal)), proposal)

    def _step(self, proposal: Proposal) -> str:
        stack = self.hold.spec.incident
        leaked = f", leaked: [{', '.join(proposal.leaked)}]" if proposal.leaked else ""
        target = f"{{{proposal.principal.kind}: '{proposal.principal.arn}'{leaked}"
        return (
            f"add the target {target}, rung: {proposal.rung}}} to stacks/{stack}.yaml and run"
            f" 'containment up {stack} --yes', or hold with '--extend --live'"
        )

    def _opened(self, iam: IAMClient) -> Iterator[Find]:
        """Find roles whose trust lets in whom it did not let in before."""
        pages = iam.get_paginator("list_roles").paginate()
        roles: list[Any] = [role for page in pages for role in page["Roles"]]
        for role in roles:
            now = unquote(str(role["AssumeRolePolicyDocument"]))
            before = self._trusts.get(role["RoleId"])
            self._trusts[role["RoleId"]] = now
            if before is None or before == now or parse_principal(role["Arn"]).service_linked:
                continue
            for named in newly_let_in(before, now):
                yield self._trust(role["Arn"], named)

    def _trust(self, arn: str, named: list[str]) -> Find:
        names = ", ".join(named) or "what its conditions say"
        what = f"its trust policy lets in, since the look before: {names}"
        if self._is_protected(arn):
            step = (
                "take that statement out at once, and revoke the sessions it gave: the role is"
                " exempt from the guard and from every containment"
            )
            return Find(Event("alarm", arn, what, step))
        proposal = Proposal(parse_principal(arn), "close-trust", what, by=_BY)
        is_of_the_set = any(one in {f"{_IN}{arn}" for arn in self._set()} for one in named)
        event = Event("proposed", arn, what, self._step(proposal))
        return Find(event, None if arn in self.hold.principals else proposal, is_of_the_set)

    def _is_protected(self, arn: str) -> bool:
        return parse_principal(arn).label.lower() in self.protected

    def _set(self) -> set[str]:
        return self._new | self.hold.principals
