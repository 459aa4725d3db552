"""V3: sessions of the tool's own, of roles that let it in: one from before T, and one from after.

Only `up --verify` has both: the first has to be issued within the margin that T carries, while the
containment is written already. The question is a call of IAM, so that AWS keeps a record of the
refusal, and only where that record names our statement does a probe show anything. The attacker's
credentials are never used. A role that does not let the tool in has no probe, which is no failure.

Source: STS API Reference, AssumeRole; IAM User Guide, "Troubleshoot access denied error messages"
(a message says where the explicit deny was).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from containment.aws.caller import identify
from containment.aws.probe_sessions import QUESTION, ProbeAnswer, ProbeSession, assume
from containment.clock import isoformat, moment_of
from containment.errors import ContainmentError
from containment.trail.facts.fact import Caller
from containment.verify.evidence import Evidence
from containment.verify.log_reading import LoggedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from containment.aws.clients import Clients
    from containment.verify.members import Member
    from containment.verify.verification import Pace

_EXPLICIT = "with an explicit deny in "
# IAM shows a change seconds before it enforces it; what is not enforced after a minute is not.
_TRIES, _APART_S = 12, 5.0
_LATER = timedelta(seconds=2)
# "Global service events": IAM answers in us-east-1.
_REGION = "us-east-1"


@dataclass(slots=True)
class LiveProbes:
    """The probes of one run: *take_up* comes as soon as the containment is written.

    Attributes:
        members: who is contained.
        clients: returns the responder's clients of an account.
        harvest: returns what AWS's own records say of refused calls.
        pace: how to wait, and whom to tell.
    """

    members: Sequence[Member]
    clients: Callable[[str], Clients]
    harvest: Callable[[Sequence[LoggedCall]], list[Evidence]]
    pace: Pace
    _earlier: dict[str, ProbeSession | ProbeAnswer] = field(
        default_factory=dict[str, "ProbeSession | ProbeAnswer"]
    )

    def take_up(self) -> None:
        """Take up every role that lets us in, before T.

        Raises:
            ContainmentError: nobody answers.
        """
        for member in self._probed():
            self.pace.tell(f"V3: taking up {member.principal.name}")
            clients = self.clients(member.principal.account)
            self._earlier[member.arn] = assume(clients, member.arn)

    def run(self) -> list[Evidence]:
        """Return what AWS answered to the sessions from before T, and to new ones after it."""
        evidence: list[Evidence] = []
        for member in self._probed():
            self.pace.tell(f"V3: probing {member.principal.name}")
            try:
                evidence += self._of_member(member)
            except ContainmentError as error:
                evidence.append(Evidence("V3", member.arn, "note", error.message, error.remedy))
        return evidence

    def _probed(self) -> list[Member]:
        return [
            member
            for member in self.members
            if member.principal.kind == "role"
            and member.deny is not None
            and member.deny.scope in {"all", "issued-before"}
        ]

    def _of_member(self, member: Member) -> Iterator[Evidence]:
        earlier = self._earlier.get(member.arn)
        if not isinstance(earlier, ProbeSession):
            words = f": {earlier.code}" if earlier is not None else ""
            what = f"not available: the role does not let the caller in{words}"
            yield Evidence("V3", member.arn, "note", what)
            return
        revoked = moment_of(member.deny.issued_before) if member.deny is not None else None
        if revoked is not None and earlier.issued_by >= revoked:
            what = f"not available: T, {isoformat(revoked)}, had passed before a session was issued"
            yield Evidence("V3", member.arn, "note", what)
            return
        if revoked is not None and not self._wait_until(member, revoked + _LATER):
            yield Evidence("V3", member.arn, "note", "not available: stopped before T")
            return
        yield from self._refused(member, earlier)
        if revoked is not None and member.rung == "revoke-sessions":
            yield self._let_through(member)

    def _wait_until(self, member: Member, moment: datetime) -> bool:
        """Wait for AWS's clock to reach *moment*; False where somebody asked to stop."""
        sts = self.clients(member.principal.account).sts
        while (left_s := (moment - identify(sts).answered_at).total_seconds()) > 0:
            self.pace.tell(f"V3: waiting {left_s:.0f} s for T")
            if self.pace.wait(min(left_s, 30.0)):
                return False
        return True

    def _refused(self, member: Member, session: ProbeSession) -> Iterator[Evidence]:
        """Yield what shows that a session from before T is refused, and by whom."""
        answer = session.ask()
        for _ in range(_TRIES):
            if _EXPLICIT in answer.message or self.pace.wait(_APART_S):
                break
            answer = session.ask()
        up = f"run 'containment up {member.snapshot.incident}' at once"
        issued = f"a session of the tool's own, issued by {isoformat(session.issued_by)},"
        if answer.allowed:
            yield Evidence("V3", member.arn, "broken", f"{issued} is let through: {QUESTION}", up)
        elif _EXPLICIT not in answer.message:
            what = f"{issued} is refused ({answer.code}), but by no explicit deny"
            yield Evidence("V3", member.arn, "open", what, up)
        else:
            yield from self._recorded(member, session, answer)

    def _recorded(
        self, member: Member, session: ProbeSession, answer: ProbeAnswer
    ) -> Iterator[Evidence]:
        """Yield AWS's own record of the refusal, which comes a while after it."""
        call = self._call(member, session, answer)
        records = self.harvest([call])
        for _ in range(_TRIES):
            if any(one.outcome == "holds" for one in records) or self.pace.wait(_APART_S):
                break
            records = self.harvest([call])
        own = [one for one in records if one.request == answer.request_id or not one.request]
        for one in own:
            yield replace(one, level="V3", subject=member.arn)
        if not own:
            what = "refused by an explicit deny; AWS gave no authorization id, so whose is not told"
            yield Evidence("V3", member.arn, "note", what, request=answer.request_id)

    def _let_through(self, member: Member) -> Evidence:
        """Tell whether a session from after T meets our deny: honest ones are to work."""
        later = assume(self.clients(member.principal.account), member.arn)
        answer = later.ask() if isinstance(later, ProbeSession) else later
        if _EXPLICIT in answer.message:
            what = f"a new session, from after T, is refused as well: {answer.code}"
            return Evidence("V3", member.arn, "note", what, request=answer.request_id)
        return Evidence("V3", member.arn, "holds", "a new session, from after T, meets no deny")

    def _call(self, member: Member, session: ProbeSession, answer: ProbeAnswer) -> LoggedCall:
        """Return the refused probe as CloudTrail records it."""
        account = member.principal.account
        return LoggedCall(
            time=isoformat(identify(self.clients(account).sts).answered_at),
            place=(account, _REGION),
            name=QUESTION,
            source="iam.amazonaws.com",
            event_id="",
            caller=Caller(key=session.access_key_id, arn=session.arn, account=account),
            issuer_arn=member.arn,
            source_ip="",
            succeeded=False,
            error=answer.code,
            message=answer.message,
            request_id=answer.request_id,
        )
