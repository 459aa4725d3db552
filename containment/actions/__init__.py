"""Every action, one file each, in the order in which they are declared.

To add one: a file here, its test under ``tests/actions`` of the same name, and a line in
``ACTIONS``. Resource class, plan, schema, docs and responder policy are made from the class.
"""

from __future__ import annotations

from typing import Any

from containment.actions.closed_trust_policy import ClosedTrustPolicy
from containment.actions.deny_policy import DenyPolicy
from containment.actions.guard_policy import GuardPolicy
from containment.actions.inactive_credentials import InactiveCredentials
from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.lifecycle.action import Action
from containment.lifecycle.lift import in_turn

ACTIONS: tuple[type[Action[Any, Any]], ...] = (
    PrincipalSnapshot,
    ClosedTrustPolicy,
    DenyPolicy,
    InactiveCredentials,
    GuardPolicy,
)

ACTIONS_BY_RESOURCE: dict[str, type[Action[Any, Any]]] = {
    action.resource: action for action in ACTIONS
}

# Every part of a principal that some action changes, in the order in which a lift gives them back.
FACETS = in_turn(facet for action in ACTIONS for facet in action.facets)

__all__ = ["ACTIONS", "ACTIONS_BY_RESOURCE", "FACETS", "Action"]
