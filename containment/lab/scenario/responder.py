"""What the responder of a seeded world may do: what the product says that it needs."""

from __future__ import annotations

from typing import Any


def statements(account: str) -> list[dict[str, Any]]:
    """Return the statements of the responder role's policy in *account*."""
    from containment.responder import policy

    found: list[dict[str, Any]] = policy(account)["Statement"]
    return found
