"""Which roles a call hands to a service: each needs iam:PassRole.

Source: IAM User Guide, "Grant a user permissions to pass a role to an AWS service".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from containment.lab.protocol.services import is_mutating
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from containment.lab.protocol.operations import Operation

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
# Services whose own calls name roles without handing them over.
_NAMING = frozenset({"iam", "sts", "organizations", "kms", "ram", "sso", "lakeformation"})
# As whom a service assumes the role, where that is not the service's own name.
_ACTS_AS = {"ecs": "ecs-tasks.amazonaws.com"}


def passed(
    operation: Operation, parameters: Mapping[str, Any], account: str
) -> Iterator[tuple[str, str]]:
    """Yield each role that *operation* hands to a service, with the service's principal.

    Such a role is a parameter that is called a role, at any depth, and holds a role's ARN; or it
    stands in an instance profile, which is named instead.
    """
    prefix, name = operation.service.prefix, operation.name
    service = _ACTS_AS.get(prefix, f"{operation.service.signing_name}.amazonaws.com")
    if prefix == "iam" and name == "AddRoleToInstanceProfile":
        role = _role_named(account, str(parameters.get("RoleName", "")))
        yield from ((arn, "ec2.amazonaws.com") for arn in role)
        return
    if prefix in _NAMING or not is_mutating(prefix, name):
        return
    for profile in _profiles(parameters):
        yield from ((arn, "ec2.amazonaws.com") for arn in _in_profile(account, profile))
    yield from ((arn, service) for arn in dict.fromkeys(_roles(parameters)))


def _roles(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _roles(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _roles(inner, name)
    elif isinstance(value, str) and "role" in name.lower() and _ROLE.fullmatch(value):
        yield value


def _profiles(value: Any, name: str = "") -> Iterator[str]:
    """Yield instance profiles, given by name, by ARN, or as a structure of either."""
    if isinstance(value, Mapping):
        if name == "IamInstanceProfile":
            stated = str(value.get("Name") or value.get("Arn") or "")
            yield stated.rsplit("/", 1)[-1]
            return
        for key, inner in value.items():
            yield from _profiles(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _profiles(inner, name)
    elif isinstance(value, str) and name == "IamInstanceProfile":
        yield value.rsplit("/", 1)[-1]


def _in_profile(account: str, name: str) -> list[str]:
    return [
        str(role.arn)
        for profile in moto_state.iam(account).instance_profiles.values()
        if profile.name == name
        for role in profile.roles
    ]


def _role_named(account: str, name: str) -> list[str]:
    return [str(role.arn) for role in moto_state.iam(account).roles.values() if role.name == name]
