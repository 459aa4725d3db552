"""The facts, uses and moments read so far, ordered so that delivery does not matter."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from containment.trail.facts.targets import (
    ASSUMES,
    DROPS_PASSWORD,
    SETS_PASSWORD,
    SIGN_INS,
    SIGNIN_TOKEN,
)
from containment.trail.facts.trust_policies import account_of
from containment.trail.logs.records import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from containment.trail.facts.fact import Caller, Fact, Use
    from containment.trail.facts.issuance import Issued


class Moment(NamedTuple):
    """One call, as far as it matters for who caused what: when, by which key, on which things."""

    time: str
    event_id: str
    event_name: str
    caller: Caller
    names: frozenset[str]
    mfa: bool = False


class Evidence:
    """Facts, uses and moments, indexed by key, principal, role and session."""

    def __init__(
        self, facts: Iterable[Fact], uses: Iterable[Use], moments: Iterable[Moment] = ()
    ) -> None:
        # The same record may be delivered twice; structs compare by value, so a set is enough.
        self.facts = sorted(set(facts), key=lambda fact: (fact.time, fact.event_id, fact.name))
        self.uses = sorted(
            set(uses), key=lambda use: (use.time, use.event_id, use.caller.key, use.caller.arn)
        )
        self.moments = sorted(set(moments), key=lambda moment: moment[:3])

    @cached_property
    def issued(self) -> dict[str, list[Fact]]:
        """Key id -> the calls that handed it out."""
        groups: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            for issued in fact.issued:
                groups[issued.key].append(fact)
        return groups

    def handed_out(self, caller: Caller) -> bool:
        """Tell whether a call in the logs handed out the key of *caller* to this principal."""
        return any(
            _same_holder(fact, issued, caller)
            for fact in self.issued.get(caller.key, ())
            for issued in fact.issued
            if issued.key == caller.key
        )

    @cached_property
    def _keys_by_arn(self) -> dict[str, set[str]]:
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for fact in self.facts:
            for issued in fact.issued:
                if issued.arn:
                    groups[issued.arn].add(issued.key)
        return groups

    def given_to(self, arn: str) -> set[str]:
        """Return the keys that sessions of this ARN were given."""
        return self._keys_by_arn.get(arn, set())

    @cached_property
    def _keys_of(self) -> dict[str, set[str]]:
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for use in self.uses:
            if use.caller.key and not use.forwarded:
                groups[use.caller.principal_id].add(use.caller.key)
        for fact in self.facts:
            for issued in fact.issued:
                groups[issued.principal_id].add(issued.key)
        return groups

    def keys_of(self, principal_id: str) -> set[str]:
        """Return the keys that a principal was given or used."""
        return self._keys_of.get(principal_id, set())

    @cached_property
    def passes(self) -> dict[str, list[Fact]]:
        """Role -> the calls that passed it to a service, in order."""
        groups: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            for role in fact.target.passed:
                groups[role].append(fact)
        return groups

    @cached_property
    def assumed(self) -> dict[str, list[Fact]]:
        """Role -> the calls that handed out a session of it, in order."""
        groups: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            if fact.issued and fact.target.role:
                groups[fact.target.role].append(fact)
        return groups

    @cached_property
    def passwords(self) -> dict[str, list[Fact]]:
        """User -> who set or dropped the password, in order."""
        groups: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            sets = fact.name in SETS_PASSWORD or fact.name in DROPS_PASSWORD
            if sets and fact.source == "iam.amazonaws.com":
                groups[fact.target.user or fact.caller.label].append(fact)
        return groups

    @cached_property
    def shared(self) -> dict[str, list[Fact]]:
        """SharedEventID -> the copies of one call in several accounts."""
        groups: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            if fact.shared_id:
                groups[fact.shared_id].append(fact)
        return groups

    @cached_property
    def uses_of(self) -> dict[str, list[Use]]:
        """Id of a key or another credential -> its uses."""
        groups: defaultdict[str, list[Use]] = defaultdict(list)
        for use in self.uses:
            for name in {use.caller.key, use.caller.credential} - {""}:
                groups[name].append(use)
        return groups

    @cached_property
    def _by_second(self) -> dict[tuple[str, int | None], list[Moment]]:
        groups: defaultdict[tuple[str, int | None], list[Moment]] = defaultdict(list)
        for moment in self.moments:
            groups[moment.caller.arn, seconds(moment.time)].append(moment)
        return groups

    def moments_near(self, arn: str, when: str, near: int) -> list[Moment]:
        """Return the calls under *arn* that are at most *near* seconds from *when*."""
        second = seconds(when)
        if second is None:
            return []
        around = range(second - near, second + near + 1)
        return [moment for one in around for moment in self._by_second.get((arn, one), ())]

    @cached_property
    def moments_by(self) -> dict[str, list[Moment]]:
        """Key id -> the calls made with it."""
        groups: defaultdict[str, list[Moment]] = defaultdict(list)
        for moment in self.moments:
            groups[moment.caller.key].append(moment)
        return groups

    @cached_property
    def sign_ins(self) -> dict[str, list[Fact]]:
        """Caller's ARN -> console sign-ins and role switches, which carry no key id."""
        return self._by_arn(SIGN_INS)

    @cached_property
    def sign_in_sessions(self) -> tuple[list[Fact], list[Use]]:
        """The calls that opened a sign-in session, and the uses of credentials from one."""
        opened = [fact for fact in self.facts if fact.name in SIGN_INS and fact.caller.sign_in]
        return opened, [use for use in self.uses if use.caller.sign_in]

    @cached_property
    def signin_tokens(self) -> dict[str, list[Fact]]:
        """Caller's ARN -> calls that turn a session into a console URL."""
        return self._by_arn(SIGNIN_TOKEN)

    def _by_arn(self, names: AbstractSet[str]) -> dict[str, list[Fact]]:
        groups: defaultdict[str, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            if fact.name in names:
                groups[fact.caller.arn].append(fact)
        return groups

    @cached_property
    def hidden(self) -> list[Fact]:
        """Calls that handed out a credential without saying its key."""
        return [fact for fact in self.facts if fact.name in HANDS_OUT and not fact.issued]

    @cached_property
    def _hidden_at(self) -> dict[int | None, list[Fact]]:
        groups: defaultdict[int | None, list[Fact]] = defaultdict(list)
        for fact in self.hidden:
            groups[seconds(fact.time)].append(fact)
        return groups

    def hidden_near(self, when: str, most: int = 2) -> list[Fact]:
        """Return the calls of :attr:`hidden` at most *most* seconds from *when*, in order."""
        second = seconds(when)
        if second is None:
            return []
        around = range(second - most, second + most + 1)
        return [fact for one in around for fact in self._hidden_at.get(one, ())]

    @cached_property
    def uses_by(self) -> dict[str, list[Use]]:
        """User or role -> uses of long-term keys."""
        groups: defaultdict[str, list[Use]] = defaultdict(list)
        for use in self.uses:
            if use.caller.key and not use.caller.created and not use.forwarded:
                groups[use.caller.label].append(use)
        return groups

    @cached_property
    def uses_under(self) -> dict[str, list[Use]]:
        """Caller's ARN -> uses that are not forwarded."""
        groups: defaultdict[str, list[Use]] = defaultdict(list)
        for use in self.uses:
            if not use.forwarded:
                groups[use.caller.arn].append(use)
        return groups


def _same_holder(fact: Fact, issued: Issued, caller: Caller) -> bool:
    """Tell whether *issued* went to the principal of *caller*: key ids occur in other accounts."""
    if issued.arn and caller.arn:
        return issued.arn == caller.arn
    account = account_of(fact.target.role_arn) or fact.account
    return not (account and caller.account) or account == caller.account


# The answer of these is for the caller itself, under its own ARN.
FOR_CALLER = frozenset({"GetSessionToken", "GetScopedCredentials"})
HANDS_OUT = ASSUMES | FOR_CALLER | {"GetFederationToken", "CreateAccessKey"}


def for_user(fact: Fact) -> str:
    """Return the user that CreateAccessKey made a key for: without a name, the caller."""
    return fact.target.user or fact.caller.label


def expected_names(fact: Fact) -> set[str]:
    """Return the names under which the credential that *fact* asked for would be seen."""
    if fact.name == "CreateAccessKey":
        return {for_user(fact)}
    if fact.name in FOR_CALLER:
        return {fact.caller.arn}
    if fact.name == "GetFederationToken":
        return {f"{fact.account}/federated-user/{fact.target.session}"}
    return {f"session:{fact.target.session}"}
