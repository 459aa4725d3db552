"""IAM's quotas, with the errors AWS answers.

Source: IAM User Guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moto.iam.exceptions import IAMException, LimitExceededException

if TYPE_CHECKING:
    from moto.iam.models import Group, Role, User

INLINE = {"user": 2048, "group": 5120, "role": 10240}
MANAGED_SIZE = 6144
TRUST_SIZE = 2048
ATTACHED = 10
GROUPS_PER_USER = 10
TAGS = 50
_WHITE = re.compile(r"\s")


def size(document: str) -> int:
    """Return what counts against a quota: "IAM does not count white space"."""
    return len(_WHITE.sub("", document))


def inline(kind: str, owner: User | Role | Group, policy_name: str, document: str) -> None:
    """Refuse an inline policy that would take its owner's total over the quota."""
    total = size(document) + sum(
        size(text) for name, text in owner.policies.items() if name != policy_name
    )
    if total > INLINE[kind]:
        raise LimitExceededException(
            f"Maximum policy size of {INLINE[kind]} bytes exceeded for {kind} {owner.name}"
        )


def managed(document: str) -> None:
    """Refuse a managed policy that is too long."""
    if size(document) > MANAGED_SIZE:
        raise LimitExceededException(f"Cannot exceed quota for PolicySize: {MANAGED_SIZE}")


def trust(document: str) -> None:
    """Refuse a trust policy that is too long."""
    if size(document) > TRUST_SIZE:
        raise LimitExceededException(f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")


def attached(kind: str, owner: User | Role | Group, arn: str) -> None:
    """Refuse one attachment more than the quota."""
    if arn not in owner.managed_policies and len(owner.managed_policies) >= ATTACHED:
        raise LimitExceededException(
            f"Cannot exceed quota for PoliciesPer{kind.capitalize()}: {ATTACHED}"
        )


def groups(count: int) -> None:
    """Refuse one group more than the quota."""
    if count >= GROUPS_PER_USER:
        raise LimitExceededException(f"Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}")


def tags(present: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    """Refuse duplicate keys, and more tags than the quota. Tag keys are not case-sensitive."""
    keys = [tag["Key"].lower() for tag in new]
    if any(key.startswith("aws:") for key in keys):
        raise IAMException(
            "InvalidInput", "Tag keys that begin with aws: are reserved for system use."
        )
    if len(set(keys)) != len(keys):
        raise IAMException(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    if len({tag["Key"].lower() for tag in present} | set(keys)) > TAGS:
        raise LimitExceededException("The number of tags has reached the maximum limit.")


def tagged(present: list[dict[str, str]], new: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the tags after *new* ones; a key keeps its case and is matched without it."""
    replaced = {tag["Key"].lower() for tag in new}
    return [tag for tag in present if tag["Key"].lower() not in replaced] + new
