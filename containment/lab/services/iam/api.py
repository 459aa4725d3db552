"""IAM as AWS answers it: moto's implementation, with the refusals and the operations it lacks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore.model import OperationNotFoundError
from moto.core.responses import ActionContext, ActionResult, EmptyResult
from moto.core.serialize import (
    TimestampSerializer,
    get_serializer_class,
    url_encode,
)
from moto.core.utils import get_service_model
from moto.iam.exceptions import IAMException, ValidationError
from moto.iam.responses import IamResponse

from containment.lab.protocol import value_checks
from containment.lab.services import trust
from containment.lab.services.iam import checks as iam_checks
from containment.lab.services.iam.credentials import CredentialOperations
from containment.lab.services.iam.mfa import MfaOperations
from containment.lab.services.iam.principals import PrincipalOperations
from containment.lab.services.iam.providers import ProviderOperations
from containment.lab.services.iam.root import RootOperations
from containment.lab.services.iam.simulation import SimulationOperations
from containment.lab.services.iam.uploads import UploadOperations
from containment.lab.state import aws_managed, quotas

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from containment.lab.authn.callers import Caller


def _trust_for_answer(document: Any) -> Any:
    return url_encode(trust.shown(document))


def _boundary_for_answer(boundary: Any) -> Any:
    """Return a boundary with the one type that the API Reference gives it."""
    return {**boundary, "PermissionsBoundaryType": "Policy"} if boundary else None


class _WholeSeconds(TimestampSerializer):
    """IAM's times are whole seconds (IAM API Reference, every example of an answer)."""

    def _timestamp_iso8601(self, value: datetime) -> str:
        return value.strftime(self.ISO8601)


@cache
def _serializer(protocol: str) -> Any:
    """Return moto's serializer for *protocol*, with such times."""
    base: Any = get_serializer_class("iam", protocol)

    def start(self: Any, *args: Any, **kwargs: Any) -> None:
        base.__init__(self, *args, **kwargs)
        self._timestamp_serializer = _WholeSeconds(base.DEFAULT_TIMESTAMP_FORMAT)

    return type("InWholeSeconds", (base,), {"__init__": start})


class LabIam(
    PrincipalOperations,
    CredentialOperations,
    MfaOperations,
    UploadOperations,
    ProviderOperations,
    RootOperations,
    SimulationOperations,
    IamResponse,
):
    """Every IAM operation of the lab, on behalf of one caller."""

    RESPONSE_KEY_PATH_TO_TRANSFORMER = {  # noqa: RUF012 -- moto declares it on the instance
        **IamResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER,
        **{
            f"{path}.PermissionsBoundary": _boundary_for_answer
            for path in (
                "CreateRoleResponse.Role",
                "GetRoleResponse.Role",
                "GetAccountAuthorizationDetailsResponse.RoleDetailList.RoleDetail",
            )
        },
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
            and self._get_action() not in {"GetAccessKeyLastUsed", "GetMFADevice"}
        ):
            self.params["UserName"] = self.caller.name

    def _input_shape(self) -> Any:
        return get_service_model("iam").operation_model(self._get_action()).input_shape

    def _check(self) -> None:
        action = self._get_action()
        shape = self._input_shape()
        if shape is not None:
            problems = value_checks.violations(shape, self.params)
            if problems:
                raise ValidationError(value_checks.sentence(problems))
        for name in ("PolicyArn", "PermissionsBoundary"):
            arn = str(self.params.get(name) or "")
            if arn.startswith(aws_managed.PREFIX):
                aws_managed.ensure(self.current_account, arn)
        iam_checks.check(self.backend, action, cast("dict[str, Any]", self.params))

    def serialized(self, action_result: ActionResult) -> Any:
        """Write an answer, its times in whole seconds as IAM's are."""
        service = get_service_model("iam")
        try:
            operation = service.operation_model(self._get_action())
        except OperationNotFoundError:
            return super().serialized(action_result)
        kind = _serializer(self.determine_response_protocol(service))
        context = ActionContext(service, operation, kind, self)
        status, headers, body = action_result.execute_result(context)
        headers.update(self.response_headers)
        return status, headers, body

    def update_assume_role_policy(self) -> ActionResult:
        """Store a trust policy by what its principals are."""
        role = self.backend.get_role(self._get_param("RoleName"))
        kept = trust.stored(self._get_param("PolicyDocument"))
        quotas.trust(trust.shown(kept))
        role.assume_role_policy_document = kept
        return EmptyResult()

    def create_role(self) -> ActionResult:
        """Make a role, its trust policy stored by what its principals are."""
        kept = trust.stored(self._get_param("AssumeRolePolicyDocument"))
        quotas.trust(trust.shown(kept))
        self.params["AssumeRolePolicyDocument"] = kept
        return super().create_role()


def answer(caller: Caller) -> Callable[..., Any]:
    """Return what handles IAM calls of *caller*."""

    def handle(request: Any, url: str, headers: Any) -> Any:
        return LabIam(caller).answer(request, url, headers)

    return handle
