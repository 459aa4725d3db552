"""Hold the members derived so far, and tell which member a caller in a record is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail.facts.evidence import HANDS_OUT, expected_names
from containment.trail.facts.principals import label, session_name, unique_id
from containment.trail.facts.targets import USER_CREDENTIALS
from containment.trail.logs.records import near

if TYPE_CHECKING:
    from containment.trail.facts.evidence import Evidence
    from containment.trail.facts.fact import Caller, Fact
    from containment.trail.lineage.members import Member
    from containment.trail.lineage.seeds import Seed


class Lineage:
    """The members of a lineage and what was seen of them; :mod:`.rules` adds to it."""

    def __init__(self, seed: Seed, evidence: Evidence) -> None:
        self.evidence = evidence
        self.members: list[Member] = []
        self.by_key: dict[str, list[Member]] = {}
        self.owned: dict[str, Member] = {}
        self.by_id: dict[str, Member] = {}
        self.by_principal: dict[str, list[Member]] = {}
        self.by_arn: dict[str, list[Member]] = {}
        self.edited: dict[str, Member] = {}
        self.machines: dict[str, tuple[Member, Fact]] = {}
        self.tokens: dict[str, tuple[Member, Fact]] = {}
        self.trusts: list[tuple[Member, str, Fact]] = []
        self.notices: dict[tuple[str, str], str] = {}
        self.asked: set[str] = set()
        self._actors: dict[Fact, Member | None] = {}
        self.seed = seed.plant(evidence)
        self.add(self.seed)
        for notice in seed.notices(evidence):
            self.notices["seed", notice] = notice

    def add(self, member: Member) -> bool:
        """Add *member* unless it is a member already; tell whether it was added."""
        same = self.by_key.get(member.id, []) if member.kind in _KEYS else []
        if member.kind in _KEYS:
            if any(_one_credential(other, member) for other in same):
                return False
            self.by_key.setdefault(member.id, []).append(member)
            if member.principal_id:
                self.by_principal.setdefault(member.principal_id, []).append(member)
        elif member.id in self.by_id:
            return False
        self.by_id.setdefault(member.id, member)
        self.members.append(member)
        if member.arn:
            self.by_arn.setdefault(member.arn, []).append(member)
        if member.owned:
            if member.arn:
                self.owned.setdefault(label(member.arn), member)
            if member.principal_id:
                self.owned.setdefault(unique_id(member.principal_id), member)
        self._actors.clear()
        return True

    def own(self, member: Member) -> None:
        """Add a principal that is the attacker's, also when they make it once more."""
        if not self.add(member) and member.principal_id:
            self.owned.setdefault(unique_id(member.principal_id), self.by_id[member.id])

    def actor(self, fact: Fact) -> Member | None:
        """Return the member that made the call, also when only its copy elsewhere names it."""
        if fact not in self._actors:
            member = self.who(fact.caller, fact.time)
            if member is None and fact.shared_id:
                for copy in self.evidence.shared.get(fact.shared_id, []):
                    if copy != fact and copy.name == fact.name and near(copy.time, fact.time):
                        member = member or self.who(copy.caller, copy.time)
            self._actors[fact] = member
        return self._actors[fact]

    def who(self, caller: Caller, moment: str) -> Member | None:
        """Return the member that *caller* is at *moment*, if it is one."""
        for name in (caller.credential, caller.key):
            members = self.by_key.get(name, ()) if name else ()
            fitting = [m for m in members if m.fits(caller, moment) or self._renamed(m, caller)]
            if fitting:
                return max(fitting, key=lambda member: member.since)
        return None if caller.key else self.owner(caller, moment)

    def _renamed(self, member: Member, caller: Caller) -> bool:
        """Tell whether *caller* is a renamed user of the attacker: the unique id stays."""
        principal = self.owned.get(unique_id(caller.principal_id)) if caller.principal_id else None
        return principal is not None and principal.owner == member.owner

    def owner(self, caller: Caller, moment: str) -> Member | None:
        """Return the attacker's own principal that *caller* is a session or sign-in of."""
        by_id = self.owned.get(unique_id(caller.principal_id)) if caller.principal_id else None
        if by_id is not None and by_id.begun(moment):
            return by_id
        by_name = self.owned.get(caller.label) if caller.arn else None
        return by_name if by_name is not None and by_name.acts_as(caller, moment) else None

    def issued_elsewhere(self, caller: Caller) -> bool:
        """Tell whether the logs hold the issue of the key of *caller*; it is not inferred then."""
        self.asked.add(caller.key)
        return self.evidence.handed_out(caller)

    def seen_as(self, arn: str) -> list[Member]:
        """Return the members that are *arn*, or were seen to call as it, in the order they came."""
        members = list(self.by_arn.get(arn, ()))
        for use in self.evidence.uses_under.get(arn, ()):
            member = self.who(use.caller, use.time)
            if member is not None and member.arn != arn:
                members.append(member)
        return sorted({id(m): m for m in members}.values(), key=lambda m: (m.issued_at, m.id))

    def holds_password(self, password: Member, moment: str) -> bool:
        """Tell whether *password* is still the attacker's at *moment*: who set it last, decides."""
        if not password.begun(moment):
            return False
        changes = self.evidence.passwords.get(label(password.arn), [])
        last = next((fact for fact in reversed(changes) if fact.time <= moment), None)
        return last is None or self.actor(last) is not None

    def names_to_look_up(self) -> set[str]:
        """Return every name whose records could add to the lineage."""
        return (self.asked | self._names_of_members() | self._names_of_facts()) - {""}

    def _names_of_members(self) -> set[str]:
        names: set[str] = set()
        for member in self.members:
            names.add(member.id)
            if member.kind in _KEYS:
                names |= {member.arn, member.principal_id}
            if member.owned or member.kind == "iam_role":
                names |= {member.arn, label(member.arn), unique_id(member.principal_id)}
            if member.kind == "console_password":
                names |= {member.arn, label(member.arn)}
        names.update(self.tokens)
        for name in self.machines:
            names.add(f"session:{name.rsplit('/', 1)[-1]}")
            names.add(name)
        for key in self.by_key:
            for use in self.evidence.uses_of.get(key, []):
                if self.who(use.caller, use.time):
                    names.add(use.caller.arn)
        return names

    def _names_of_facts(self) -> set[str]:
        names: set[str] = set()
        arns = {member.arn for member in self.members}
        for fact in self.evidence.facts:
            if self.actor(fact):
                names.add(fact.shared_id)
                names.update(fact.target.passed)
                if fact.name in HANDS_OUT and not fact.issued:
                    names |= expected_names(fact)
            elif fact.target.switched_from in arns:
                names.add(fact.caller.arn)
        return names

    def machine(self, role: str, session: str) -> tuple[Member, Fact] | None:
        """Return who made the machine that carries *session* as its role session name."""
        maker = self.machines.get(session) or self.machines.get(f"lambda:{role}/{session}")
        # A service takes roles of the machine's own account only.
        return maker if maker and role.startswith(f"{maker[1].account}/") else None

    def session_machine(self, arn: str) -> tuple[Member, Fact] | None:
        """Return who made the machine whose session *arn* is."""
        return self.machine(label(arn), session_name(arn))


# Kinds whose id stands in the records of their calls.
_KEYS = frozenset({"access_key", "forwarded_session_key", *USER_CREDENTIALS.values()})


def _one_credential(old: Member, new: Member) -> bool:
    """Tell whether two issues of one key id are one credential, by account, principal and event."""
    if old.link_event_ids and old.link_event_ids == new.link_event_ids:
        return True
    if old.arn and new.arn and old.arn != new.arn:
        return False
    return not (old.account and new.account and old.account != new.account)
