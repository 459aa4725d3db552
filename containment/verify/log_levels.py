"""V4 and V5 together: read the logs, judge the calls, and watch until the logs cover the window.

A watch ends early where the attacker's success is seen, and at last an hour after the window: logs
that have not come by then do not come by waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from containment import descendants
from containment.clock import isoformat
from containment.errors import ContainmentError
from containment.identities import is_access_key_id
from containment.lifecycle.sweep_requirement import contained_targets
from containment.trail import trace
from containment.trail.logs.files import COMPLETE
from containment.verify import coverage, log_calls
from containment.verify.evidence import Evidence
from containment.verify.log_reading import Subjects, read_logs
from containment.verify.members import account_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from containment.spec import IncidentSpec
    from containment.trail import Trace
    from containment.verify.coverage import Coverage
    from containment.verify.log_reading import LoggedCall, LogReading
    from containment.verify.log_sources import Brought, LogSource
    from containment.verify.members import Member
    from containment.verify.verification import Pace

POLL_S = 120.0
# "Up to 15 minutes" is what AWS has said of delivery; four times that is a log that does not come.
_PATIENCE = timedelta(hours=1)
# CloudTrail API Reference, LookupEvents.
_HISTORY = timedelta(days=90)
_MOST_NAMED = 3
# "Up to 15 minutes": what was made before a moment is in the logs when they go past it by this.
DELIVERY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class LogLevels:
    """What the levels that read logs work with.

    Attributes:
        stack: the incident.
        spec: as it is now.
        members: who is contained.
        source: where records come from.
        now: AWS's own time.
        record: the file of the descendants that traces have found.
        pace: how to wait, and whom to tell.
        index: a folder for the facts of files already read.
        watching: whether to wait until the logs cover the window.
        remember: keeps what a trace of a leaked key found, which a lift waits for.
        verified_at: when the incident was verified first; None where it never was.
        harvest: returns what AWS's own records say of refused calls; a record is kept for a day.
        take_trace: is told of each trace that was made.
    """

    stack: str
    spec: IncidentSpec
    members: Sequence[Member]
    source: LogSource
    now: Callable[[], datetime]
    record: Path
    pace: Pace
    index: Path
    watching: bool = False
    harvest: Callable[[Sequence[LoggedCall]], list[Evidence]] | None = None
    remember: Callable[[Trace], object] | None = None
    verified_at: datetime | None = None
    take_trace: Callable[[Trace], None] | None = None

    def run(self) -> list[Evidence]:
        """Return what the logs show; while watching, once they show enough.

        Raises:
            ContainmentError: AWS does not say what time it is.
        """
        while self.members:
            now = self.now()
            evidence, covered, window = self._look(now)
            is_over = covered.complete or any(one.outcome == "broken" for one in evidence)
            late = now > window.end + _PATIENCE
            if not self.watching or is_over or late or self.pace.wait(POLL_S):
                return [*evidence, *covered.evidence, *self._sweep(covered, now)]
            covered_min = max((covered.until - window.begin).total_seconds() / 60, 0)
            self.pace.tell(
                f"V5: logs cover {covered_min:.0f} of {window.minutes} minutes;"
                f" {covered.slowest} is at {isoformat(covered.until)}"
            )
        return []

    def _sweep(self, covered: Coverage, now: datetime) -> Iterator[Evidence]:
        """Say what came out of the leaked keys and would work on, and whether all of it is known.

        All that was made before the verdict is known once the logs go past it by as long as
        records take to come.
        """
        try:
            record = descendants.load(self.record)
        except ContainmentError as error:
            yield Evidence("V4", self.stack, "open", error.message, error.remedy)
            return
        number = len(record.descendants) if record else 0
        remaining = descendants.unswept(record, contained_targets(self.spec), now) if record else []
        if self.verified_at is None:
            until = "how far it is whole is told once the incident was verified"
        elif covered.until >= self.verified_at + DELIVERY:
            until = f"all that was made up to the verdict, {isoformat(self.verified_at)}, is in it"
        else:
            until = f"it is whole once the logs go to {isoformat(self.verified_at + DELIVERY)}"
        what = (
            f"the record of descendants has {number}, of which {len(remaining)} would work on"
            f" after a lift; {until}"
        )
        step = (
            "a lift waits for those: 'containment trace … --propose' adds them as targets"
            if remaining
            else ""
        )
        yield Evidence("V4", self.stack, "note", what, step)

    def _look(self, now: datetime) -> tuple[list[Evidence], Coverage, coverage.Window]:
        """Read all logs once."""
        settled = max(self._settled(now))
        window = coverage.window_from(settled)
        since = min(self.spec.compromised_at, settled)
        self.pace.tell("V4: reading CloudTrail's records")
        evidence: list[Evidence] = []
        brought: Brought | None = None
        reading: LogReading | None = None
        try:
            brought = self.source.bring(since, settled)
            reading = read_logs(
                brought.paths, self._subjects(), isoformat(since), list(brought.unread)
            )
            evidence += self._judged(reading, brought, now)
        except ContainmentError as error:
            evidence.append(Evidence("V4", self.stack, "open", error.message, error.remedy))
        covered = coverage.cover(
            reading.times if reading else {},
            accounts=sorted({member.principal.account for member in self.members}),
            regions=self.source.regions,
            window=window,
            now=now,
            asked=self.source.asked,
            step=self._next(window, now),
        )
        return evidence, covered, window

    def _settled(self, now: datetime) -> list[datetime]:
        """Return from when on each member is to succeed at nothing: not before T0."""
        began = self.spec.compromised_at
        return [max(log_calls.settled_at(member, now), began) for member in self.members]

    def _next(self, window: coverage.Window, now: datetime) -> str:
        over = window.end + coverage.SLACK
        if not self.source.asked:
            return (
                f"run 'containment verify {self.stack} --live', which tells silence from logs that"
                " are missing, or give the logs that are"
            )
        if now < over:
            return (
                f"run 'containment verify {self.stack} --live --watch', or again after"
                f" {isoformat(over)}"
            )
        return f"run 'containment verify {self.stack} --live' again: records come late"

    def _subjects(self) -> Subjects:
        return Subjects(
            {member.snapshot.principal_id for member in self.members},
            {member.arn for member in self.members},
            self._known_keys(),
        )

    def _known_keys(self) -> frozenset[str]:
        """Return the keys that earlier traces found to be the attacker's, whom nobody has swept.

        Raises:
            SpecError: the record cannot be read.
        """
        record = descendants.load(self.record)
        return frozenset(
            one.id
            for one in (record.descendants if record else ())
            if one.confidence != "medium" and not one.swept.strip()
        )

    def _judged(self, reading: LogReading, brought: Brought, now: datetime) -> Iterator[Evidence]:
        yield from self._problems(reading, now)
        moments = self._settled(now)
        for member, moment in zip(self.members, moments, strict=True):
            yield from log_calls.judge_member(member, reading.calls, moment)
        settled = max(moments)
        if self.harvest is not None:
            self.pace.tell("V4+: asking for AWS's records of refused calls")
            yield from self.harvest(
                [
                    call
                    for call in reading.calls
                    if call.time > isoformat(settled)
                    and any(log_calls.is_contained(member, call) for member in self.members)
                ]
            )
        yield from log_calls.judge_keys(self._known_keys(), reading.calls, settled)
        yield from self._came_out(brought, moments)

    def _came_out(self, brought: Brought, moments: Sequence[datetime]) -> Iterator[Evidence]:
        """Judge what came out of the leaked keys, and out of the roles' sessions before T."""
        for seed in self._seeds():
            answer = self._traced(seed, brought)
            if isinstance(answer, Evidence):
                yield answer
            elif answer is not None:
                if self.remember is not None:
                    self.remember(answer)
                yield from log_calls.judge_descendants(answer, max(moments), self.members)
        self._tell_of_users(brought)
        for member, moment in zip(self.members, moments, strict=True):
            if member.principal.kind != "role":
                continue
            answer = self._traced(member.arn, brought)
            if isinstance(answer, Evidence):
                yield answer
            elif answer is not None:
                yield from log_calls.judge_made_by_role(answer, member, moment, self._swept())

    def _tell_of_users(self, brought: Brought) -> None:
        """Trace, for whoever is told, whatever a user did who is denied everything.

        A sign-in session makes somebody as well, and no leaked key leads to it.
        """
        for member in self.members if self.take_trace is not None else ():
            if member.principal.kind == "user" and member.deny and member.deny.scope == "all":
                self._traced(member.arn, brought)

    def _problems(self, reading: LogReading, now: datetime) -> Iterator[Evidence]:
        """Say which logs could not be read, and where logging was tampered with."""
        unread = [report for report in reading.reports if report.status not in COMPLETE]
        if unread:
            named = "; ".join(f"{one.path}: {one.detail or one.status}" for one in unread[:3])
            more = f" and {len(unread) - 3} more" if len(unread) > _MOST_NAMED else ""
            what = f"{len(unread)} logs were not read whole: {named}{more}"
            step = "mend or fetch them, and run it again"
            yield Evidence("V4", self.stack, "open", what, step)
        if self.source.asked and self.spec.compromised_at < now - _HISTORY:
            what = "T0 is older than the 90 days that LookupEvents holds"
            step = "give the logs since T0 with --logs"
            yield Evidence("V4", self.stack, "open", what, step)
        for call in reading.tampering if not self.source.asked else ():
            subject = account_subject(call.place[0])
            what = f"logging was changed: {call} by {call.caller.arn or 'nobody known'}"
            step = f"run 'containment verify {self.stack} --live': event history goes on"
            yield Evidence("V4", subject, "open", what, step)

    def _seeds(self) -> list[str]:
        """Return what is traced: the leaked keys, or the user where none of its keys is named."""
        targets = {target.principal.arn: target for target in self.spec.targets if target.user}
        seeds: list[str] = []
        for member in self.members:
            if member.principal.kind != "user":
                continue
            target = targets.get(member.arn)
            named = target.leaked if target else member.snapshot.lift.leaked
            seeds += [key for key in named if is_access_key_id(key)] or [member.arn]
        return list(dict.fromkeys(seeds))

    def _swept(self) -> frozenset[str]:
        """Return the credentials of which somebody wrote down what was done about them."""
        record = descendants.load(self.record)
        return frozenset(
            one.id for one in (record.descendants if record else ()) if one.swept.strip()
        )

    def _traced(self, seed: str, brought: Brought) -> Trace | Evidence | None:
        """Return the trace of *seed*, or why there is none; None where there is no record."""
        if not brought.paths:
            return None
        try:
            answer = trace(
                seed,
                since=isoformat(self.spec.compromised_at),
                logs=brought.paths,
                workers=1,
                index=self.index,
                unread=brought.unread,
            )
        except ContainmentError as error:
            return Evidence("V4", seed, "open", error.message, error.remedy)
        if self.take_trace is not None:
            self.take_trace(answer)
        return answer
