"""What a guard would do, asked of AWS's own simulator before it is attached.

The account's control policies are put in as they are, level by level, with the guard among those of
the account. Each case is a principal who may do everything by their own policies: what is refused
is refused by the control policies.

Sources: IAM API Reference, SimulateCustomPolicy (``OrderedOrganizationPolicyInputList``: from the
root to the account), ContextEntry and EvaluationResult. Service control policies with conditions
are evaluated; resource control policies and session policies are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from containment.aws.faults import explained
from containment.errors import RefusedError
from containment.facets.marks import incident_hash
from containment.guard import document
from containment.guard.control_policies import guards
from containment.identities import parse_principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_iam import IAMClient

    from containment.guard.control_policies import ControlPolicy
    from containment.guard.document import Terms
    from containment.identities import Principal
    from containment.lifecycle.context import Context

PERMISSIONS = frozenset({"iam:SimulateCustomPolicy"})
_CALLS_OF_THE_EXEMPT = ("iam:PutUserPolicy", "s3:GetObject", "sts:AssumeRole")
_NOBODY = "role/nobody-in-particular"
_EVERYTHING = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
)


@dataclass(frozen=True, slots=True)
class Case:
    """A principal, a call, and whether the guard is to let it through.

    Attributes:
        who: what the principal is to the incident, in words.
        arn: ``aws:PrincipalArn``.
        userid: ``aws:userid``.
        action: the call.
        allowed: whether it is to go through.
    """

    who: str
    arn: str
    userid: str
    action: str
    allowed: bool

    def __str__(self) -> str:
        """Return the case for people."""
        return f"{self.who} {self.arn}: {self.action}"


def require(
    context: Context,
    levels: Sequence[Sequence[ControlPolicy]],
    own: ControlPolicy | None,
    content: str,
    *,
    incident: str,
    cases: Sequence[Case],
) -> None:
    """Simulate the guard of *incident* among the account's control policies.

    Args:
        context: whose IAM client is asked.
        levels: the control policies from the root down to the account.
        own: the policy as it is now, which *content* takes the place of; None for a new one.
        content: the text with the guard in it.
        incident: whose guard it is.
        cases: what is to be so.

    Raises:
        RefusedError: it would lock somebody out, or let the attacker through.
    """
    others = [[one.content for one in level if own is None or one.id != own.id] for level in levels]
    after = [*others[:-1], [*others[-1], content]]
    rest = document.without(own.content, incident_hash(incident)) if own else None
    before = [*others[:-1], [*others[-1], *([rest] if rest else [])]]
    iam = context.clients.iam
    faults = wrong(iam, after, cases)
    if not faults:
        return
    # What the account's other control policies refuse is none of the guard's doing.
    already = set(wrong(iam, before, [case for case in cases if case.allowed]))
    for sentence in sorted(already.intersection(faults)):
        context.say("warning", f"{sentence} by control policies that stand already")
    if new_faults := [sentence for sentence in faults if sentence not in already]:
        raise RefusedError(
            f"simulated with the account's control policies, the guard does what it must not:"
            f" {'; '.join(new_faults)}",
            remedy="see the principals that containment.yaml names, and other guards on the"
            " account ('containment status')",
        )


def cases_of(target: Principal, terms: Terms, denied: Mapping[str, str]) -> Iterator[Case]:
    """Yield whom a guard is to let through and whom not.

    Args:
        target: a principal of the account.
        terms: what the guard says.
        denied: unique ids, by ARN, of the incident's principals that are denied everything.
    """
    stranger = f"arn:{target.partition}:iam::{target.account}:{_NOBODY}"
    for arn in terms.exempt:
        for action in _CALLS_OF_THE_EXEMPT:
            yield Case("exempt", arn, "exempt", action, allowed=True)
    for arn, unique_id in denied.items():
        userid = f"{unique_id}:session" if parse_principal(arn).kind == "role" else unique_id
        yield Case("the incident's", arn, userid, "s3:GetObject", allowed=False)
        yield Case("the incident's", arn, userid, "iam:CreateUser", allowed=False)
    for userid in terms.denied:
        account, colon, name = userid.partition(":")
        if colon:
            arn = f"arn:{target.partition}:sts::{account}:federated-user/{name}"
            yield Case("the incident's", arn, userid, "s3:GetObject", allowed=False)
    yield Case("anybody else", stranger, "nobody", "iam:CreateAccessKey", allowed=False)
    runs_on = terms.mode == "freeze"
    yield Case("anybody else", stranger, "nobody", "s3:GetObject", allowed=runs_on)


def locked_out(
    iam: IAMClient, levels: Sequence[Sequence[ControlPolicy]], arns: Iterable[str]
) -> list[str]:
    """Return, in words, whom of *arns* the control policies on an account keep from what they do.

    A guard of ours is named where it does so by itself.

    Args:
        iam: asked for the simulations.
        levels: the control policies from the root down to the account.
        arns: principals of the account who are to contain and lift.
    """
    cases = [
        Case("our own", arn, "own", action, allowed=True)
        for arn in arns
        for action in _CALLS_OF_THE_EXEMPT
    ]
    by_guard = [
        f"by the guard {guard.name} ({guard.id}), {sentence}"
        for guard in guards(levels)
        for sentence in wrong(iam, [[_EVERYTHING, guard.content]], cases)
    ]
    if by_guard:
        return by_guard
    whole = [[one.content for one in level] for level in levels]
    return [f"by the account's control policies, {one}" for one in wrong(iam, whole, cases)]


def wrong(iam: IAMClient, levels: Sequence[Sequence[str]], cases: Iterable[Case]) -> list[str]:
    """Return, in words, which of *cases* a chain of control policies decides otherwise.

    Args:
        iam: asked for the simulations; any account's will do.
        levels: the policies' texts from the root down to the account, the guard among the last.
        cases: what is to be so.
    """
    chain = [{"ServiceControlPolicyInputList": list(level)} for level in levels]
    return [
        f"{case} would be {'denied' if case.allowed else 'allowed'}"
        for case in cases
        if _allowed(iam, chain, case) is not case.allowed
    ]


def _allowed(iam: IAMClient, chain: Sequence[dict[str, list[str]]], case: Case) -> bool:
    with explained("simulating the guard"):
        answer = iam.simulate_custom_policy(
            PolicyInputList=[_EVERYTHING],
            OrderedOrganizationPolicyInputList=cast("Any", chain),
            ActionNames=[case.action],
            ResourceArns=["*"],
            ContextEntries=[
                {
                    "ContextKeyName": key,
                    "ContextKeyValues": [value],
                    "ContextKeyType": "string",
                }
                for key, value in (("aws:PrincipalArn", case.arn), ("aws:userid", case.userid))
            ],
        )
    return all(item["EvalDecision"] == "allowed" for item in answer["EvaluationResults"])
