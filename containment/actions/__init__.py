"""Every kind of containment, one file each, in the order in which they are applied.

To add one: a file here and one under ``tests/actions`` of the same name; the class in ``ACTIONS``;
a class under ``containment/resources``; a line in ``containment/plan.py``; ``make docs``; a
changelog fragment. The catalogue tests say what was forgotten.
"""

from __future__ import annotations

from typing import Any

from containment.actions.closed_trust_policy import ClosedTrustPolicy
from containment.actions.deny_policy import DenyPolicy
from containment.actions.inactive_credentials import InactiveCredentials
from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.lifecycle.action import Action

ACTIONS: tuple[type[Action[Any, Any]], ...] = (
    PrincipalSnapshot,
    DenyPolicy,
    InactiveCredentials,
    ClosedTrustPolicy,
)

__all__ = ["ACTIONS", "Action"]
