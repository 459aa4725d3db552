"""IAM's lists, in pages and whole, which moto answers in one page or in part."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.iam.exceptions import ValidationError
from moto.iam.responses import IamResponse

from containment.lab.state import aws_managed, moto_state

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = 100


class ReadOperations(IamResponse):
    """Lists of users, groups, policies and everything at once."""

    def list_users(self) -> ActionResult:
        """List users by name, in pages."""
        prefix = self._get_param("PathPrefix") or "/"
        users = [u for u in self.backend.users.values() if u.path.startswith(prefix)]
        return self._page("Users", sorted(users, key=lambda user: str(user.name)))

    def list_groups(self) -> ActionResult:
        """List groups by name, in pages."""
        prefix = self._get_param("PathPrefix") or "/"
        groups = [g for g in self.backend.groups.values() if g.path.startswith(prefix)]
        return self._page("Groups", sorted(groups, key=lambda group: str(group.name)))

    def list_roles(self) -> ActionResult:
        """List roles by name, in pages."""
        prefix = self._get_param("PathPrefix") or "/"
        roles = [r for r in self.backend.roles.values() if r.path.startswith(prefix)]
        return self._page("Roles", sorted(roles, key=lambda role: str(role.name)))

    def list_policies(self) -> ActionResult:
        """List managed policies; AWS's own are all there once somebody asks for them."""
        if self._get_param("Scope", "All") != "Local" and not self._get_param("OnlyAttached"):
            aws_managed.ensure_all(self.current_account)
        return super().list_policies()

    def get_policy(self) -> ActionResult:
        """Answer a managed policy, with how often it limits as a boundary."""
        self._count_bounded(self.backend.get_policy(self._get_param("PolicyArn")))
        return super().get_policy()

    def _count_bounded(self, policy: Any) -> None:
        owners: tuple[Any, ...] = (*self.backend.users.values(), *self.backend.roles.values())
        bounded = sum(_uses(owner, policy.arn, "PermissionsBoundary") for owner in owners)
        vars(policy)["permissions_boundary_usage_count"] = bounded

    def list_access_keys(self) -> ActionResult:
        """List a user's keys, in pages."""
        user: Any = self.backend.get_user(self._get_param("UserName"))
        keys = [
            {
                "UserName": user.name,
                "AccessKeyId": key.access_key_id,
                "Status": key.status,
                "CreateDate": key.create_date,
            }
            for key in user.access_keys
        ]
        return self._page("AccessKeyMetadata", keys)

    def list_user_policies(self) -> ActionResult:
        """List inline policy names of a user, in pages."""
        user = self.backend.get_user(self._get_param("UserName"))
        return self._page("PolicyNames", sorted(user.policies))

    def list_role_policies(self) -> ActionResult:
        """List inline policy names of a role, in pages."""
        role = self.backend.get_role(self._get_param("RoleName"))
        return self._page("PolicyNames", sorted(role.policies))

    def list_group_policies(self) -> ActionResult:
        """List inline policy names of a group, in pages."""
        group = self.backend.get_group(self._get_param("GroupName"))
        return self._page("PolicyNames", sorted(group.policies))

    def list_groups_for_user(self) -> ActionResult:
        """List the groups of a user, in pages."""
        return self._page("Groups", self.backend.get_groups_for_user(self._get_param("UserName")))

    def list_attached_user_policies(self) -> ActionResult:
        """List the managed policies attached to a user, in pages."""
        return self._attachments(self.backend.get_user(self._get_param("UserName")))

    def list_attached_role_policies(self) -> ActionResult:
        """List the managed policies attached to a role, in pages."""
        return self._attachments(self.backend.get_role(self._get_param("RoleName")))

    def list_attached_group_policies(self) -> ActionResult:
        """List the managed policies attached to a group, in pages."""
        return self._attachments(self.backend.get_group(self._get_param("GroupName")))

    def _attachments(self, owner: Any) -> ActionResult:
        prefix = self._get_param("PathPrefix") or "/"
        kept = {p.arn for p in owner.managed_policies.values() if p.path.startswith(prefix)}
        return self._page(
            "AttachedPolicies", [one for one in _attached(owner) if one["PolicyArn"] in kept]
        )

    def list_entities_for_policy(self) -> ActionResult:
        """List who has a policy attached, or as a boundary where that is asked for."""
        arn, prefix = self._get_param("PolicyArn"), self._get_param("PathPrefix") or "/"
        kind = self._get_param("EntityFilter")
        usage = self._get_param("PolicyUsageFilter")
        self.backend.get_policy(arn)
        entities: list[tuple[str, Any]] = []
        for key, entity, owners in (
            ("PolicyGroups", "Group", self.backend.groups.values()),
            ("PolicyUsers", "User", self.backend.users.values()),
            ("PolicyRoles", "Role", self.backend.roles.values()),
        ):
            if kind in {None, entity}:
                everyone: list[Any] = [o for o in owners if o.path.startswith(prefix)]
                entities += [(key, owner) for owner in everyone if _uses(owner, arn, usage)]
        chosen, marker = self._cut(entities)
        result: dict[str, Any] = {"IsTruncated": bool(marker), "Marker": marker}
        for key in ("PolicyGroups", "PolicyUsers", "PolicyRoles"):
            result[key] = [owner for place, owner in chosen if place == key]
        return ActionResult(result)

    def list_user_tags(self) -> ActionResult:
        """List a user's tags, in pages."""
        user = self.backend.get_user(self._get_param("UserName"))
        tags = self.backend.tagger.list_tags_for_resource(user.arn)["Tags"]
        return self._page("Tags", sorted(tags, key=lambda tag: str(tag["Key"])))

    def get_account_authorization_details(self) -> ActionResult:
        """Answer users, groups, roles and policies with everything attached, in pages.

        Without a filter, of the managed policies only the account's own and AWS's that are in use.
        """
        kinds = set(self._get_param("Filter", []))
        details: list[tuple[str, Any]] = []
        if not kinds or "User" in kinds:
            details += [("UserDetailList", user) for user in self.backend.users.values()]
        if not kinds or "Group" in kinds:
            details += [("GroupDetailList", group) for group in self.backend.groups.values()]
        if not kinds or "Role" in kinds:
            details += [("RoleDetailList", role) for role in self.backend.roles.values()]
        for policy in self.backend.managed_policies.values():
            own = not policy.arn.startswith(aws_managed.PREFIX)
            asked = ("LocalManagedPolicy" if own else "AWSManagedPolicy") in kinds
            if asked or (not kinds and (own or policy.attachment_count > 0)):
                self._count_bounded(policy)
                details.append(("Policies", policy))
        chosen, marker = self._cut(details)
        result: dict[str, Any] = {
            "IsTruncated": bool(marker),
            "Marker": marker,
            "UserDetailList": [],
            "GroupDetailList": [],
            "RoleDetailList": [],
            "Policies": [],
        }
        for kind, item in chosen:
            result[kind].append(_DETAILS[kind](item) if kind in _DETAILS else item)
        return ActionResult(result)

    def get_credential_report(self) -> ActionResult:
        """Answer the report with the account's root in it, dated by the lab."""
        answer = super().get_credential_report()
        report: Any = answer.result
        header, _, users = str(report["Content"]).partition("\n")
        root = ["<root_account>", f"arn:aws:iam::{self.current_account}:root"]
        root += ["not_supported"] * 6
        root += ["false"] + ["N/A"] * (header.count(",") - len(root))
        report["Content"] = "\n".join((header, ",".join(root), users))
        report["GeneratedTime"] = moto_state.clock().replace(tzinfo=None)
        return answer

    def _page(self, key: str, items: Sequence[Any]) -> ActionResult:
        chosen, marker = self._cut(items)
        return ActionResult({key: chosen, "IsTruncated": bool(marker), "Marker": marker})

    def _cut(self, items: Sequence[Any]) -> tuple[list[Any], str | None]:
        start, size = 0, int(self._get_param("MaxItems") or _PAGE)
        marker = self._get_param("Marker")
        if marker:
            try:
                start = int(base64.b64decode(marker, validate=True))
            except ValueError as error:
                raise ValidationError("Invalid Marker.") from error
        end = start + size
        following = base64.b64encode(str(end).encode()).decode() if end < len(items) else None
        return list(items[start:end]), following


# Everything attached is in the order of its name, so that an account that is as it was before
# looks as it did before.


def _uses(owner: Any, arn: str, usage: str | None) -> bool:
    attached = arn in owner.managed_policies
    boundary = getattr(owner, "permissions_boundary_arn", None) == arn
    if usage is None:
        return attached or boundary
    return boundary if usage == "PermissionsBoundary" else attached


def _policies(owner: Any) -> list[dict[str, str]]:
    return [
        {"PolicyName": name, "PolicyDocument": quote(document)}
        for name, document in sorted(owner.policies.items())
    ]


def _attached(owner: Any) -> list[dict[str, str]]:
    return sorted(owner.attached_managed_policies, key=lambda one: str(one["PolicyName"]))


def _tags(tags: Any) -> list[dict[str, str]]:
    return sorted(tags or (), key=lambda tag: str(tag["Key"]))


def _user_detail(user: Any) -> dict[str, Any]:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.create_date,
        "UserPolicyList": _policies(user),
        "GroupList": sorted(user.group_list),
        "AttachedManagedPolicies": _attached(user),
        "PermissionsBoundary": getattr(user, "permissions_boundary", None),
        "Tags": _tags(user.tags),
    }


def _group_detail(group: Any) -> dict[str, Any]:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn,
        "CreateDate": group.create_date,
        "GroupPolicyList": _policies(group),
        "AttachedManagedPolicies": _attached(group),
    }


def _role_detail(role: Any) -> dict[str, Any]:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.create_date,
        "AssumeRolePolicyDocument": role.assume_role_policy_document,
        "InstanceProfileList": role.instance_profile_list,
        "RolePolicyList": _policies(role),
        "AttachedManagedPolicies": _attached(role),
        "PermissionsBoundary": role.permissions_boundary,
        "Tags": _tags(role.tags),
        "RoleLastUsed": role.role_last_used if role.last_used else None,
    }


_DETAILS = {
    "UserDetailList": _user_detail,
    "GroupDetailList": _group_detail,
    "RoleDetailList": _role_detail,
}
