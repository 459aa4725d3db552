"""Which IAM actions a containment of one principal is going to call, and who calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws.credentials import KINDS
from containment.identities import parse_principal
from containment.lifecycle.snapshot import RESOURCE
from containment.preflight import needed_on_principal

if TYPE_CHECKING:
    from containment.identities import Principal
    from containment.lifecycle.context import Context
    from containment.lifecycle.snapshot import SnapshotInputs


def note(context: Context, inputs: SnapshotInputs) -> Principal | None:
    """Note what is going to be called; return who calls, None where it is nobody in IAM."""
    role = context.profile.role_in(inputs.target.account)
    acting = parse_principal(role) if role else context.caller.principal
    if acting is not None:
        context.rights.note(acting, inputs.target.arn, needed(context, inputs))
    return acting


def needed(context: Context, inputs: SnapshotInputs) -> list[str]:
    """Return the IAM actions that are called on the principal of *inputs*, by the actions in use.

    Those of the snapshot are among them.
    """
    other = "role" if inputs.target.kind == "user" else "user"
    # What changes no principal, a guard, is nothing that a containment has to wait for.
    permissions = {
        item.resource: item.permissions
        for item in context.actions
        if item.facets or item.resource == RESOURCE
    }
    names = {
        name
        for used in (RESOURCE, *inputs.uses)
        for name in permissions.get(used, ())
        if other not in name.lower()
    }
    if inputs.target.kind == "role":
        names -= {name for kind in KINDS for name in kind.permissions}
    return needed_on_principal(names)
