"""Which condition picks which sessions of a principal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.facets.deny import Match
from containment.facets.shapes import SESSION_CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.identities import Principal


def matches(
    principal: Principal, unique_id: str, sessions: Sequence[Mapping[str, str]]
) -> tuple[Match, ...]:
    """Return the conditions that pick *sessions* of *principal*.

    Source: "AWS global condition context keys": ``aws:userid`` is ``AROA…:session-name`` for a
    role session and ``account:name`` for a federated user; ``aws:SourceIdentity``,
    ``aws:SourceIp``; EC2 keys: ``ec2:SourceInstanceARN``. AWS Sign-In API Reference,
    RevokeOAuth2TokenWithIAM: ``aws:SignInSessionArn``.
    """
    holder = principal.account if principal.kind == "user" else unique_id
    picked: dict[tuple[str, str], list[str]] = {}
    for session in sessions:
        for word, value in session.items():
            pattern = f"{holder}:{value}" if word == "name" else value
            picked.setdefault(SESSION_CONDITIONS[word], []).append(pattern)
    return tuple(Match(*where, tuple(sorted(values))) for where, values in sorted(picked.items()))
