"""What stops everything before anything changes: identity and self-harm, nothing else.

Doubt about a principal never blocks containing it; standing on it does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

from containment.aws.caller import principal_of
from containment.aws.cancellation import is_mutating
from containment.aws.credentials import ACCESS_KEY, KINDS
from containment.aws.profiles import profile_role_chain
from containment.aws.sign_ins import PERMISSIONS as SIGN_INS
from containment.errors import AccessError, RefusedError, SpecError
from containment.facets import documents
from containment.identities import Principal, parse_principal
from containment.profile import FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from containment.aws.caller import Caller
    from containment.aws.clients import Clients
    from containment.aws.rights import Rights
    from containment.profile import Profile

_LEAST_LIFE = timedelta(minutes=15)
_ANOTHER = "contain it with the credentials of another responder"


def refusals(
    target: Principal,
    *,
    clients: Clients,
    caller: Caller,
    break_glass: Iterable[str],
    profile: Profile,
) -> list[RefusedError]:
    """Return why *target* must not be touched by *caller*; an empty list lets it go ahead."""
    reasons = uneditable(target) + protected(target, profile)
    if any(_same(target, parse_principal(arn)) for arn in break_glass):
        reasons.append(
            RefusedError(
                f"{target.arn} is a break-glass principal of this incident",
                remedy="take it out of break_glass only if somebody else can still get in",
            )
        )
    if caller.principal is not None and _same(target, caller.principal):
        reasons.append(
            RefusedError(
                f"{target.arn} is the principal you are acting as ({caller.arn})",
                remedy=_ANOTHER,
            )
        )
    reasons.extend(
        RefusedError(
            f"{target.arn} is part of the role chain you are acting through", remedy=_ANOTHER
        )
        for link in _chain(clients, caller)
        if _same(target, link)
    )
    return reasons


def protected(target: Principal, profile: Profile) -> list[RefusedError]:
    """Return as what the *profile* protects *target*, if it does."""
    parts = {part for part, one in profile.protected_in(target.account) if _same(target, one)}
    return [
        RefusedError(
            f"{target.arn} is a {part} principal by {FILE}, and no incident may deny it anything",
            remedy="if it is compromised itself, name another one there first",
        )
        for part in sorted(parts)
    ]


def doubts(target: Principal, *, clients: Clients, caller: Caller, rights: Rights) -> list[str]:
    """Return what speaks against containing *target* and is only inferred from the account.

    Whoever may write IAM could bring it about, so it refuses nothing: a trust policy that names
    one principal alone does not tell that the caller came in by it.
    """
    acting = caller.principal
    role = rights.role(clients.iam, acting.name) if acting and acting.kind == "role" else None
    trusted = _trusted(unquote(str(role["AssumeRolePolicyDocument"]))) if role else []
    if len(trusted) != 1 or not _same(target, trusted[0]):
        return []
    doubt = (
        f"the trust policy of the role that you act as ({caller.arn}) names {target.name} alone;"
        " if you come in by it, no new session of that role can be had until the lift"
    )
    return [doubt]


def uneditable(target: Principal) -> list[RefusedError]:
    """Return why IAM itself would not let anybody change *target*, and what to do instead."""
    reasons: list[RefusedError] = []
    if target.service_linked:
        reasons.append(
            RefusedError(
                f"{target.arn} is a service-linked role, which only its service may change",
                remedy="contain the principal that drives the service instead",
            )
        )
    if target.identity_center:
        reasons.append(
            RefusedError(
                f"{target.arn} belongs to IAM Identity Center, and IAM cannot edit it",
                remedy="disable the user in Identity Center and remove its account assignments"
                " instead",
            )
        )
    return reasons


def needed_on_principal(actions: Iterable[str]) -> list[str]:
    """Return those of *actions* whose resource is the user or role that is contained.

    A simulation against its ARN says nothing about the others, and none of them is needed to begin.
    """
    return [name for name in sorted(actions) if _on_principal(name)]


def blocks(needed: Collection[str], denied: Collection[str]) -> bool:
    """Tell whether nothing can be done at all where *denied* of the *needed* actions are.

    So it is where a read of the principal is missing, or every change is; a kind of credential that
    cannot be listed holds up no other.
    """
    changes = {name for name in needed if is_mutating(name.partition(":")[2])} - SIGN_INS
    dispensable = {f"iam:{kind.listing}" for kind in KINDS if kind is not ACCESS_KEY} | SIGN_INS
    return bool(set(denied) - dispensable - changes) or changes <= set(denied)


def _on_principal(action: str) -> bool:
    word = action.partition(":")[2]
    return word not in {
        "GetAccessKeyInfo",
        "GetAccessKeyLastUsed",
        "GetAccountAuthorizationDetails",
        "GetCallerIdentity",
        "SimulateCustomPolicy",
        "ListUsers",
        "ListRoles",
        "ListPolicies",
        "SimulatePrincipalPolicy",
        "GetPolicy",
    }


def expiring(expires_at: datetime | None, caller: Caller) -> AccessError | None:
    """Return a refusal if the credentials end within 15 minutes of AWS's own time."""
    if expires_at is None or expires_at - caller.answered_at >= _LEAST_LIFE:
        return None
    return AccessError(
        f"the credentials in use expire at {expires_at:%H:%M:%S} UTC, in less than 15 minutes",
        remedy="get fresh ones first, so that a lift is not cut in half",
    )


def _chain(clients: Clients, caller: Caller) -> list[Principal]:
    links: list[Principal] = []
    for arn in profile_role_chain():
        try:
            links.append(parse_principal(arn))
        except SpecError:
            continue
    if clients.through is not None and (assumer := principal_of(clients.through)) is not None:
        links.append(assumer)
    others = [link for link in links if caller.principal is None or link != caller.principal]
    return list(dict.fromkeys(others))


def _trusted(trust_policy: str) -> list[Principal]:
    principals: list[Principal] = []
    for statement in documents.statements(documents.parse(trust_policy) or {}):
        principal = statement.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, dict) else []
        for arn in named if isinstance(named, list) else [named]:
            try:
                principals.append(parse_principal(str(arn)))
            except SpecError:  # an account, "*", or an id: nobody in particular
                return []
    return principals


def _same(first: Principal, second: Principal) -> bool:
    return (first.account, first.kind, first.name.lower()) == (
        second.account,
        second.kind,
        second.name.lower(),
    )
