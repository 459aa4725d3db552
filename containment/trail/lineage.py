"""Follow a credential to everything that came out of it, until nothing new appears.

Five tiers, from certain to inferred:

``A_issued``         a member called, and the answer handed out a key id
``B_principal``      a user, role, password or provider that a member made, and who comes in by it
``C_service_issued`` a service gave credentials to compute that a member made
``D_forwarded``      a service acted for a member with a forwarded session of its own key id
``E_inferred``       no id links it, but principal and time do; marked with a confidence

Each round closes the certain rules first, so that what can be known is never guessed. The answer
depends on the evidence alone: not on its order, and not on what does not touch a member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.trail import forwarded, inferred, made, through
from containment.trail.evidence import HANDS_OUT
from containment.trail.principals import label, session_name, unique_id

if TYPE_CHECKING:
    from containment.trail.evidence import Evidence
    from containment.trail.facts import Caller, Fact
    from containment.trail.members import Member
    from containment.trail.seeds import Seed


class Lineage:
    """The members found, with the questions they raise."""

    def __init__(self, seed: Seed, evidence: Evidence) -> None:
        self.evidence = evidence
        self.members: list[Member] = []
        self.by_key: dict[str, list[Member]] = {}
        self.owned: dict[str, Member] = {}
        self.by_id: dict[str, Member] = {}
        self.machines: dict[str, tuple[Member, Fact]] = {}
        self.trusts: list[tuple[Member, str, Fact]] = []
        self.notices: dict[tuple[str, str], str] = {}
        self.asked: set[str] = set()
        self._actors: dict[Fact, Member | None] = {}
        self.seed = seed.plant(evidence)
        self.add(self.seed)
        for notice in seed.notices(evidence):
            self.notices["seed", notice] = notice
        self._follow()

    def _follow(self) -> None:
        while True:
            before = len(self.members)
            for rules in (made.apply, through.apply, forwarded.apply, inferred.apply):
                rules(self)
                if len(self.members) > before:
                    break
            else:
                return

    def add(self, member: Member) -> bool:
        """Take *member* in, unless it is in already."""
        same = self.by_key.get(member.id, []) if member.kind in _KEYS else []
        if member.kind in _KEYS:
            if any(_one_credential(known, member) for known in same):
                return False
            self.by_key.setdefault(member.id, []).append(member)
        elif member.id in self.by_id:
            return False
        self.by_id.setdefault(member.id, member)
        self.members.append(member)
        if member.owned:
            self.owned.setdefault(label(member.arn), member)
            if member.principal_id:
                self.owned.setdefault(unique_id(member.principal_id), member)
        self._actors.clear()
        return True

    def actor(self, fact: Fact) -> Member | None:
        """Return the member that made the call, also when only its copy elsewhere names it."""
        if fact not in self._actors:
            found = self.who(fact.caller, fact.time)
            if found is None and fact.shared_id:
                for copy in self.evidence.shared.get(fact.shared_id, []):
                    if copy != fact and copy.name == fact.name:
                        found = found or self.who(copy.caller, copy.time)
            self._actors[fact] = found
        return self._actors[fact]

    def who(self, caller: Caller, moment: str) -> Member | None:
        """Return the member that *caller* is at *moment*."""
        if caller.key:
            fitting = [m for m in self.by_key.get(caller.key, ()) if m.fits(caller, moment)]
            return max(fitting, key=lambda member: member.since, default=None)
        return self.owner(caller, moment)

    def owner(self, caller: Caller, moment: str) -> Member | None:
        """Return the thief's own principal that *caller* is a session or sign-in of."""
        for name in (unique_id(caller.principal_id), caller.label):
            member = self.owned.get(name) if name else None
            if member is not None and member.acts_as(caller, moment):
                return member
        return None

    def issued_elsewhere(self, key: str) -> bool:
        """Tell whether the logs say who handed *key* out (then nothing has to be inferred)."""
        self.asked.add(key)
        return bool(self.evidence.issued.get(key))

    def wanted(self) -> set[str]:
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
                if fact.name in HANDS_OUT and not fact.issued:
                    names |= inferred.expected(fact)
            elif fact.target.switched_from in arns:
                names.add(fact.caller.arn)
        return names

    def machine(self, role: str, session: str) -> tuple[Member, Fact] | None:
        """Return who made the machine that carries *session* as its role session name."""
        return self.machines.get(session) or self.machines.get(f"lambda:{role}/{session}")

    def session_machine(self, arn: str) -> tuple[Member, Fact] | None:
        """Return who made the machine whose session *arn* is."""
        return self.machine(label(arn), session_name(arn))


_KEYS = frozenset({"access_key", "forwarded_session_key"})


def _one_credential(known: Member, new: Member) -> bool:
    """Two issues of one key id are one credential unless account, principal or time says no."""
    if known.link_event_ids and known.link_event_ids == new.link_event_ids:
        return True
    if known.arn and new.arn and known.arn != new.arn:
        return False
    return not (known.account and new.account and known.account != new.account)
