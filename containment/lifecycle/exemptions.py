"""Look up whom a containment leaves a way in, so that a misspelt name locks nobody out.

Names are unique in an account whatever their capitals, and IAM answers to a name alone, while
``aws:PrincipalArn`` is compared with capitals and path: so the ARN that IAM answers is what counts
("IAM identifiers"; "AWS global condition context keys").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.errors import RefusedError
from containment.identities import parse_principal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from containment.identities import Principal
    from containment.lifecycle.context import Context


def canonical(context: Context, target: Principal, arns: Iterable[str]) -> tuple[str, ...]:
    """Return *arns* as IAM writes them, sorted; as they are where that cannot be found out.

    What is in another account than *target* cannot be looked up with the credentials in use.
    """
    return tuple(sorted({_arn_in_iam(context, target, arn) or arn for arn in arns}))


def nobodies(
    context: Context, target: Principal, arns: Iterable[str], applied: Collection[str]
) -> list[RefusedError]:
    """Return why each of *arns* that names nobody cannot be used.

    Those in *applied* were somebody when this was last applied. An attacker may have deleted them
    since, which is said and stops no repair.
    """
    refused: list[RefusedError] = []
    for arn in arns:
        if _arn_in_iam(context, target, arn) is not None:
            continue
        principal = parse_principal(arn)
        message = (
            f"break_glass: there is no {principal.kind} {principal.name} in account"
            f" {principal.account}"
        )
        if arn in applied:
            context.say("warning", f"{message} any more; nobody comes in by it")
        else:
            refused.append(
                RefusedError(
                    f"{message}, and with nobody behind {arn} everybody may be locked out",
                    remedy="write the ARN of the principal that is meant, or take the entry out",
                )
            )
    return refused


def _arn_in_iam(context: Context, target: Principal, arn: str) -> str | None:
    """Return the ARN of *arn*'s principal by IAM, *arn* where nobody can tell, None for nobody."""
    named = parse_principal(arn)
    if (named.partition, named.account) != (target.partition, target.account):
        return arn
    return context.names(context.clients.iam, named)
