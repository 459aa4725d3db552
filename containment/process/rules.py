"""How every step stands, computed from what is on record. Pure.

Nobody ticks a step. What the project itself knows (spec, state, ledger, kept verdicts, traces)
decides by itself; what only people know is an entry of the record that names the step. Nothing is
concluded from a record that was changed, nor from a ledger that is no evidence.

A kept verdict shows what the last verification said and proves nothing: whoever may write the
folder may edit it. So no step says "contained" by its own word.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from containment.clock import isoformat, moment_of
from containment.descendants import unswept
from containment.lifecycle.sweep_requirement import contained_targets
from containment.process.steps import STEPS, Progress, StepStatus
from containment.record import Kind
from containment.record.notes import t0_moments
from containment.signals.joining import by_identity, is_resolved
from containment.spec import Rung, moment_text
from containment.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from containment.descendants import Record as Descendants
    from containment.ledger.chain import Entry
    from containment.record import Reading
    from containment.spec import IncidentSpec

VERIFIED, NOT_CONTAINED = "contained, verified", "not contained"
# The source says "within about 30 minutes": the logs take up to 15 minutes besides.
VERIFY_WITHIN = timedelta(minutes=60)
_CLOSING = frozenset({Rung.CLOSE_TRUST, Rung.DENY_ALL})


@dataclass(frozen=True)
class ProcessSources:
    """What the process is computed from.

    Attributes:
        spec: the incident's.
        record: the incident's, as it was read.
        in_state: whom the state of the stack holds, by ARN.
        entries: of the ledger, oldest first; none where it is no evidence.
        ledger: how the ledger stands, in one word.
        verdicts: those kept beside the spec, oldest first.
        descendants: what traces found; None where nobody traced.
        now: the time.
    """

    spec: IncidentSpec
    record: Reading
    in_state: tuple[str, ...]
    entries: Sequence[Mapping[str, Any]]
    ledger: str
    verdicts: Sequence[Mapping[str, Any]]
    descendants: Descendants | None
    now: datetime

    @property
    def incident(self) -> str:
        """The incident's id."""
        return self.spec.incident

    @cached_property
    def changes(self) -> Sequence[Mapping[str, Any]]:
        """The changes that were made in AWS, by the ledger, oldest first."""
        made = {one.get("of") for one in self.entries if one.get("result") == "done"}
        return [one for one in self.entries if one.get("kind") == "intent" and one.get("n") in made]

    @property
    def is_given_back(self) -> bool:
        """True where nobody is held any more and somebody was given back."""
        return bool(self.released) and not self.in_state

    @property
    def last_change(self) -> Mapping[str, Any] | None:
        """The last change that contained, as far as the ledger tells.

        Those of a lift contain nobody: once all are given back it is the first change.
        """
        if not self.changes:
            return None
        return self.changes[0] if self.is_given_back else self.changes[-1]

    @cached_property
    def released(self) -> Mapping[str, Mapping[str, Any]]:
        """Whom the ledger has as given back, each by the last release of theirs."""
        return {
            str(one.get("principal")): one
            for one in self.entries
            if one.get("kind") == "release" and str(one.get("principal")) not in self.in_state
        }

    @property
    def last_verdict(self) -> Mapping[str, Any]:
        """The last verdict that was kept; empty where there is none."""
        return self.verdicts[-1] if self.verdicts else {}

    def noted(self, kind: Kind, step: str = "") -> list[Entry]:
        """Return the entries of *kind* on the record, of *step* alone where it is given."""
        return [
            one
            for one in self.record.entries
            if one.get("kind") == kind and (not step or one.get("step") == step)
        ]


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """How all steps of *incident* stand; *warnings* say from what nothing is concluded."""

    incident: str
    title: str
    made_at: str
    emulated: bool
    warnings: tuple[str, ...]
    steps: tuple[StepStatus, ...]

    def count(self, progress: Progress) -> int:
        """Return how many steps stand so."""
        return sum(one.progress is progress for one in self.steps)

    @property
    def summary(self) -> str:
        """How it stands, in one line."""
        counts = [f"{self.count(progress)} {progress}" for progress in Progress]
        return f"{len(self.steps)} steps: {', '.join(counts)}"


def compute_process(sources: ProcessSources) -> ProcessStatus:
    """Return how every step stands by *sources*."""
    warnings: list[str] = []
    if not sources.record.is_evidence:
        warnings.append(
            f"the record {sources.record.location} is {sources.record.verdict}, and nothing is"
            f" concluded from it: {sources.record.why}"
        )
    if sources.ledger not in {"intact", "missing"}:
        warnings.append(f"the ledger is {sources.ledger}, and nothing is concluded from it")
    return ProcessStatus(
        incident=sources.incident,
        title=sources.spec.title,
        made_at=isoformat(sources.now),
        emulated=any(bool(one.get("emulated")) for one in sources.verdicts),
        warnings=tuple(warnings),
        steps=tuple(_status(number, sources) for number in STEPS),
    )


def _status(number: str, sources: ProcessSources) -> StepStatus:
    waiver = _waiver(number, sources)
    return waiver if waiver is not None else RULES[number](number, sources)


def _waiver(number: str, sources: ProcessSources) -> StepStatus | None:
    """Return the step as not applicable where the last decision about it says so."""
    decisions = sources.noted(Kind.DECISION, number)
    if not STEPS[number].waivable or not decisions or decisions[-1].get("applies") != "no":
        return None
    return _by_entry(number, decisions[-1], Progress.NOT_APPLICABLE)


def _by_entry(number: str, entry: Entry, progress: Progress = Progress.COMPLETE) -> StepStatus:
    text = f"{entry.get('text')} (entry {entry.get('n')} of the record)"
    return StepStatus(STEPS[number], progress, text, str(entry.get("at")), str(entry.get("author")))


def _open(number: str, why: str, command: str, *, overdue: bool = False) -> StepStatus:
    progress = Progress.OVERDUE if overdue else Progress.OPEN
    return StepStatus(STEPS[number], progress, why, command=command)


def _signals(number: str, sources: ProcessSources) -> StepStatus:
    signals = sources.noted(Kind.SIGNAL)
    if not signals:
        why = "no signal is on record"
        return _open(number, why, f"containment signal add FILE --incident {sources.incident}")
    first = signals[0]
    why = f"{counted(len(by_identity(sources.record.entries)), 'signal')} on record"
    return StepStatus(
        STEPS[number], Progress.COMPLETE, why, str(first.get("at")), str(first.get("author"))
    )


def _impact(number: str, sources: ProcessSources) -> StepStatus:
    if noted := sources.noted(Kind.IMPACT):
        return _by_entry(number, noted[-1])
    why = "what end users notice is not on record, and 'none' would be a value"
    return _open(number, why, f"containment note impact TEXT --incident {sources.incident}")


def _real_alerts(number: str, sources: ProcessSources) -> StepStatus:
    signals = by_identity(sources.record.entries)
    if not signals:
        return _open(number, "no signal is on record", _add_signal(sources))
    judged = {str(one.get("of")): one for one in sources.noted(Kind.VERDICT)}
    numbers: dict[tuple[str, str], set[str]] = {}
    for one in sources.noted(Kind.SIGNAL):
        identity = (str(one.get("source")), str(one.get("id")))
        numbers.setdefault(identity, set()).add(str(one.get("n")))
    unjudged = [
        str(signal.get("n"))
        for identity, signal in signals.items()
        if not numbers[identity] & judged.keys()
    ]
    if unjudged:
        command = (
            f"containment note verdict TEXT --positive WORD --of {unjudged[0]}"
            f" --incident {sources.incident}"
        )
        return _open(number, f"no verdict of entry {', '.join(unjudged[:5])}", command)
    last = sources.noted(Kind.VERDICT)[-1]
    false = sum(one.get("positive") == "false-positive" for one in judged.values())
    why = f"each of {counted(len(signals), 'signal')} has a verdict, {false} of them false positive"
    return StepStatus(
        STEPS[number], Progress.COMPLETE, why, str(last.get("at")), str(last.get("author"))
    )


def _add_signal(sources: ProcessSources) -> str:
    return f"containment signal add FILE --incident {sources.incident}"


def _credentials(number: str, sources: ProcessSources) -> StepStatus:
    spec = sources.spec
    if spec.unpinned:
        key = spec.unpinned[0]
        return _open(
            number, f"{key} stands for a user nobody looked up", f"containment resolve {key}"
        )
    keys = {key for target in spec.targets for key in target.leaked}
    arns = {target.principal.arn for target in spec.targets}
    for signal in by_identity(sources.record.entries).values():
        subject = signal.get("subject")
        named = subject if isinstance(subject, dict) else {}
        key, principal = str(named.get("key_id") or ""), str(named.get("principal") or "")
        if not is_resolved(signal):
            why = f"entry {signal.get('n')} of the record names nobody: {signal.get('text')}"
            return _open(number, why, f"{_add_signal(sources)} --subject KEY_OR_ARN")
        if key not in keys and not _names(arns, principal):
            why = f"the spec does not name {key or principal} (entry {signal.get('n')})"
            return _open(number, why, f"containment resolve {key or principal}")
    why = (
        f"stacks/{sources.incident}.yaml names {counted(len(arns), 'principal')} and"
        f" {counted(len(keys), 'leaked credential')}"
    )
    return StepStatus(STEPS[number], Progress.COMPLETE, why, author=spec.owner)


def _names(arns: set[str], principal: str) -> bool:
    """Tell whether *principal* is one of *arns*; a finding knows no path, only the last name."""
    kind, _, name = principal.rpartition(":")[2].partition("/")
    own = {(one.split(":")[4], one.rpartition(":")[2].partition("/")[0], one.rpartition("/")[2])
           for one in arns}  # fmt: skip
    parts = principal.split(":")
    account = parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 -- parts of an ARN
    return principal in arns or (account, kind, name.rpartition("/")[2]) in own


def _since_when(number: str, sources: ProcessSources) -> StepStatus:
    spec = sources.spec
    stated = moment_text(spec.compromised_at)
    if moments := t0_moments(sources.record.entries):
        last = sources.noted(Kind.T0)[-1]
        if moments[-1] != spec.compromised_at:
            why = f"the record says {last.get('text')}, and the spec {stated}"
            return _open(number, why, f"change compromised_at in stacks/{sources.incident}.yaml")
        return _by_entry(number, last)
    why = f"{stated}: {spec.compromised_at_source}"
    return StepStatus(STEPS[number], Progress.COMPLETE, why, author=spec.owner)


def _other_causes(number: str, sources: ProcessSources) -> StepStatus:
    if noted := sources.noted(Kind.ALTERNATIVE):
        return _by_entry(number, noted[-1])
    why = "nobody says what else may have caused it, or why nothing else did"
    return _open(number, why, f"containment note alternative TEXT --incident {sources.incident}")


def _message_received(number: str, sources: ProcessSources) -> StepStatus:
    """Return how a step stands that is done once a message has a receipt."""
    messages = sources.noted(Kind.MESSAGE, number)
    command = (
        f"containment note message TEXT --to WHOM --receipt TEXT --step {number}"
        f" --incident {sources.incident}"
    )
    if not messages:
        return _open(number, "no message is on record", command)
    received = [one for one in messages if one.get("receipt")]
    unreceived = {str(one.get("to")) for one in messages} - {str(one.get("to")) for one in received}
    if unreceived:
        return _open(number, f"no receipt of {', '.join(sorted(unreceived))}", command)
    return _by_entry(number, received[-1])


def _decided(number: str, sources: ProcessSources) -> StepStatus:
    """Return how a step stands that only people know of: an entry of the record names it."""
    noted = [
        one
        for one in sources.record.entries
        if one.get("step") == number and one.get("kind") in {Kind.DECISION, Kind.RESIDUAL}
    ]
    if noted and noted[-1].get("applies") != "no":
        return _by_entry(number, noted[-1])
    command = f"containment note decision TEXT --step {number} --incident {sources.incident}"
    if STEPS[number].waivable:
        command += " (--not-applicable where it is not)"
    return _open(number, "nothing on record says so", command)


def _in_state(number: str, sources: ProcessSources, *, kind: str, closing: bool) -> StepStatus:
    """Return whether the state holds every target of *kind*; of those to be closed where so."""
    spec = sources.spec
    targets = [one for one in spec.targets if one.kind == kind]
    if not targets:
        return StepStatus(STEPS[number], Progress.NOT_APPLICABLE, f"the spec names no {kind}")
    refuted = sources.last_verdict.get("verdict") == NOT_CONTAINED
    if closing:
        targets = [one for one in targets if one.rung in _CLOSING]
        if not targets and not refuted:
            why = "no role is at close-trust or deny-all: needed where sessions are made anew"
            return StepStatus(STEPS[number], Progress.NOT_APPLICABLE, why)
        if not targets:
            why = "the last verification says not contained, and no role is closed"
            return _open(number, why, f"write 'rung: close-trust' in stacks/{spec.incident}.yaml")
    arns = [one.access_key or one.principal.arn for one in targets]
    missing = [arn for arn in arns if arn not in sources.in_state and arn not in sources.released]
    if missing:
        why = f"the state does not hold {', '.join(missing[:3])}"
        return _open(number, why, f"containment up {spec.incident}", overdue=True)
    if refuted and not all(arn in sources.released for arn in arns):
        why = "applied, and the last verification says not contained"
        return _open(number, why, f"containment verify {spec.incident}", overdue=True)
    given_back = [arn for arn in arns if arn in sources.released]
    why = f"applied to {counted(len(arns), kind)}, which proves nothing: see 2.b"
    if given_back:
        why = f"applied to {counted(len(arns), kind)}; given back: {', '.join(given_back[:3])}"
    change = sources.last_change or {}
    return StepStatus(
        STEPS[number],
        Progress.COMPLETE,
        why,
        str(change.get("at") or ""),
        str(change.get("operator") or ""),
    )


def _verified(number: str, sources: ProcessSources) -> StepStatus:
    change = sources.last_change
    changed = moment_of(str(change.get("at"))) if change is not None else None
    command = f"containment verify {sources.incident}"
    is_late = bool(sources.in_state) and (changed is None or sources.now - changed > VERIFY_WITHIN)
    verdicts = sources.verdicts
    if sources.is_given_back:  # what was said once it was given back is no matter of this step
        verdicts = [one for one in verdicts if one.get("verdict") == VERIFIED] or verdicts
    if not verdicts:
        return _open(number, "never verified", command, overdue=is_late)
    verdict = verdicts[-1]
    verified_at, word = str(verdict.get("verified_at") or ""), str(verdict.get("verdict"))
    moment = moment_of(verified_at)
    if word != VERIFIED:
        why = f"the last verification, at {verified_at}, says: {word}"
        return _open(number, why, command, overdue=is_late)
    if moment is None or moment > sources.now or (changed is not None and moment < changed):
        why = f"changed since it was verified at {verified_at}"
        return _open(number, why, command, overdue=is_late)
    emulated = " on an EMULATED AWS" if verdict.get("emulated") else ""
    why = f"the last kept verdict{emulated} says {word}; what is so now, 'containment verify' asks"
    if sources.is_given_back:
        why = f"the last kept verdict{emulated} says {word}, before it was given back"
    caller = str(verdict.get("caller") or "")
    return StepStatus(STEPS[number], Progress.COMPLETE, why, verified_at, caller)


def _untraced(sources: ProcessSources) -> str:
    """Return, in words, what no trace covers; empty where all is covered."""
    traces = sources.descendants.traces if sources.descendants else ()
    t0 = sources.spec.compromised_at
    seeds = {
        one.seed for one in traces if (since := moment_of(one.since)) is not None and since <= t0
    }
    keys = [key for target in sources.spec.targets for key in target.leaked]
    if not traces:
        return "nobody traced"
    if not seeds:
        return f"no trace begins at T0 ({moment_text(t0)}) or before"
    missing = [key for key in keys if key not in seeds]
    return f"no trace of {', '.join(missing[:3])} since T0" if missing else ""


def _trace_command(sources: ProcessSources) -> str:
    keys = [key for target in sources.spec.targets for key in target.leaked]
    seed = next(iter(keys), "KEY_OR_ARN")
    since = moment_text(sources.spec.compromised_at)
    return f"containment trace {seed} --since {since} --propose stacks/{sources.incident}.yaml"


def _traced(number: str, sources: ProcessSources) -> StepStatus:
    if why := _untraced(sources):
        return _open(number, why, _trace_command(sources))
    traces = sources.descendants.traces if sources.descendants else ()
    until = max((one.until for one in traces), default="")
    why = f"{counted(len(traces), 'trace')}, with records until {until or 'nobody knows when'}"
    return StepStatus(STEPS[number], Progress.COMPLETE, why, until)


def _remaining(sources: ProcessSources) -> int:
    """Return how many descendants would work on that neither a target nor a person deals with."""
    if sources.descendants is None:
        return 0
    targets = tuple(
        one
        for one in sources.spec.targets
        if not one.access_key and one.principal.arn in sources.in_state
    )
    shut = contained_targets(sources.spec.part(targets))
    return len(unswept(sources.descendants, shut, sources.now))


def _descendants(number: str, sources: ProcessSources) -> StepStatus:
    if why := _untraced(sources):
        return _open(number, why, _trace_command(sources))
    descendants = sources.descendants.descendants if sources.descendants else ()
    if remaining := _remaining(sources):
        why = f"{remaining} of {counted(len(descendants), 'descendant')} would work on"
        command = (
            f"contain them, or write into 'swept' of stacks/{sources.incident}.descendants.json"
        )
        return _open(number, why, command)
    why = f"{counted(len(descendants), 'descendant')}, none of which works on"
    return StepStatus(STEPS[number], Progress.COMPLETE, why)


def _repeated(number: str, sources: ProcessSources) -> StepStatus:
    before = _descendants(number, sources)
    if before.progress is not Progress.COMPLETE:
        return before
    traces = sources.descendants.traces if sources.descendants else ()
    until = max((moment for one in traces if (moment := moment_of(one.until))), default=None)
    change = sources.last_change
    changed = moment_of(str(change.get("at"))) if change is not None else None
    if changed is None:
        return _open(number, "no change is on record", f"containment up {sources.incident}")
    if until is None or until < changed:
        why = f"no trace has records from after the last change ({isoformat(changed)})"
        return _open(number, why, _trace_command(sources))
    why = f"traced until {isoformat(until)}, after the last change, and nothing works on"
    return StepStatus(STEPS[number], Progress.COMPLETE, why, isoformat(until))


def _review(number: str, sources: ProcessSources) -> StepStatus:
    if lessons := sources.noted(Kind.LESSON):
        return _by_entry(number, lessons[-1])
    late = sources.now > sources.spec.review_by
    by = moment_text(sources.spec.review_by)
    why = f"no lesson is on record; review_by is {by}"
    command = f"containment note lesson TEXT --owner WHO --incident {sources.incident}"
    return _open(number, why, command, overdue=late)


RULES: Mapping[str, Callable[[str, ProcessSources], StepStatus]] = {
    "1.a": _signals,
    "1.b": _decided,
    "1.c": _impact,
    "1.d": _real_alerts,
    "1.e": _credentials,
    "1.f": _since_when,
    "1.g": _other_causes,
    "1.h": _message_received,
    "1.i": _message_received,
    "2.a.i": partial(_in_state, kind="user", closing=False),
    "2.a.ii.1": partial(_in_state, kind="role", closing=False),
    "2.a.ii.2": partial(_in_state, kind="role", closing=True),
    "2.b": _verified,
    "3.a": _traced,
    "3.b": _traced,
    "3.c": _decided,
    "3.d": _message_received,
    "3.e": _descendants,
    "3.f": _repeated,
    "4.a": _decided,
    "4.b": _decided,
    "4.b.i": _decided,
    "4.b.ii": _decided,
    "5.a": _decided,
    "5.a.i": _decided,
    "5.a.ii": _decided,
    "5.b": _review,
}
