"""A role's trust policy, closed to everyone but break-glass.

What it does is told in :mod:`containment.actions.closed_trust_policy`.
"""

from __future__ import annotations

from containment.resources.base import ContainmentResource


class ClosedTrustPolicy(ContainmentResource):
    """A role's trust policy, closed to everyone but break-glass."""

    resource_type = "containment:index:ClosedTrustPolicy"
