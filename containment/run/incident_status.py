"""How an incident stands: spec, state and AWS side by side, and what to do next. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import ContainmentError
from containment.lifecycle.terms import require_terms
from containment.plan import plan
from containment.run import coverage, fences, live, report
from containment.run.state import expect_ledger

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from containment.ledger import Inspection
    from containment.lifecycle.workplace import Workplace
    from containment.run.fences import Survey
    from containment.run.live import LiveResource
    from containment.run.locks import Lock
    from containment.run.report import PrincipalReport
    from containment.run.state import Recorded, StackState
    from containment.spec import IncidentSpec, Target


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that somebody should know, and the safe next step."""

    what: str
    step: str


@dataclass(frozen=True, slots=True)
class IncidentStatus:
    """All there is to say about a stack.

    Attributes:
        applied: whether the backend has a state that holds anything of ours.
        missing: what the spec declares and was not applied with the rest, in words.
        principals: the principals that the state holds.
        live_resources: every resource of the state as AWS shows it, by urn.
        surveys: fences and denies of all incidents, by account; what could not be listed is told
            among *matters*.
        targets: whether whom the spec names is whom the state holds, target by target.
        stray: principals that this incident holds and its state does not know.
        ledger: how the incident's ledger stands against what the state remembers of it.
        matters: locks, interrupted runs, drift, targets that are not applied.
    """

    applied: bool
    missing: tuple[str, ...]
    principals: tuple[PrincipalReport, ...]
    live_resources: Mapping[str, LiveResource]
    surveys: Mapping[str, Survey]
    targets: tuple[coverage.TargetCoverage, ...]
    stray: tuple[str, ...]
    ledger: Inspection
    matters: tuple[Matter, ...]

    @property
    def drifted(self) -> bool:
        """True where AWS shows less than was declared."""
        return bool(self.missing) or any(item.drifted for item in self.live_resources.values())

    @property
    def unheld(self) -> tuple[str, ...]:
        """Whom the spec names and nothing holds, by ARN.

        They were deleted and made anew, or are the user whose key a leaked one is.
        """
        return tuple(item.principal for item in self.targets if item.unheld)

    @property
    def unknown(self) -> bool:
        """True where AWS could not be asked about some resource or target."""
        unasked = any(item.unknown for item in self.targets)
        return unasked or any(item.live == "unknown" for item in self.live_resources.values())


def read_status(
    stack: str,
    *,
    spec: IncidentSpec | None,
    state: StackState | None,
    locks: Sequence[Lock],
    workplace: Workplace,
    problems: Sequence[ContainmentError] = (),
) -> IncidentStatus:
    """Look at everything and return how *stack* stands; *problems* were met before.

    Raises:
        ContainmentError: there are no credentials, or nobody answers.
    """
    caller = workplace.caller()
    resources = state.resources if state else ()
    live_resources = {item.recorded.urn: item for item in live.look(resources, workplace)}
    accounts = {caller.account, *(item.state.target.account for item in resources)}
    surveys: dict[str, Survey] = {}
    matters = [Matter(problem.message, problem.remedy) for problem in problems]
    matters += [Matter(*lock.explain(stack)) for lock in locks]
    matters += [Matter(*item.explain(stack)) for item in (state.pending if state else ())]
    for account in sorted(accounts):
        try:
            clients = workplace.clients(None if account == caller.account else account)
            surveys[account] = fences.survey(clients.iam)
        except ContainmentError as error:
            matters.append(Matter(error.message, error.remedy))
    matters += _hold(stack, spec, resources)
    matters += _drift(stack, live_resources)
    matters += _terms(stack, state, workplace)
    answers = _coverage(stack, spec, state, workplace)
    matters += [Matter(item.unheld or item.note, item.step) for item in answers if item.step]
    matters += [
        Matter(item.unknown.message, item.unknown.remedy) for item in answers if item.unknown
    ]
    renamed = {item.principal for item in answers if item.renamed_from}
    missing = _missing(spec, state, renamed)
    if missing:
        step = f"run 'containment up {stack}'"
        matters.append(Matter(f"declared and not applied: {', '.join(missing)}", step))
    stray = _stray(stack, state, surveys)
    if stray:
        what = f"something of {stack} is live that its state does not know: {', '.join(stray)}"
        step = f"run 'containment adopt {stack}', which takes over what the spec names"
        matters.append(Matter(what, step))
    expect_ledger(state, workplace.ledger())
    ledger = workplace.ledger().journal_of(stack).inspect()
    matters += _record(stack, ledger)
    principals = report.principals(state, spec) if state else []
    return IncidentStatus(
        applied=bool(resources),
        missing=tuple(missing),
        principals=tuple(principals),
        live_resources=live_resources,
        surveys=surveys,
        targets=tuple(answers),
        stray=stray,
        ledger=ledger,
        matters=tuple(matters),
    )


def _record(stack: str, ledger: Inspection) -> list[Matter]:
    """Return what is wrong with the ledger; that there is none is no matter before the first up."""
    look = "see docs/ledger.md: restore it from a copy, or go on without its evidence"
    matters = [Matter(ledger.why, look)] if ledger.why else []
    matters += [Matter(f"the ledger: {concern}", look) for concern in ledger.concerns]
    if ledger.unfinished:
        numbers = ", ".join(str(number) for number in ledger.unfinished)
        matters.append(
            Matter(
                f"the ledger: nobody wrote down what came of entry {numbers}",
                f"run 'containment up {stack}', which looks at live and finishes what is declared",
            )
        )
    return matters


def _hold(stack: str, spec: IncidentSpec | None, resources: Sequence[Recorded]) -> list[Matter]:
    """Return that nothing is released, where the spec or the stack as applied says so."""
    declared = spec is not None and spec.hold
    applied = any(item.state.lift.hold for item in resources)
    if not declared and not applied:
        return []
    what = f"{stack} is on hold: nothing of it is released" + (
        ""
        if declared and applied
        else "; that is declared and not applied"
        if declared
        else "; the spec does not say so any more"
    )
    step = "to release, take 'hold' out of the spec, run" if declared else "to release, run"
    return [Matter(what, f"{step} 'containment up {stack}', then lift")]


def _drift(stack: str, live_resources: Mapping[str, LiveResource]) -> list[Matter]:
    matters: list[Matter] = []
    for item in live_resources.values():
        where = f"{item.recorded.resource} of {item.recorded.state.target.name}"
        if item.drifted:
            matters.append(
                Matter(f"{where} is {item.live} in AWS", f"run 'containment up {stack}' at once")
            )
        if item.recorded.live == "unknown" and item.live not in {"unknown", "gone"}:
            matters.append(
                Matter(
                    f"{where}: the last run could not look at AWS, so the state says unknown; AWS"
                    f" shows {item.live} now",
                    f"run 'containment up {stack}', which looks again and writes it down",
                )
            )
        if item.live == "gone":
            matters.append(
                Matter(
                    f"{where}: the principal with that unique id is gone",
                    f"run 'containment up {stack}': one made anew under the name is contained too",
                )
            )
    return matters


def _terms(stack: str, state: StackState | None, workplace: Workplace) -> list[Matter]:
    """Return whether a lift would be refused because the spec says other terms now."""
    by_message: dict[str, Matter] = {}
    for item in state.resources if state else ():
        try:
            require_terms(item.state, workplace.directory, workplace.ledger())
        except ContainmentError as error:
            by_message.setdefault(error.message, Matter(error.message, error.remedy))
    del stack
    return list(by_message.values())


def _coverage(
    stack: str, spec: IncidentSpec | None, state: StackState | None, workplace: Workplace
) -> list[coverage.TargetCoverage]:
    """Return whether whom the spec names is held now, once anything is applied."""
    if spec is None or state is None or not state.resources:
        return []
    arns_by_id = {
        unique_id: item.state.principal
        for item in state.resources
        if (unique_id := str(getattr(item.state, "principal_id", "")))
    }
    targets = report.pin_by_state(spec, state).targets
    by_account: dict[str, list[Target]] = {}
    for target in targets:
        by_account.setdefault(target.principal.account, []).append(target)
    answers: list[coverage.TargetCoverage] = []
    for account, named in by_account.items():
        try:
            iam = workplace.clients(account).iam
        except ContainmentError as error:
            answers.append(coverage.TargetCoverage(named[0].principal.arn, unknown=error))
            continue
        answers += coverage.check_targets(iam, stack, named, arns_by_id)
    return answers


def _missing(
    spec: IncidentSpec | None, state: StackState | None, renamed: Collection[str]
) -> list[str]:
    """Return what the spec declares and the state does not hold, once anything is applied."""
    if spec is None or state is None or not state.resources:
        return []  # nothing is applied, which is no matter: it may have been lifted
    try:
        declared = plan(report.pin_by_state(spec, state), spec_file="")
    except ContainmentError:
        return []  # 'up' would refuse this spec, and says why
    missing: list[str] = []
    for item in declared:
        if item.principal.arn in renamed:
            continue
        have = {resource.resource for resource in state.resources_of(item.principal.arn)}
        kinds = [
            item.snapshot.resource,
            *(declaration.resource for declaration in item.declarations),
        ]
        missing += [f"{word} of {item.principal.name}" for word in kinds if word not in have]
    return missing


def _stray(stack: str, state: StackState | None, surveys: Mapping[str, Survey]) -> tuple[str, ...]:
    """Return whom this incident holds and its state does not know: lost, or forged."""
    # By unique id: a renamed user is the one that the state knows.
    resources = state.resources if state else ()
    known_ids = {str(getattr(item.state, "principal_id", "")) for item in resources}
    live_principals: list[tuple[str, str]] = []
    for survey in surveys.values():
        denied = (item for item in survey.denies if item.incident == stack)
        live_principals += [(item.unique_id, item.principal.arn) for item in denied]
        claimed = (item for item in survey.marked_principals if item.is_of(stack))
        live_principals += [(item.unique_id, item.principal.arn) for item in claimed]
    return tuple(
        dict.fromkeys(arn for unique_id, arn in live_principals if unique_id not in known_ids)
    )
