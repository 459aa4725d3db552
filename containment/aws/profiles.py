"""The AWS profile in use, and the roles that it goes through."""

from __future__ import annotations

from typing import Any, cast


def profile_role_chain() -> tuple[str, ...]:
    """Return the role ARNs that the active AWS profile goes through, outermost first.

    Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider"
    (``role_arn`` and ``source_profile``).
    """
    # Only a check needs a session of botocore; who imports this to plan need not wait for it.
    import botocore.session  # noqa: PLC0415

    # The handlers of a whole session cost thirty times as much, and none of them reads profiles.
    session = botocore.session.Session(include_builtin_handlers=False)
    profiles = cast("dict[str, dict[str, Any]]", session.full_config.get("profiles", {}))
    name: object = session.profile or "default"
    chain: list[str] = []
    visited: set[object] = set()
    while isinstance(name, str) and name not in visited:
        visited.add(name)
        profile = profiles.get(name, {})
        if isinstance(role := profile.get("role_arn"), str):
            chain.append(role)
        name = profile.get("source_profile")
    return tuple(chain)
