"""What the responder of a seeded world may do: what the product says that it needs."""

from __future__ import annotations

import json


def policies(account: str) -> dict[str, str]:
    """Return the inline policies of a responder in *account* who contains, lifts and verifies."""
    from containment.profile import Profile
    from containment.responder import DUTIES, policy, verify_policy

    duties: dict[str, str] = {
        duty: json.dumps(policy(account, duty, profile=Profile())) for duty in DUTIES
    }
    return duties | {"verify": json.dumps(verify_policy())}
