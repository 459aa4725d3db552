"""What the responder may do: exactly what the actions declare that they call."""

from __future__ import annotations

from typing import Any

from containment.lab.services import action_details


def statements(account: str) -> list[dict[str, Any]]:
    """Return the statements of the responder role's policy in *account*."""
    from containment.actions import ACTIONS

    actions = sorted(set().union(*(action.permissions for action in ACTIONS)))
    on_principals = [name for name in actions if _has_resource(name)]
    on_everything = [name for name in actions if name not in on_principals]
    return [
        {
            "Sid": "ContainPrincipals",
            "Effect": "Allow",
            "Action": on_principals,
            "Resource": [f"arn:aws:iam::{account}:user/*", f"arn:aws:iam::{account}:role/*"],
        },
        {"Sid": "FindThem", "Effect": "Allow", "Action": on_everything, "Resource": "*"},
    ]


def _has_resource(action: str) -> bool:
    prefix, _, name = action.partition(":")
    details = action_details(prefix, name)
    return bool(details and details["resourceTypes"])
