"""Where the guard of an incident stands: in a policy of its own, else beside another guard of ours.

An account takes no more than ten control policies. Where the last place is taken, what the guard
says joins what another guard of ours says, in one policy: each incident's statements carry its
mark, so each is rewritten and taken off alone, and the last one takes the policy with it.

Organizations changes a policy whole and without asking what it was before: of two who write at one
moment the later one undoes the earlier. So each reads the policy at once before it writes, and
again after it, and writes anew where its own part is gone.

Sources: Organizations API Reference, AttachPolicy (ConstraintViolationException,
MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED), CreatePolicy (POLICY_NUMBER_LIMIT_EXCEEDED) and
UpdatePolicy; Organizations User Guide, "Quotas and service limits".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code, retried
from containment.errors import LIFT, ConflictError, ContainmentError
from containment.facets import marks
from containment.guard import document
from containment.guard.control_policies import bears_our_name, is_guard
from policies import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.guard.control_policies import ControlPolicies, ControlPolicy
    from policies import Document

# Somebody else writes the same policy at most so often at just the wrong moment.
_ROUNDS = 3
# How long a writer may need from its reading to its write.
_OVERLAP_S = 1.0
_pause = time.sleep


@dataclass(frozen=True, slots=True)
class Placed:
    """The policy that a guard stands in, and whether it was read there."""

    policy: ControlPolicy
    shown: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """Puts the guard of one incident on one account, and takes it off.

    Attributes:
        policies: those of the account.
        incident: whose guard it is.
        known_id: the id of the policy that it stood in, as the stack remembers it.
        say: is told what a person should know.
        prove: refuses a text that another guard's policy is to have.
    """

    policies: ControlPolicies
    incident: str
    known_id: str | None
    say: Callable[[str], None]
    prove: Callable[[ControlPolicy, str], None]

    def put(self, guard: Document) -> Placed:
        """Have the account under *guard*, in the place of what it said before.

        Raises:
            ClientError: botocore's own, where it cannot be written.
            ContainmentError: there is no place for it, or the proof refuses it.
        """
        rounds = _ROUNDS
        while True:
            before = self.find()
            written = self._write(guard, before)
            if eventually(partial(self._shows, written)):
                return Placed(written, shown=True)
            rounds -= 1
            late = {written.content, before.content if before else ""}
            if not rounds or self.policies.again(written).content in late:
                return Placed(written, shown=self._stands(written))

    def find(self) -> ControlPolicy | None:
        """Return the policy that the guard stands in, else the one of its name; None for neither.

        Raises:
            ContainmentError: that cannot be seen.
        """
        attached = (
            one for one in self.policies.attached() if is_guard(one, self.incident, self.known_id)
        )
        return next(attached, None) or self.policies.named(self.incident, self.known_id)

    def take_off(self) -> None:
        """Take away what stands of the guard; what other incidents say stays.

        Raises:
            ClientError: botocore's own, as for every change.
            ContainmentError: it cannot be seen, or somebody puts it back again and again.
        """
        for _ in range(_ROUNDS):
            policy = self.find()
            if policy is None or (policy.marks and policy.mark_for(self.incident) is None):
                return
            rest = document.without(policy.content, marks.incident_hash(self.incident))
            if rest is None:
                self.policies.remove(policy)
                return
            self.policies.update(policy, rest)
            _pause(_OVERLAP_S)
        raise ConflictError(
            "the guard is taken off and comes back again: another incident's guard stands in the"
            " same control policy, and somebody writes that at this very moment",
            remedy=f"run '{LIFT}' again when their run has ended",
        )

    def _write(self, guard: Document, own: ControlPolicy | None) -> ControlPolicy:
        try:
            if own is None:
                policy = self.policies.create(self.incident, text(guard))
            else:
                policy = self.policies.update(own, self.text_in(own, guard))
        except ClientError as error:
            if own is not None or not _has_no_place(error):
                raise
            return self._join(guard, error)
        if own is not None and any(one.id == own.id for one in self.policies.attached()):
            return policy
        try:
            self.policies.attach(policy)
        except ClientError as error:
            if not _has_no_place(error):
                raise
            self._discard(policy)
            return self._join(guard, error)
        return policy

    def text_in(self, policy: ControlPolicy, guard: Document) -> str:
        """Return the text of *policy* with *guard* in it, what it says of others as it is.

        Raises:
            NotContainedError: it is longer than Organizations takes.
        """
        own_name = policy.name == marks.policy_name(self.incident)
        return document.beside(guard, policy.content, keep_unmarked=not own_name)

    def _join(self, guard: Document, full: ClientError) -> ControlPolicy:
        """Put *guard* into another guard of ours on the account, the shortest first.

        Raises:
            ClientError: *full*, where there is no other, or none has room.
        """
        others = [one for one in self.policies.attached() if one.marks and bears_our_name(one)]
        for host in sorted(others, key=lambda one: len(one.content)):
            try:
                content = self.text_in(host, guard)
            except ContainmentError as error:
                self.say(f"{host.name} has no room for it: {error.message}")
                continue
            self.prove(host, content)
            policy = self.policies.update(host, content)
            self.say(
                "no control policy more fits on the account: the guard stands in"
                f" {host.name} ({host.id}), beside what that says, and each is lifted alone"
            )
            return policy
        raise full

    def _discard(self, policy: ControlPolicy) -> None:
        """Delete *policy*, which could not be attached; what it says of others stays."""
        try:
            if document.without(policy.content, marks.incident_hash(self.incident)) is None:
                self.policies.discard(policy)
        except (ClientError, BotoCoreError) as error:
            self.say(
                f"{policy.name} ({policy.id}) is attached to nothing, and could not be deleted"
                f" ({code(error) or 'no answer'}): the lift takes it away"
            )

    def _shows(self, written: ControlPolicy) -> bool:
        """Tell whether the account shows *written*: this guard, and whoever stands beside it."""
        live = self._live(written)
        return live is not None and all(
            _says(live, written, mark.incident_hash) for mark in written.marks
        )

    def _stands(self, written: ControlPolicy) -> bool:
        """Tell whether at least this guard shows; say who stood beside it and does not."""
        live = self._live(written)
        own = marks.incident_hash(self.incident)
        if live is None or not _says(live, written, own):
            return False
        others = [one for one in written.marks if not _says(live, written, one.incident_hash)]
        if others:
            self.say(
                f"in {written.name} stood {len(others)} guards of other incidents that are gone"
                " or say something else now: whoever has those should run 'pulumi up' again"
            )
        return True

    def _live(self, written: ControlPolicy) -> ControlPolicy | None:
        return next((one for one in self.policies.attached() if one.id == written.id), None)


def _says(live: ControlPolicy, written: ControlPolicy, incident_hash: str) -> bool:
    return document.digest(live.content, incident_hash) == document.digest(
        written.content, incident_hash
    )


def _has_no_place(error: ClientError) -> bool:
    """Tell whether AWS refused because the account, or the organisation, has its fill of policies.

    After a try whose answer was lost nobody knows what is attached.
    """
    return code(error) == "ConstraintViolationException" and not retried(error)
