"""A user's access keys, held at Inactive.

What it does is told in :mod:`containment.actions.inactive_credentials`.
"""

from __future__ import annotations

from containment.resources.base import ContainmentResource


class InactiveCredentials(ContainmentResource):
    """A user's access keys, held at Inactive."""

    resource_type = "containment:index:InactiveCredentials"
