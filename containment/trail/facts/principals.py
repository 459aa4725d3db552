"""Bring the ARN of any caller to the user or role behind it."""

from __future__ import annotations

import re
from functools import lru_cache

# IAM API reference, "Path": visible ASCII only. Anything else is no path, its last part no name.
_PATH = re.compile(r"[\x21-\x7e]*")


@lru_cache(maxsize=8192)
def label(arn: str) -> str:
    """``<account>/user/<name>``, ``<account>/role/<name>``, …: the principal, whatever its path.

    A session's ARN gives its role, a federated user's ARN stays itself.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6:  # noqa: PLR2004
        return ""
    account, resource = parts[4], parts[5]
    kind, _, rest = resource.partition("/")
    if kind == "assumed-role":
        return f"{account}/role/{rest.split('/', 1)[0]}"
    if kind in ("user", "role") and _PATH.fullmatch(rest):
        return f"{account}/{kind}/{rest.rsplit('/', 1)[-1]}"
    if kind == "federated-user":
        return f"{account}/federated-user/{rest}"
    return f"{account}/{resource}"


@lru_cache(maxsize=8192)
def names_of(arn: str) -> tuple[str, ...]:
    """Return every name under which the caller with *arn* can be looked up.

    Those are itself, its label and, marked as such, its role session name.
    """
    parts = arn.split("/", 2)
    # The commonest by far: arn:aws:sts::111122223333:assumed-role/deploy/session
    if len(parts) == 3 and parts[2] and parts[0].endswith(":assumed-role"):  # noqa: PLR2004
        before = parts[0].split(":")
        if len(before) == 6:  # noqa: PLR2004
            return arn, f"{before[4]}/role/{parts[1]}", f"session:{parts[2]}"
    return arn, label(arn), *(f"session:{name}" for name in (session_name(arn),) if name)


@lru_cache(maxsize=8192)
def session_name(arn: str) -> str:
    """Return the role session name of an assumed-role ARN, else nothing."""
    resource = arn.split(":", 5)[-1]
    if not resource.startswith("assumed-role/"):
        return ""
    parts = resource.split("/", 2)
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004


def federated_name(arn: str) -> str:
    """Return the name that GetFederationToken gave the user of *arn*, else nothing."""
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    return name if kind == "federated-user" else ""


def principal_arn(arn: str) -> str:
    """Return the ARN of the user or role behind the caller's ARN *arn*, without a path."""
    parts = arn.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    if kind != "assumed-role":
        return arn
    return f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{rest.split('/', 1)[0]}"


def root_arn(account: str, like: str) -> str:
    """Return the ARN of the root of *account*, in the partition of the ARN *like*."""
    partition = like.split(":", 2)[1] if like.startswith("arn:") else "aws"
    return f"arn:{partition}:iam::{account}:root"


def unique_id(principal_id: str) -> str:
    """``AIDA…`` or ``AROA…`` of a principal id, without the session name."""
    return principal_id.split(":", 1)[0]


def session_arn(role_arn: str, session: str) -> str:
    """Return the ARN of a session of *role_arn*, or nothing where one part is unknown."""
    parts = role_arn.split(":", 5)
    if len(parts) < 6 or not session:  # noqa: PLR2004
        return ""
    role = parts[5].rsplit("/", 1)[-1]
    return f"{parts[0]}:{parts[1]}:sts::{parts[4]}:assumed-role/{role}/{session}"


def arn_of(account: str, kind: str, name: str) -> str:
    """Return the ARN of a user or role named without its path, as a session's record names it."""
    return f"arn:aws:iam::{account}:{kind}/{name}"
