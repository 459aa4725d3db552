"""Who may take up a role that the guard leaves alone: those whom its trust policy names.

Whoever can assume an exempt role, or hand it to a service, is exempt as well. So the guard lets in
by such a role only whom the role's trust policy names by ARN, and whom the responder came as.

Source: IAM User Guide, "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from containment.aws.caller import principal_of
from containment.aws.faults import explained
from containment.errors import ContainmentError, SpecError
from containment.facets import documents
from containment.identities import parse_principal
from containment.lifecycle import exemptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containment.identities import Principal
    from containment.lifecycle.context import Context

PERMISSIONS = frozenset({"iam:GetRole", "iam:GetUser"})


def entering(context: Context, target: Principal, exempt: Iterable[str]) -> Iterator[str]:
    """Yield the ARNs of those in *target*'s account who may take up one of the *exempt* roles.

    A role whose trust policy cannot be read lets nobody in, which is said.
    """
    through = principal_of(context.clients.through) if context.clients.through else None
    if through is not None and through.account == target.account:
        yield from exemptions.canonical(context, target, [through.arn])
    for arn in exempt:
        role = parse_principal(arn)
        if role.kind != "role" or role.account != target.account:
            continue
        try:
            with explained(f"reading the trust policy of {arn}"):
                answer: Any = context.clients.iam.get_role(RoleName=role.name)
        except ContainmentError as error:
            context.say("warning", f"who may take up {arn} under the guard: {error}")
            continue
        yield from _named_in(unquote(answer["Role"]["AssumeRolePolicyDocument"]), target)


def _named_in(trust_policy: str, target: Principal) -> Iterator[str]:
    """Yield the users and roles of the account that a trust policy lets in by name."""
    for statement in documents.statements(documents.parse(trust_policy) or {}):
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else []
        if statement.get("Effect") != "Allow":
            continue
        for arn in named if isinstance(named, list) else [named]:
            try:
                one = parse_principal(str(arn))
            except SpecError:  # an account, "*", or an id: nobody in particular
                continue
            if (one.partition, one.account) == (target.partition, target.account):
                yield one.arn
