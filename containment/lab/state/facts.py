"""What a decision depends on, read out of moto as flat entities.

An entity is a mapping of entries to text: everything about a user, role, group, key, managed
policy or organisation target that changes what is allowed. An entity that does not exist is
empty. Because decisions read nothing but entities, whatever lags behind in AWS can be made to lag
here, entry by entry, without forgetting a kind of state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, Protocol

from containment.lab.state import aws_managed, moto_state

if TYPE_CHECKING:
    from moto.iam.models import Group, Role, User

Kind = Literal["key", "credential", "user", "role", "group", "policy", "target", "control policy"]
Entry = tuple[str, ...]
Entity = Mapping[Entry, str]
# (kind, account or "", id of a key or credential, name, unique id of a role, ARN or id)
Item = tuple[Kind, str, str]


class Facts(Protocol):
    """Answers what an item looks like to the party that enforces."""

    def __call__(self, item: Item) -> Entity: ...


def read(item: Item) -> Entity:
    """Return the entity as it is now."""
    kind, account, name = item
    return _READERS[kind](account, name)


def every_item() -> Iterator[Item]:
    """Yield everything that exists, AWS's own policies left out: those never change."""
    from moto.iam.models import iam_backends

    for account in list(iam_backends):
        state = moto_state.iam(account)
        for name in list(state.users):
            yield "user", account, name
        for role_id in list(state.roles):
            yield "role", account, role_id
        for name in list(state.groups):
            yield "group", account, name
        for key_id in list(state.access_keys):
            yield "key", "", key_id
        for arn in list(state.managed_policies):
            if not arn.startswith(aws_managed.PREFIX):
                yield "policy", account, arn
    yield from _credentials()
    organization = moto_state.organization()
    targets: tuple[Any, ...] = (*organization.ou, *organization.accounts)
    for target in targets:
        yield "target", "", target.id
    for policy in organization.policies:
        yield "control policy", "", policy.id


def _key(_account: str, key_id: str) -> Entity:
    from moto.iam.models import iam_backends

    for account in list(iam_backends):
        state = moto_state.iam(account)
        key = state.access_keys.get(key_id)
        if key is not None and key.user_name is not None:
            user = state.users.get(key.user_name)
            if user is None:
                return {}
            return {
                ("account",): account,
                ("user",): key.user_name,
                ("status",): key.status,
                ("secret",): key.secret_access_key,
            }
    return {}


def _credentials() -> Iterator[Item]:
    for _, _, credential in moto_state.every_service_credential():
        yield "credential", "", credential["ServiceSpecificCredentialId"]


def _credential(_account: str, credential_id: str) -> Entity:
    for account, user, credential in moto_state.every_service_credential():
        if credential["ServiceSpecificCredentialId"] == credential_id:
            entity: dict[Entry, str] = {
                ("account",): account,
                ("user",): user.name,
                ("status",): credential["Status"],
                ("service",): credential["ServiceName"],
            }
            expires = credential.get("ExpirationDate")
            if expires is not None:
                entity["expires",] = str(expires.replace(tzinfo=UTC).timestamp())
            return entity
    return {}


def _policies(entity: dict[Entry, str], owner: User | Role | Group) -> None:
    for name, document in owner.policies.items():
        entity["inline", name] = document
    for arn in owner.managed_policies:
        entity["attached", arn] = ""


def _user(account: str, name: str) -> Entity:
    state = moto_state.iam(account)
    user = state.users.get(name)
    if user is None:
        return {}
    entity: dict[Entry, str] = {("id",): user.id, ("path",): user.path, ("name",): user.name}
    _policies(entity, user)
    boundary = getattr(user, "permissions_boundary_arn", None)
    if boundary:
        entity["boundary",] = boundary
    for group in state.groups.values():
        if user in group.users:
            entity["group", group.name] = ""
    for tag in user.tags or ():
        entity["tag", tag["Key"]] = tag["Value"]
    return entity


def _role(account: str, role_id: str) -> Entity:
    role = moto_state.iam(account).roles.get(role_id)
    if role is None:
        return {}
    entity: dict[Entry, str] = {
        ("id",): role.id,
        ("path",): role.path,
        ("name",): role.name,
        ("trust",): role.assume_role_policy_document,
    }
    _policies(entity, role)
    if role.permissions_boundary_arn:
        entity["boundary",] = role.permissions_boundary_arn
    for tag in role.tags or ():
        entity["tag", tag["Key"]] = tag["Value"]
    return entity


def _group(account: str, name: str) -> Entity:
    group = moto_state.iam(account).groups.get(name)
    if group is None:
        return {}
    entity: dict[Entry, str] = {("id",): group.id}
    _policies(entity, group)
    return entity


def _policy(account: str, arn: str) -> Entity:
    if arn.startswith(aws_managed.PREFIX):
        return {("document",): aws_managed.document(arn)}
    policy = moto_state.iam(account).managed_policies.get(arn)
    if policy is None:
        return {}
    default = next(v for v in policy.versions if v.version_id == policy.default_version_id)
    return {("document",): default.document}


def _target(_account: str, target_id: str) -> Entity:
    organization = moto_state.organization()
    targets: tuple[Any, ...] = (*organization.ou, *organization.accounts)
    for target in targets:
        if target.id == target_id:
            entity: dict[Entry, str] = {("parent",): getattr(target, "parent_id", None) or ""}
            for policy in target.attached_policies:
                entity[policy.type, policy.id] = ""
            return entity
    return {}


def _control_policy(_account: str, policy_id: str) -> Entity:
    for policy in moto_state.organization().policies:
        if policy.id == policy_id:
            return {("document",): policy.content or ""}
    return {}


_READERS: Mapping[Kind, Callable[[str, str], Entity]] = {
    "key": _key,
    "credential": _credential,
    "user": _user,
    "role": _role,
    "group": _group,
    "policy": _policy,
    "target": _target,
    "control policy": _control_policy,
}
