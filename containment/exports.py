"""What ``pulumi stack output`` holds of an incident, so that other programs can read it.

| output | what it is |
|---|---|
| `incident` | the incident, which is the stack's name |
| `accounts` | the accounts of its principals |
| `principals` | by ARN: the kinds of resources that hold it, and what AWS showed of each |
| `issuedBefore` | T: tokens that were issued before it are denied; absent where there is none |
| `state` | `applied` where AWS showed all as declared, else `not as declared` |
| `ledger` | length and hash of the ledger's end, as the snapshots remember it |

They are those of the last run that came to its end. Whether the principals are held now, only a
look can tell: ``containment status``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from containment.text import wired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.identities import Principal
    from containment.resources import ContainedPrincipal

APPLIED, OTHERWISE = "applied", "not as declared"


def stack_outputs(stack: str, contained: Mapping[Principal, ContainedPrincipal]) -> dict[str, Any]:
    """Return the outputs of *stack* by their names."""
    shown = {
        principal.arn: {word: resource.output("live") for word, resource in one.resources.items()}
        for principal, one in contained.items()
    }
    everything = [live for by_resource in shown.values() for live in by_resource.values()]
    resources = [resource for one in contained.values() for resource in one.resources.values()]
    moments = [resource.output("issuedBefore") for resource in resources]
    heads = [one.snapshot.output("ledger") for one in contained.values()]
    return {
        "incident": stack,
        "accounts": sorted({principal.account for principal in contained}),
        "principals": {wired(arn): by_resource for arn, by_resource in shown.items()},
        "issuedBefore": pulumi.Output.all(*moments).apply(latest),
        "state": pulumi.Output.all(*everything).apply(summary),
        "ledger": pulumi.Output.all(*heads).apply(longest),
    }


def latest(moments: list[str | None]) -> str | None:
    """Return the latest of *moments*, which are of one form; None where there is none."""
    return max((moment for moment in moments if moment), default=None)


def summary(shown: list[str | None]) -> str:
    """Return how all of the principals stand, by what AWS showed of each of their resources."""
    return APPLIED if all(live == APPLIED for live in shown) else OTHERWISE


def longest(heads: list[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    """Return the head of the longest ledger among *heads*; all are of one incident."""
    return max((head for head in heads if head), key=lambda head: head["length"], default=None)
