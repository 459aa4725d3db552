"""Run the levels in their order, and judge what they saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment import plan
from containment.aws.principal import locate
from containment.errors import ContainmentError
from containment.run import report
from containment.verify.canaries import canaries, read_policies
from containment.verify.counterfactual import counterfactual
from containment.verify.evidence import Evidence
from containment.verify.members import claims_of, guard_of, members_of
from containment.verify.read_back import read_back
from containment.verify.simulation import simulated
from containment.verify.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy_boto3_iam import IAMClient

    from containment.lifecycle.workplace import Workplace
    from containment.run.state import StackState
    from containment.spec import IncidentSpec
    from containment.verify.canaries import Policies
    from containment.verify.members import Member

# Longer than IAM takes to enforce a change, as measured, and than attackers wait between two looks.
APART_S = 5.0


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that a verification comes to.

    Attributes:
        verdict: what is concluded.
        evidence: what each level saw, in order.
        stays_open: what lives on all the same, as ``up`` says it.
    """

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    stays_open: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a verification waits and whom it tells.

    Attributes:
        wait: waits so many seconds; True where somebody asked to stop meanwhile.
        tell: is told what is done now.
    """

    wait: Callable[[float], bool]
    tell: Callable[[str], None]


def verify(
    stack: str,
    *,
    spec: IncidentSpec,
    state: StackState,
    workplace: Workplace,
    pace: Pace,
    probes: Callable[[], Iterable[Evidence]] = tuple,
    logs: Callable[[], Iterable[Evidence]] = tuple,
) -> Verification:
    """Verify *stack*: read back, simulate, probe, look into the logs, read back again, and judge.

    The second reading comes last, so that what is stripped while the rest goes on is seen.

    Args:
        stack: the incident.
        spec: as it is now.
        state: what was applied.
        workplace: clients and profile.
        pace: how to wait, and whom to tell.
        probes: the level that asks with sessions of the tool's own, where there are any.
        logs: the levels that read CloudTrail, where there is something to read.

    Raises:
        ContainmentError: there are no credentials, or nobody answers at all.
    """
    guard = plan.guard_of(spec.guard, workplace.settings.profile)
    spec = spec.model_copy(update={"guard": guard})
    evidence: list[Evidence] = []
    pace.tell("V1: reading back, first of two")
    evidence += read_back(stack, spec=spec, state=state, workplace=workplace, reading=1)
    evidence += _policies(spec, state, workplace, pace)
    stopped = pace.wait(APART_S)
    if not stopped:
        evidence += probes()
        evidence += logs()
        pace.tell("V1: reading back, second of two")
        evidence += read_back(stack, spec=spec, state=state, workplace=workplace, reading=2)
    return Verification(
        judge(claims_of(stack, state, spec), evidence),
        tuple(evidence),
        report.stays_open(state.resources),
    )


def _policies(
    spec: IncidentSpec, state: StackState, workplace: Workplace, pace: Pace
) -> list[Evidence]:
    """Simulate the policies of every member that is denied."""
    observations: list[Evidence] = []
    by_account: dict[str, Policies] = {}
    denied = [member for member in members_of(state, spec) if member.deny is not None]
    for number, member in enumerate(denied, 1):
        pace.tell(f"V2: simulating {member.principal.name}, {number} of {len(denied)}")
        account = member.principal.account
        try:
            iam = workplace.clients(account).iam
            if account not in by_account:
                by_account[account] = read_policies(iam)
            observations += _of_member(iam, member, by_account[account], guarded=_is_guarded(state))
        except ContainmentError as error:
            observations.append(Evidence("V2", member.arn, "open", error.message, error.remedy))
    return observations


def _is_guarded(state: StackState) -> bool:
    guard = guard_of(state)
    return guard is not None and guard.live != "missing"


def _of_member(
    iam: IAMClient, member: Member, policies: Policies, *, guarded: bool
) -> list[Evidence]:
    live = locate(iam, member.principal, member.snapshot.principal_id)
    if live is None:
        what = "the principal with that unique id is gone"
        return [Evidence("V2", member.arn, "open", what, "'containment trace' finds who did it")]
    swapped = member.deny.swapped if member.deny is not None else ()
    calls = canaries(policies.documents_of(live.unique_id, swapped))
    return [
        *simulated(iam, member, live, calls),
        *counterfactual(iam, member, live, calls, policies, guarded=guarded),
    ]
