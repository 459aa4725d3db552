"""What IAM checks before it does anything: that names are there, values allowed, quotas kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moto.iam.exceptions import (
    EntityAlreadyExists,
    IAMException,
    NoSuchEntity,
)
from moto.iam.models import AWSManagedPolicy

from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.services.policy_documents import check_identity_policy
from containment.lab.state import aws_managed, moto_state, quotas

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend

Parameters = Mapping[str, Any]

# "Using service-linked roles": only the linked service may change these.
_ROLE_EDITS = frozenset(
    {
        "AddRoleToInstanceProfile",
        "AttachRolePolicy",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
    }
)
# Nobody but AWS changes its own policies.
_POLICY_EDITS = frozenset(
    {
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "SetDefaultPolicyVersion",
        "TagPolicy",
        "UntagPolicy",
    }
)


def check(state: IAMBackend, action: str, parameters: Parameters) -> None:
    """Refuse what IAM refuses before *action* begins.

    Raises:
        IAMException: with the code and words of the refusal.
        Refusal: the policy is AWS's own.
    """
    for kind, names in _by_kind(state).items():
        name = parameters.get(f"{kind}Name")
        if name is None:
            continue
        if action == f"Create{kind}":
            _refuse_taken(kind, str(name), names)
        elif name not in names:
            raise NoSuchEntity(f"The {kind.lower()} with name {name} cannot be found.")
    if action in _ROLE_EDITS:
        _refuse_protected(state, str(parameters.get("RoleName", "")))
    if action in _POLICY_EDITS and str(parameters.get("PolicyArn")).startswith(aws_managed.PREFIX):
        raise Refusal(Reason.DENIED, "AWS managed policies cannot be changed.")
    for prefix, examine in _CHECKS.items():
        if action.startswith(prefix):
            examine(state, parameters)


def _by_kind(state: IAMBackend) -> dict[str, Any]:
    return {
        "User": state.users,
        "Role": {role.name: role for role in state.roles.values()},
        "Group": state.groups,
    }


def _refuse_taken(kind: str, name: str, names: Iterable[str]) -> None:
    """Names are unique in an account without regard to case."""
    if name.lower() in {other.lower() for other in names}:
        raise EntityAlreadyExists(f"{kind} with name {name} already exists.")


def _refuse_protected(state: IAMBackend, name: str) -> None:
    role = state.roles.get(moto_state.role_id(state.account_id, name))
    if role is not None and (
        role.path.startswith(("/aws-service-role/", "/aws-reserved/sso.amazonaws.com/"))
    ):
        raise IAMException(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{name}' - "
            "this role is only modifiable by AWS",
        )


def _owner(state: IAMBackend, parameters: Parameters) -> tuple[str, Any]:
    for kind, names in _by_kind(state).items():
        if f"{kind}Name" in parameters:
            return kind.lower(), names[parameters[f"{kind}Name"]]
    raise IAMException("InvalidInput", "The request names no user, role or group.")


def _put(state: IAMBackend, parameters: Parameters) -> None:
    check_identity_policy(parameters["PolicyDocument"])
    kind, owner = _owner(state, parameters)
    quotas.inline(kind, owner, parameters["PolicyName"], parameters["PolicyDocument"])


def _inline_is_there(state: IAMBackend, parameters: Parameters) -> None:
    kind, owner = _owner(state, parameters)
    name = parameters["PolicyName"]
    if name not in owner.policies:
        raise NoSuchEntity(f"The {kind} policy with name {name} cannot be found.")


def _attach(state: IAMBackend, parameters: Parameters) -> None:
    arn = parameters["PolicyArn"]
    kind, owner = _owner(state, parameters)
    if arn not in state.managed_policies:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    quotas.attached(kind, owner, arn)


def _document(state: IAMBackend, parameters: Parameters) -> None:
    check_identity_policy(parameters["PolicyDocument"])
    quotas.managed(parameters["PolicyDocument"])
    if "PolicyName" in parameters:
        own = (p for p in state.managed_policies.values() if not isinstance(p, AWSManagedPolicy))
        _refuse_taken("Policy", str(parameters["PolicyName"]), [str(p.name) for p in own])


_CHECKS: Mapping[str, Callable[[IAMBackend, Parameters], None]] = {
    **{f"Put{kind}Policy": _put for kind in ("User", "Role", "Group")},
    **{f"Attach{kind}Policy": _attach for kind in ("User", "Role", "Group")},
    **{
        f"{verb}{kind}Policy": _inline_is_there
        for verb in ("Get", "Delete")
        for kind in ("User", "Role", "Group")
    },
    "CreatePolicy": _document,
}
