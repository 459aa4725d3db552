"""Which condition picks which sessions of a principal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.facets.deny import Match
from containment.facets.shapes import SESSION_CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from containment.identities import Principal


# Calls that carry no source address, so that no condition on it reaches them. Source: AWS's
# data-perimeter-policy-examples, the actions that its network perimeter leaves out.
WITHOUT_ADDRESS = (
    "dax:*",
    "elasticfilesystem:Client*",
    "es:ES*",
    "kafka-cluster:*",
    "neptune-db:*",
    "rds-db:connect",
)


def unreached(sessions: Iterable[Mapping[str, str]]) -> str:
    """Return, in words, what a deny of *sessions* does not reach; empty where none is by address.

    Source: "AWS global condition context keys": ``aws:SourceIp`` is absent through a VPC endpoint,
    and is not the caller's where a service calls on their behalf (``aws:ViaAWSService``).
    """
    addresses = sorted({one["sourceIp"] for one in sessions if one.get("sourceIp")})
    if not addresses:
        return ""
    return (
        f"from {', '.join(addresses)} are not reached: calls through a VPC endpoint, calls that a"
        f" service makes on the session's behalf, and what carries no address"
        f" ({', '.join(WITHOUT_ADDRESS)})"
    )


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
