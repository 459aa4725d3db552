"""V2b: the same simulation with our policies left out: is it us that denies?

What the principal's policies allow turns allowed again without ours, so ours is the cause; a lift
would bring just that back. What stays denied is denied by somebody else as well, who is named as
far as the simulator says. It proves nothing about enforcement, and where the policies allow nothing
there is no counterfactual.

Source: IAM API Reference, SimulatePrincipalPolicy, ``PolicyExclusionList``: an entry that matches
nothing is ignored, so what is left out was seen to decide at V2; policies that gave way to
AWSDenyAll are put in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from containment.verify import simulation
from containment.verify.canaries import allowed_calls
from containment.verify.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_iam import IAMClient

    from containment.actions.deny_policy import DenyState
    from containment.aws.principal import LivePrincipal
    from containment.verify.canaries import Canary, Policies
    from containment.verify.members import Member
    from containment.verify.simulation import Decision

_SHOWN = 3


def counterfactual(
    iam: IAMClient,
    member: Member,
    live: LivePrincipal,
    calls: Sequence[Canary],
    policies: Policies,
    *,
    guarded: bool,
) -> list[Evidence]:
    """Return what the policies of *member* would allow without anything of the incident.

    Args:
        iam: of the member's account.
        member: whom it is about.
        live: the same, as it is now.
        calls: what V2 simulated.
        policies: those of the account.
        guarded: whether a guard of the incident is on the account; control policies are left out
            by their type alone, so all of them are left out then.

    Raises:
        AccessError: the caller may not simulate.
        UnavailableError: nobody answers.
    """
    state = cast("DenyState", member.deny)
    swapped = tuple(arn for arn in state.swapped if arn in policies.managed)
    named = set(allowed_calls(policies.documents_of(live.unique_id, swapped)))
    allowed_before = [call for call in calls if call in named]
    circumstances = simulation.denied_circumstances(state, live)
    if not allowed_before or not circumstances:
        what = "no counterfactual: its policies name no call that could be tried"
        return [Evidence("V2b", member.arn, "note", what)]
    decisions = simulation.simulate(
        iam,
        live.principal.arn,
        allowed_before,
        circumstances[0],
        exclusions=simulation.exclusions(member, live, guarded=guarded),
        additional=[policies.managed[arn] for arn in swapped],
    )
    freed = [call for call, one in decisions.items() if one.allowed]
    observations: list[Evidence] = []
    if freed:
        what = (
            f"without our policies {len(freed)} of {len(decisions)} calls turn allowed, such as"
            f" {_such_as(freed)}: ours is the cause"
        )
        observations.append(Evidence("V2b", member.arn, "holds", what))
    by_others: dict[str, list[Canary]] = {}
    for call, decision in decisions.items():
        if not decision.allowed and decision.word in {"explicitDeny", "implicitDeny"}:
            by_others.setdefault(_other(decision), []).append(call)
    for other, stopped in by_others.items():
        what = f"{_such_as(stopped)} stays denied without our policies: {other}"
        observations.append(Evidence("V2b", member.arn, "note", what))
    return observations


def _other(decision: Decision) -> str:
    """Return what denies a call where nothing of ours does, as far as the simulator says."""
    if decision.organization is False:
        return "a control policy of the organisation denies it"
    if decision.boundary is False:
        return "the permissions boundary denies it"
    if decision.word == "explicitDeny":
        named = ", ".join(sorted(decision.policies)[:_SHOWN])
        return f"{named or 'another policy'} denies it"
    return "a condition of what allows it is not met"


def _such_as(calls: Sequence[Canary]) -> str:
    more = f" and {len(calls) - _SHOWN} more" if len(calls) > _SHOWN else ""
    return ", ".join(map(str, calls[:_SHOWN])) + more
