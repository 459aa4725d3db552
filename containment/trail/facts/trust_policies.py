"""Trust policies as CloudTrail shows them: JSON in a string, sometimes URL-encoded."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote


def trusted(document: object) -> tuple[str, ...]:
    """Return every principal that an Allow statement of *document* trusts, in order, once."""
    principals: dict[str, None] = {}
    for statement in _statements(document):
        if statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        kinds = principal if isinstance(principal, dict) else {"AWS": principal}
        for kind, names in kinds.items():
            for name in names if isinstance(names, list) else [names]:
                if isinstance(name, str) and name:
                    principals[f"{kind}:{name}"] = None
    return tuple(principals)


def outside(principal: str, account: str) -> str:
    """Return the name in *principal* (``kind:name``) if it is not of *account*, else nothing."""
    kind, _, name = principal.partition(":")
    if kind == "AWS":
        return "" if account_of(name) == account and name != "*" else name
    if kind == "CanonicalUser":
        return name
    # A provider object lives in the account; cognito-identity.amazonaws.com and the like do not.
    return name if kind == "Federated" and not name.startswith("arn:") else ""


def account_of(name: str) -> str:
    """Return the account of an ARN, of an account id or of nothing known."""
    if name.startswith("arn:"):
        parts = name.split(":", 5)
        return parts[4] if len(parts) > 5 else ""  # noqa: PLR2004
    return name if len(name) == 12 and name.isdigit() else ""  # noqa: PLR2004


def _statements(document: object) -> list[dict[str, Any]]:
    policy: Any = document
    if isinstance(policy, str):
        for reading in (policy, unquote(policy)):
            try:
                policy = json.loads(reading)
                break
            except (ValueError, RecursionError):
                continue
    if not isinstance(policy, dict):
        return []
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    return [item for item in statements or [] if isinstance(item, dict)]
