"""A deny on a principal: everything, its older tokens, or picked sessions.

What it does is told in :mod:`containment.actions.deny_policy`.
"""

from __future__ import annotations

from containment.resources.base import ContainmentResource


class DenyPolicy(ContainmentResource):
    """A deny on a principal: everything, its older tokens, or picked sessions."""

    resource_type = "containment:index:DenyPolicy"
