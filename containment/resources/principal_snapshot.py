"""A principal as it was, before anything changed; the parent of all that holds it.

What it does is told in :mod:`containment.actions.principal_snapshot`.
"""

from __future__ import annotations

from containment.resources.base import ContainmentResource


class PrincipalSnapshot(ContainmentResource):
    """A principal as it was, before anything changed; the parent of all that holds it."""

    resource_type = "containment:index:PrincipalSnapshot"
    outputs = (
        "endpoint",
        "principalId",
        "snapshotId",
        "attachedPolicies",
        "accessKeys",
        "trustPolicy",
    )
