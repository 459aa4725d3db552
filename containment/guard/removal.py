"""What has to be so before a guard may be taken off.

Everything else of the incident is lifted first, for the guard is what keeps an attacker from
undoing it; and nobody is let go whom the guard alone denies, unless it was a false alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws.consistency import eventually
from containment.aws.principal import locate
from containment.errors import LIFT, ConflictError
from containment.facets import leftovers
from containment.guard.latecomers import can_act
from containment.identities import parse_principal
from containment.lifecycle.lift import in_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containment.guard.latecomers import Late
    from containment.lifecycle.context import Context

# How long a lift waits for the other resources of the stack, which go first.
_LIFT_WAIT_S = 60.0


def require_last(
    context: Context, account: str, incident: str, unique_ids: Mapping[str, str]
) -> None:
    """Wait until nothing else of *incident* is in force on its principals.

    Args:
        context: whose IAM client is asked, and whose actions' facets are looked for.
        account: the guarded account, for the error.
        incident: whose containment it is.
        unique_ids: those of the incident's principals, by ARN.

    Raises:
        ConflictError: something still is.
    """
    if not eventually(lambda: not _in_force(context, incident, unique_ids), timeout_s=_LIFT_WAIT_S):
        contained = _in_force(context, incident, unique_ids)
        raise ConflictError(
            f"the guard of account {account} stays: still in force is {contained}",
            remedy=f"lift that first, then run '{LIFT}' again",
        )


def require_nobody_late(context: Context, account: str, late: Iterable[Late]) -> None:
    """Refuse to let go somebody of *late* who could act again.

    Raises:
        ConflictError: somebody made while the containment ran could.
    """
    iam = context.clients.iam
    if alive := [one.principal for one in late if can_act(iam, one)]:
        raise ConflictError(
            f"the guard of account {account} stays: {', '.join(alive)} came into"
            " being while the containment ran, and nothing else denies it anything",
            remedy="delete it or make its keys Inactive and take its password; or name it as a"
            f" target, and lift that; then run '{LIFT}' again",
        )


def _in_force(context: Context, incident: str, unique_ids: Mapping[str, str]) -> str:
    facets = in_turn(facet for one in context.actions for facet in one.facets)
    for unique_id, arn in {v: k for k, v in unique_ids.items()}.items():
        live = locate(context.clients.iam, parse_principal(arn), unique_id)
        snapshots = leftovers.in_force(live, incident, facets) if live else {}
        if live is not None and snapshots:
            return f"{', '.join(snapshots)} on {live}"
    return ""
