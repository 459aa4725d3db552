"""IAM as AWS answers it: moto's implementation, with the refusals and the operations it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult, EmptyResult
from moto.core.serialize import url_encode
from moto.core.utils import get_service_model
from moto.iam.exceptions import IAMException, MalformedPolicyDocument, NoSuchEntity, ValidationError
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from moto.iam.responses import IamResponse

from containment.lab import aws_managed, ground, quotas, trust, value_checks
from containment.lab.iam.conditions import UnknownOperatorError
from containment.lab.iam.policies import compile_policy
from containment.lab.iam_credentials import CredentialOperations
from containment.lab.iam_principals import PrincipalOperations
from containment.lab.iam_simulation import SimulationOperations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containment.lab.callers import Caller

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


def _trust_for_answer(document: Any) -> Any:
    return url_encode(trust.shown(document))


class LabIam(PrincipalOperations, CredentialOperations, SimulationOperations, IamResponse):
    """Every IAM operation of the lab, on behalf of one caller."""

    RESPONSE_KEY_PATH_TO_TRANSFORMER = {  # noqa: RUF012 -- moto declares it on the instance
        **IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER,
        **{
            f"{path}.AssumeRolePolicyDocument": _trust_for_answer
            for path in (
                "CreateRoleResponse.Role",
                "GetRoleResponse.Role",
                "ListRolesResponse.Roles.Role",
                "UpdateRoleDescriptionResponse.Role",
                "CreateServiceLinkedRoleResponse.Role",
                "GetInstanceProfileResponse.InstanceProfile.Roles.Role",
                "CreateInstanceProfileResponse.InstanceProfile.Roles.Role",
                "ListInstanceProfilesResponse.InstanceProfiles.InstanceProfile.Roles.Role",
                "ListInstanceProfilesForRoleResponse.InstanceProfiles.InstanceProfile.Roles.Role",
                "GetAccountAuthorizationDetailsResponse.RoleDetailList.RoleDetail",
            )
        },
    }

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self.caller = caller

    def answer(self, request: Any, url: str, headers: Any) -> Any:
        """Answer one call."""
        return self._dispatch(request, url, headers)

    def call_action(self) -> Any:
        """Check what AWS checks before it does anything, then do it."""
        try:
            self._check()
        except IAMException as error:
            status, headers, body = self.serialized(ActionResult(error))
            return status, headers, body
        return super().call_action()

    def parse_parameters(self, request: Any) -> None:
        """Read the parameters; where a user name is optional the caller's own is meant."""
        super().parse_parameters(request)
        shape = self._input_shape()
        if (
            shape is not None
            and "UserName" in shape.members
            and "UserName" not in self.params
            and self.caller.kind == "user"
            and self._get_action() != "GetAccessKeyLastUsed"
        ):
            self.params["UserName"] = self.caller.name

    def _input_shape(self) -> Any:
        return get_service_model("iam").operation_model(self._get_action()).input_shape

    def _check(self) -> None:
        action = self._get_action()
        shape = self._input_shape()
        if shape is not None:
            found = value_checks.violations(shape, self.params)
            if found:
                raise ValidationError(value_checks.sentence(found))
        self._refuse_protected_role(action)
        arn = self.params.get("PolicyArn") or self.params.get("PermissionsBoundary") or ""
        if arn.startswith(aws_managed.PREFIX):
            aws_managed.ensure(self.current_account, arn)
        for prefix, check in _CHECKS.items():
            if action.startswith(prefix):
                check(self, cast("dict[str, Any]", self.params))

    def _refuse_protected_role(self, action: str) -> None:
        if action not in _ROLE_EDITS:
            return
        name = str(self.params.get("RoleName", ""))
        role = self.backend.roles.get(ground.role_id(self.current_account, name))
        if role is None:
            return
        if role.path.startswith("/aws-service-role/") or name.startswith("AWSReservedSSO_"):
            raise IAMException(
                "UnmodifiableEntity",
                f"Cannot perform the operation on the protected role '{name}' - "
                "this role is only modifiable by AWS",
            )

    def update_assume_role_policy(self) -> ActionResult:
        """Store a trust policy by what its principals are."""
        role = self.backend.get_role(self._get_param("RoleName"))
        document = self._get_param("PolicyDocument")
        role.assume_role_policy_document = trust.stored(document)
        quotas.trust(trust.shown(role.assume_role_policy_document))
        return EmptyResult()

    def create_role(self) -> ActionResult:
        """Make a role, its trust policy stored by what its principals are."""
        kept = trust.stored(self._get_param("AssumeRolePolicyDocument"))
        quotas.trust(trust.shown(kept))
        self.params["AssumeRolePolicyDocument"] = kept
        return super().create_role()


def _inline(api: LabIam, parameters: dict[str, Any]) -> None:
    kind = next(k for k in ("User", "Role", "Group") if f"{k}Name" in parameters)
    _identity_policy(parameters["PolicyDocument"])
    owner: Any = {
        "User": api.backend.get_user,
        "Role": api.backend.get_role,
        "Group": api.backend.get_group,
    }[kind](parameters[f"{kind}Name"])
    quotas.inline(kind.lower(), owner, parameters["PolicyName"], parameters["PolicyDocument"])


def _attachment(api: LabIam, parameters: dict[str, Any]) -> None:
    for kind, find in (
        ("User", api.backend.get_user),
        ("Role", api.backend.get_role),
        ("Group", api.backend.get_group),
    ):
        if f"{kind}Name" in parameters:
            arn = parameters["PolicyArn"]
            owner = find(parameters[f"{kind}Name"])
            if arn not in api.backend.managed_policies:
                raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
            quotas.attached(kind.lower(), owner, arn)


def _managed_document(_api: LabIam, parameters: dict[str, Any]) -> None:
    _identity_policy(parameters["PolicyDocument"])
    quotas.managed(parameters["PolicyDocument"])


def _identity_policy(document: str) -> None:
    IAMPolicyDocumentValidator(document).validate()
    try:
        policy = compile_policy(document)
    except UnknownOperatorError as error:
        raise MalformedPolicyDocument("Syntax errors in policy.") from error
    if any(s.principals is not None for s in (*policy.allows, *policy.denies)):
        raise MalformedPolicyDocument("Policy document should not specify a principal.")


_CHECKS: Mapping[str, Callable[[LabIam, dict[str, Any]], None]] = {
    "PutUserPolicy": _inline,
    "PutRolePolicy": _inline,
    "PutGroupPolicy": _inline,
    "AttachUserPolicy": _attachment,
    "AttachRolePolicy": _attachment,
    "AttachGroupPolicy": _attachment,
    "CreatePolicy": _managed_document,
}


def answer(caller: Caller) -> Callable[..., Any]:
    """Return what handles IAM calls of *caller*."""

    def handle(request: Any, url: str, headers: Any) -> Any:
        return LabIam(caller).answer(request, url, headers)

    return handle
