"""IAM operations on users and roles that moto lacks or gets wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import (
    DeleteConflictException,
    EntityAlreadyExists,
    IAMException,
    NoSuchEntity,
    ValidationError,
)
from moto.iam.responses import IamResponse

from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.services import resource_principals
from containment.lab.services.iam.uploads import check_status
from containment.lab.state import moto_state, passwords, quotas

if TYPE_CHECKING:
    from containment.lab.authn.callers import Caller


# "service-name.amazonaws.com" (CreateServiceLinkedRole), or of a part of a service.
_SERVICE = re.compile(r"([a-z0-9-]+\.)+amazonaws\.com")


class PrincipalOperations(IamResponse):
    """Boundaries, renames, tags, keys and deletions."""

    caller: Caller

    def create_user(self) -> ActionResult:
        """Make a user, with tags and boundary."""
        name = self._get_param("UserName")
        quotas.tags([], self._get_param("Tags", []))
        boundary = self._get_param("PermissionsBoundary")
        if boundary:
            self._require_policy(boundary)
        result = super().create_user()
        if boundary:
            _set_boundary(self.backend.get_user(name), boundary)
        return result

    def get_user(self) -> ActionResult:
        """Answer the user, its boundary and tags included."""
        name = self._get_param("UserName")
        if not name:
            if self.caller.kind == "root":
                raise NoSuchEntity("The account's root user is not an IAM user.")
            raise ValidationError("Must specify userName when calling with non-User credentials")
        return ActionResult({"User": self.backend.get_user(name)})

    def update_user(self) -> ActionResult:
        """Rename or move a user: its unique id, keys, tags and groups stay with it."""
        name = self._get_param("UserName")
        user = self.backend.get_user(name)
        new_name = self._get_param("NewUserName")
        if new_name and any(
            new_name.lower() == other.lower() for other in self.backend.users if other != name
        ):
            raise EntityAlreadyExists(f"User with name {new_name} already exists.")
        tags, old = self.backend.tagger.list_tags_for_resource(user.arn)["Tags"], user.arn
        self.backend.tagger.delete_all_tags_for_resource(user.arn)
        self.backend.update_user(name, self._get_param("NewPath"), new_name)
        self.backend.tagger.tag_resource(user.arn, tags)
        resource_principals.moved(old, user.arn)
        credentials: tuple[Any, ...] = (
            *user.access_keys,
            *user.ssh_public_keys,
            *user.signing_certificates.values(),
        )
        for credential in credentials:
            credential.user_name = user.name
        return EmptyResult()

    def delete_user(self) -> ActionResult:
        """Delete a user that has nothing left: "you must delete the items attached to the user"."""
        user = self.backend.get_user(self._get_param("UserName"))
        for what, items in (
            ("access keys", user.access_keys),
            ("login profile", user.password),
            ("MFA devices", user.mfa_devices),
            ("signing certificates", user.signing_certificates),
            ("SSH public keys", user.ssh_public_keys),
            ("service-specific credentials", vars(user).get("service_specific_credentials")),
        ):
            if items:
                raise DeleteConflictException(f"Cannot delete entity, must delete {what} first.")
        if any(user in group.users for group in self.backend.groups.values()):
            raise DeleteConflictException(
                "Cannot delete entity, must remove users from group first."
            )
        result = super().delete_user()
        resource_principals.moved(user.arn, user.id)
        return result

    def delete_role(self) -> ActionResult:
        """Delete a role; policies that name it go on naming it, and nobody else of its name."""
        role = self.backend.get_role(self._get_param("RoleName"))
        result = super().delete_role()
        resource_principals.moved(role.arn, role.id)
        return result

    def create_service_linked_role(self) -> ActionResult:
        """Make the role of a service, which is named by its endpoint."""
        service = str(self._get_param("AWSServiceName"))
        if not _SERVICE.fullmatch(service):
            raise IAMException("InvalidInput", f"Service name {service} is not valid.")
        return super().create_service_linked_role()

    def remove_role_from_instance_profile(self) -> ActionResult:
        """Take a role out of an instance profile that holds it."""
        name = self._get_param("RoleName")
        profile = self.backend.get_instance_profile(self._get_param("InstanceProfileName"))
        if name not in [role.name for role in profile.roles]:
            raise NoSuchEntity(f"Role {name} in Instance Profile {profile.name} cannot be found.")
        return super().remove_role_from_instance_profile()

    def list_policy_versions(self) -> ActionResult:
        """List a policy's versions; their documents are GetPolicyVersion's alone."""
        arn = self._get_param("PolicyArn")
        return ActionResult(
            {
                "Versions": [
                    {
                        "VersionId": version.version_id,
                        "IsDefaultVersion": version.is_default,
                        "CreateDate": version.create_date,
                    }
                    for version in self.backend.list_policy_versions(arn)
                ],
                "IsTruncated": False,
            }
        )

    def delete_group(self) -> ActionResult:
        """Delete an empty group."""
        group = self.backend.get_group(self._get_param("GroupName"))
        if group.users:
            raise DeleteConflictException(
                "Cannot delete entity, must remove users from group first."
            )
        if group.policies or group.managed_policies:
            raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
        return super().delete_group()

    def put_user_permissions_boundary(self) -> ActionResult:
        """Set a user's boundary."""
        user = self.backend.get_user(self._get_param("UserName"))
        boundary = self._get_param("PermissionsBoundary")
        self._require_policy(boundary)
        _set_boundary(user, boundary)
        return EmptyResult()

    def delete_user_permissions_boundary(self) -> ActionResult:
        """Take a user's boundary away."""
        user = self.backend.get_user(self._get_param("UserName"))
        if not getattr(user, "permissions_boundary_arn", None):
            raise NoSuchEntity(
                f"The user with name {user.name} does not have a permissions boundary."
            )
        _set_boundary(user, None)
        return EmptyResult()

    def put_role_permissions_boundary(self) -> ActionResult:
        """Set a role's boundary."""
        self._require_policy(self._get_param("PermissionsBoundary"))
        return super().put_role_permissions_boundary()

    def delete_policy(self) -> ActionResult:
        """Delete a managed policy that nothing uses and that has one version."""
        arn = self._get_param("PolicyArn")
        policy = self.backend.get_policy(arn)
        owners: tuple[Any, ...] = (
            *self.backend.users.values(),
            *self.backend.roles.values(),
            *self.backend.groups.values(),
        )
        if any(arn in owner.managed_policies for owner in owners):
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if any(getattr(owner, "permissions_boundary_arn", None) == arn for owner in owners):
            raise DeleteConflictException(
                "Cannot delete a policy in use as a permissions boundary."
            )
        if len(policy.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. "
                "Before you delete a policy, you must delete the policy's versions."
            )
        return super().delete_policy()

    def add_user_to_group(self) -> ActionResult:
        """Add a user to a group, up to the quota."""
        name = self._get_param("UserName")
        joined = self.backend.get_groups_for_user(name)
        if self._get_param("GroupName") not in [group.name for group in joined]:
            quotas.groups(len(joined))
        return super().add_user_to_group()

    def attach_user_policy(self) -> ActionResult:
        """Attach a policy; once more changes nothing, and is not counted twice."""
        user = self.backend.get_user(self._get_param("UserName"))
        attached = self._get_param("PolicyArn") in user.managed_policies
        return EmptyResult() if attached else super().attach_user_policy()

    def attach_role_policy(self) -> ActionResult:
        """Attach a policy; once more changes nothing, and is not counted twice."""
        role = self.backend.get_role(self._get_param("RoleName"))
        attached = self._get_param("PolicyArn") in role.managed_policies
        return EmptyResult() if attached else super().attach_role_policy()

    def tag_user(self) -> ActionResult:
        """Tag a user, within the quota; a tag's key keeps its case and is matched without it."""
        user = self.backend.get_user(self._get_param("UserName"))
        new = self._get_param("Tags", [])
        present = self.backend.tagger.list_tags_for_resource(user.arn)["Tags"]
        quotas.tags(present, new)
        self.backend.tagger.delete_all_tags_for_resource(user.arn)
        self.backend.tagger.tag_resource(user.arn, quotas.tagged(present, new))
        return EmptyResult()

    def tag_role(self) -> ActionResult:
        """Tag a role, within the quota; a tag's key keeps its case and is matched without it."""
        role = self.backend.get_role(self._get_param("RoleName"))
        new = self._get_param("Tags", [])
        quotas.tags(role.tags, new)
        role.tags = quotas.tagged(role.tags, new)
        return EmptyResult()

    def untag_user(self) -> ActionResult:
        """Take tags off a user, whatever the case of their keys."""
        user = self.backend.get_user(self._get_param("UserName"))
        keys = {key.lower() for key in self._get_param("TagKeys", [])}
        present = self.backend.tagger.list_tags_for_resource(user.arn)["Tags"]
        self.backend.tagger.delete_all_tags_for_resource(user.arn)
        kept = [tag for tag in present if tag["Key"].lower() not in keys]
        self.backend.tagger.tag_resource(user.arn, kept)
        return EmptyResult()

    def untag_role(self) -> ActionResult:
        """Take tags off a role, whatever the case of their keys."""
        role = self.backend.get_role(self._get_param("RoleName"))
        keys = {key.lower() for key in self._get_param("TagKeys", [])}
        role.tags = [tag for tag in role.tags if tag["Key"].lower() not in keys]
        return EmptyResult()

    def update_access_key(self) -> ActionResult:
        """Change a key's status."""
        check_status(self._get_param("Status"))
        user = self.backend.get_user(self._owner_name())
        user.update_access_key(self._get_param("AccessKeyId"), self._get_param("Status"))
        return EmptyResult()

    def delete_access_key(self) -> ActionResult:
        """Delete a key of a user."""
        self.backend.delete_access_key(self._get_param("AccessKeyId"), self._owner_name())
        return EmptyResult()

    def _owner_name(self) -> str:
        name = self._get_param("UserName")
        if not name:
            raise ValidationError("Must specify userName when calling with non-User credentials")
        return str(name)

    def create_login_profile(self) -> ActionResult:
        """Give a user a password, with the wish to have it changed."""
        user: Any = self.backend.get_user(self._owner_name())
        password = self._get_param("Password")
        if not password:
            raise ValidationError("Must specify a password for an IAM user")
        if user.password:
            raise EntityAlreadyExists(f"Login Profile for user {user.name} already exists.")
        passwords.check(self.backend, password)
        user.password = password
        user.password_reset_required = bool(self._get_param("PasswordResetRequired"))
        vars(user)["password_created"] = moto_state.clock().replace(tzinfo=None)
        return ActionResult({"LoginProfile": _login_profile(user)})

    def get_login_profile(self) -> ActionResult:
        """Tell when a user was given a password; changing it is no new profile."""
        user: Any = self.backend.get_login_profile(self._owner_name())
        return ActionResult({"LoginProfile": _login_profile(user)})

    def delete_login_profile(self) -> ActionResult:
        """Take a user's password away."""
        user: Any = self.backend.get_login_profile(self._owner_name())
        result = super().delete_login_profile()
        vars(user).pop("password_created", None)
        user.password_reset_required = False
        return result

    def update_login_profile(self) -> ActionResult:
        """Change the password, or the wish to have it changed, each only where given."""
        user = self.backend.get_login_profile(self._get_param("UserName"))
        password = self._get_param("Password")
        if password:
            passwords.check(self.backend, password)
            user.password = password
        required = self._get_param("PasswordResetRequired")
        if required is not None:
            user.password_reset_required = required
        return EmptyResult()

    def change_password(self) -> ActionResult:
        """Let a user give itself another password, who knows the one it has."""
        if self.caller.kind != "user":
            raise ValidationError("Only an IAM user can change its password.")
        user = self.backend.get_login_profile(self.caller.name)
        if user.password != self._get_param("OldPassword"):
            raise Refusal(Reason.DENIED, "The old password was incorrect.")
        passwords.check(self.backend, self._get_param("NewPassword"))
        user.password, user.password_reset_required = self._get_param("NewPassword"), False
        return EmptyResult()

    def _require_policy(self, arn: str) -> None:
        if not self.backend.policy_arn_regex.match(arn):
            raise IAMException("InvalidInput", f"ARN {arn} is not valid.")
        if arn not in self.backend.managed_policies:
            raise NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")


def _login_profile(user: Any) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "CreateDate": vars(user).get("password_created", user.create_date),
        "PasswordResetRequired": bool(user.password_reset_required),
    }


def _set_boundary(user: Any, arn: str | None) -> None:
    user.permissions_boundary_arn = arn
    user.permissions_boundary = (
        {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn} if arn else None
    )


def role_named(account: str, name: str) -> Any:
    """Return role *name*, None where there is no such role."""
    return moto_state.iam(account).roles.get(moto_state.role_id(account, name))
