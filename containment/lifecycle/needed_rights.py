"""Which IAM actions a containment of one principal is going to call, and who calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from containment.aws.credentials import KINDS
from containment.identities import parse_principal
from containment.lifecycle.snapshot import RESOURCE
from containment.preflight import needed_on_principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.identities import Principal
    from containment.lifecycle.context import Context
    from containment.lifecycle.snapshot import SnapshotInputs

Duty = Literal["contain", "lift"]

# What takes our own away, and what is asked before containing, are never called by the other.
NEVER_CALLED: Mapping[Duty, frozenset[str]] = {
    "contain": frozenset(
        {
            "iam:DeleteUserPolicy",
            "iam:DeleteRolePolicy",
            "iam:GetLoginProfile",
            "iam:UntagUser",
            "iam:UntagRole",
        }
    ),
    "lift": frozenset(
        {"iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy", "signin:GetSession"}
    ),
}


def note(context: Context, inputs: SnapshotInputs) -> Principal | None:
    """Note what is going to be called; return who calls, None where it is nobody in IAM."""
    role = context.profile.role_in(inputs.target.account)
    acting = parse_principal(role) if role else context.caller.principal
    if acting is not None:
        context.rights.note(acting, inputs.target.arn, needed(context, inputs))
    return acting


def needed(context: Context, inputs: SnapshotInputs) -> list[str]:
    """Return the IAM actions that whoever contains calls on the principal of *inputs*.

    They are those of the actions in use, the snapshot's among them; a lift's as well where no other
    role lifts.
    """
    return _on_target(context, inputs, "contain" if _lifting_role(context, inputs) else None)


def lacking_to_lift(context: Context, inputs: SnapshotInputs) -> tuple[str, tuple[str, ...]] | None:
    """Return the role that lifts and what it lacks on the principal of *inputs*.

    None where no other role lifts than contains, or where that cannot be told.
    """
    role = _lifting_role(context, inputs)
    if role is None:
        return None
    acting = parse_principal(role)
    context.rights.note(acting, inputs.target.arn, _on_target(context, inputs, "lift"))
    denied = context.rights.denied(context.clients.iam, acting, inputs.target.arn)
    return (role, denied) if denied is not None else None


def _lifting_role(context: Context, inputs: SnapshotInputs) -> str | None:
    """Return the role that lifts, where it is another than the one that contains."""
    account = inputs.target.account
    lifting = context.profile.role_in(account, lifting=True)
    return lifting if lifting != context.profile.role_in(account) else None


def _on_target(context: Context, inputs: SnapshotInputs, duty: Duty | None) -> list[str]:
    other = "role" if inputs.target.kind == "user" else "user"
    # What changes no principal, a guard, is nothing that a containment has to wait for. Who lifts
    # one looks at principals first.
    permissions = {
        item.resource: item.permissions
        for item in context.actions
        if item.facets or item.resource == RESOURCE or duty == "lift"
    }
    names = {
        name
        for used in (RESOURCE, *inputs.uses)
        for name in permissions.get(used, ())
        if other not in name.lower()
    }
    if inputs.target.kind == "role":
        names -= {name for kind in KINDS for name in kind.permissions}
    return needed_on_principal(names - NEVER_CALLED[duty] if duty else names)
