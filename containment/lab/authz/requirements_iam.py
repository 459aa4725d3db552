"""Which IAM resources an IAM call is about: names become ARNs with their paths.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity
and Access Management".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from containment.lab.protocol.services import action_details
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.operations import Operation

Parameters = Mapping[str, Any]


def resources(
    _operation: Operation, action: str, parameters: Parameters, caller: Caller, _region: str
) -> list[tuple[str, str]]:
    """Return ARN and account of everything *action* needs permission on."""
    details = action_details("iam", action) or {}
    kinds = cast("list[dict[str, Any]]", details.get("resourceTypes", []))
    names = [kind["name"] for kind in kinds if kind["required"]]
    names = names or [kind["name"] for kind in kinds]
    arns: list[str] = []
    for kind in names:
        locate = _LOCATE.get(kind)
        arn = locate(action, parameters, caller) if locate else ""
        if arn:
            arns.append(arn)
    if action in {"UpdateUser", "UpdateGroup"}:
        arns.append(_after_update(action, parameters, caller))
    return [(arn, caller.account) for arn in arns or ["*"]]


def user_arn(account: str, name: str) -> str:
    """Return the ARN of user *name*, without a path where there is no such user."""
    user = moto_state.iam(account).users.get(name)
    return user.arn if user is not None else f"arn:aws:iam::{account}:user/{name}"


def role_arn(account: str, name: str) -> str:
    """Return the ARN of role *name*, without a path where there is no such role."""
    for role in moto_state.iam(account).roles.values():
        if role.name == name:
            return str(role.arn)
    return f"arn:aws:iam::{account}:role/{name}"


# These name their subject by ARN, whatever its kind.
_BY_ARN = {
    "GenerateServiceLastAccessedDetails": "Arn",
    "ListPoliciesGrantingServiceAccess": "Arn",
    "SimulatePrincipalPolicy": "PolicySourceArn",
    "GetContextKeysForPrincipalPolicy": "PolicySourceArn",
}


def _of_kind(kind: str, parameters: Parameters) -> str:
    for name in set(_BY_ARN.values()):
        arn = str(parameters.get(name) or "")
        if arn.split(":", 5)[-1].startswith(f"{kind}/"):
            return arn
    return ""


def _path(parameters: Parameters) -> str:
    return str(parameters.get("Path") or "/")


def _user(action: str, parameters: Parameters, caller: Caller) -> str:
    if action in _BY_ARN:
        return _of_kind("user", parameters)
    name = parameters.get("UserName")
    if action == "CreateUser":
        return f"arn:aws:iam::{caller.account}:user{_path(parameters)}{name}"
    if name:
        return user_arn(caller.account, name)
    key = moto_state.iam(caller.account).access_keys.get(parameters.get("AccessKeyId", ""))
    if key is not None and key.user_name:
        return user_arn(caller.account, key.user_name)
    return caller.principal_arn if caller.kind == "user" else ""


def _role(action: str, parameters: Parameters, caller: Caller) -> str:
    if action == "CreateServiceLinkedRole":
        service = parameters.get("AWSServiceName", "")
        return f"arn:aws:iam::{caller.account}:role/aws-service-role/{service}/*"
    if action in _BY_ARN:
        return _of_kind("role", parameters)
    name = parameters.get("RoleName", "")
    if action == "CreateRole":
        return f"arn:aws:iam::{caller.account}:role{_path(parameters)}{name}"
    return role_arn(caller.account, name) if name else ""


def _group(action: str, parameters: Parameters, caller: Caller) -> str:
    if action in _BY_ARN:
        return _of_kind("group", parameters)
    name = parameters.get("GroupName", "")
    if action == "CreateGroup":
        return f"arn:aws:iam::{caller.account}:group{_path(parameters)}{name}"
    group = moto_state.iam(caller.account).groups.get(name)
    if group is not None:
        return str(group.arn)
    return f"arn:aws:iam::{caller.account}:group/{name}" if name else ""


def _policy(action: str, parameters: Parameters, caller: Caller) -> str:
    if action == "CreatePolicy":
        name = parameters.get("PolicyName", "")
        return f"arn:aws:iam::{caller.account}:policy{_path(parameters)}{name}"
    if action in _BY_ARN:
        return _of_kind("policy", parameters)
    return str(parameters.get("PolicyArn") or "")


def _instance_profile(action: str, parameters: Parameters, caller: Caller) -> str:
    name = parameters.get("InstanceProfileName", "")
    if action == "CreateInstanceProfile":
        return f"arn:aws:iam::{caller.account}:instance-profile{_path(parameters)}{name}"
    for profile in moto_state.iam(caller.account).instance_profiles.values():
        if profile.name == name:
            return str(profile.arn)
    return f"arn:aws:iam::{caller.account}:instance-profile/{name}" if name else ""


def _mfa(action: str, parameters: Parameters, caller: Caller) -> str:
    if action == "CreateVirtualMFADevice":
        name = parameters.get("VirtualMFADeviceName", "")
        return f"arn:aws:iam::{caller.account}:mfa{_path(parameters)}{name}"
    return str(parameters.get("SerialNumber") or "")


def _stated(name: str) -> Callable[[str, Parameters, Caller], str]:
    return lambda _action, parameters, _caller: str(parameters.get(name) or "")


def _named(kind: str, name: str) -> Callable[[str, Parameters, Caller], str]:
    def locate(_action: str, parameters: Parameters, caller: Caller) -> str:
        value = parameters.get(name)
        return f"arn:aws:iam::{caller.account}:{kind}/{value}" if value else ""

    return locate


def _oidc(action: str, parameters: Parameters, caller: Caller) -> str:
    if action == "CreateOpenIDConnectProvider":
        url = str(parameters.get("Url", "")).removeprefix("https://")
        return f"arn:aws:iam::{caller.account}:oidc-provider/{url}"
    return str(parameters.get("OpenIDConnectProviderArn") or "")


def _saml(action: str, parameters: Parameters, caller: Caller) -> str:
    if action == "CreateSAMLProvider":
        return f"arn:aws:iam::{caller.account}:saml-provider/{parameters.get('Name', '')}"
    return str(parameters.get("SAMLProviderArn") or "")


_LOCATE: Mapping[str, Callable[[str, Parameters, Caller], str]] = {
    "user": _user,
    "role": _role,
    "group": _group,
    "policy": _policy,
    "instance-profile": _instance_profile,
    "mfa": _mfa,
    "oidc-provider": _oidc,
    "saml-provider": _saml,
    "server-certificate": _named("server-certificate", "ServerCertificateName"),
    "access-report": _stated("Arn"),
}


def _after_update(action: str, parameters: Parameters, caller: Caller) -> str:
    """Return the ARN after a rename or move: IAM wants the permission on both ends."""
    kind, name, new_name = (
        ("user", "UserName", "NewUserName")
        if action == "UpdateUser"
        else ("group", "GroupName", "NewGroupName")
    )
    state = moto_state.iam(caller.account)
    entity = (state.users if kind == "user" else state.groups).get(parameters.get(name, ""))
    path = parameters.get("NewPath") or (entity.path if entity is not None else "/")
    return f"arn:aws:iam::{caller.account}:{kind}{path}" + str(
        parameters.get(new_name) or parameters.get(name, "")
    )
