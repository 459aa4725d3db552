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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_iam import IAMClient

PERMISSIONS = frozenset({"iam:SimulateCustomPolicy"})
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
