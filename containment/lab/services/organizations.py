"""Organizations as AWS answers it: moto's implementation, with the quotas it does not keep.

Source: AWS Organizations User Guide, "Quotas and service limits for AWS Organizations": ten service
control policies a target, of up to 10,240 characters each, since 15 May 2026.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from moto.core.utils import get_service_model
from moto.organizations.models import FakeDelegatedAdministrator
from moto.organizations.responses import OrganizationsResponse

from containment.iam_policy.conditions import UnknownOperatorError
from containment.iam_policy.policies import compile_policy
from containment.lab.protocol import value_checks
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.lab.authn.callers import Caller

_SIZES = {"SERVICE_CONTROL_POLICY": 10_240, "RESOURCE_CONTROL_POLICY": 5120}
_ATTACHED = {"SERVICE_CONTROL_POLICY": 10}
_FEWEST_ATTACHED = 5


class LabOrganizations(OrganizationsResponse):
    """Every Organizations operation of the lab."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self.caller = caller

    def answer(self, request: Any, url: str, headers: Any) -> Any:
        """Answer one call."""
        return self._dispatch(request, url, headers)

    def call_action(self) -> Any:
        """Check the parameters against the model, then act: moto reads them as they come."""
        shape = get_service_model("organizations").operation_model(self._get_action()).input_shape
        parameters = cast("dict[str, Any]", json.loads(self.body or "{}"))
        problems = value_checks.violations(shape, parameters) if shape is not None else []
        if problems:
            raise _refused("InvalidInputException", value_checks.sentence(problems))
        return super().call_action()

    def register_delegated_administrator(self) -> Any:
        """Let an account administer a service of those that Organizations knows."""
        service = self._get_param("ServicePrincipal")
        if not FakeDelegatedAdministrator.supported_service(service):
            raise _refused(
                "InvalidInputException", "You specified an unrecognized service principal."
            )
        return super().register_delegated_administrator()

    def update_organizational_unit(self) -> Any:
        """Rename a unit; without a name nothing changes."""
        if self._get_param("Name") is None:
            return self.describe_organizational_unit()
        return super().update_organizational_unit()

    def leave_organization(self) -> str:
        """Take the caller's account out of the organisation; the management account cannot go."""
        state, account = moto_state.organization(), self.caller.account
        if not moto_state.in_organization(account):
            raise _refused(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        if state.org is not None and account == state.org.master_account_id:
            raise _refused(
                "MasterCannotLeaveOrganizationException",
                "You can't remove a management account from an organization.",
            )
        state.remove_account_from_organization(AccountId=account)
        return ""

    def create_policy(self) -> Any:
        """Make a policy that is well formed and not too long."""
        _check_content(str(self._get_param("Content")), str(self._get_param("Type")))
        return super().create_policy()

    def update_policy(self) -> Any:
        """Change a policy, within the same limits."""
        content = self._get_param("Content")
        kind = _policy(self._get_param("PolicyId")).type
        if content is not None:
            _check_content(str(content), str(kind))
        return super().update_policy()

    def attach_policy(self) -> Any:
        """Attach one policy more, up to the quota, and none twice."""
        policy, target = _policy(self._get_param("PolicyId")), _target(self._get_param("TargetId"))
        attached = [one for one in target.attached_policies if one.type == policy.type]
        if policy in attached:
            raise _refused(
                "DuplicatePolicyAttachmentException",
                "A policy with the same name and type is already attached to the target.",
            )
        if len(attached) >= _ATTACHED.get(policy.type, _FEWEST_ATTACHED):
            raise _refused(
                "ConstraintViolationException",
                "You have attached the maximum number of policies to the target.",
            )
        return super().attach_policy()

    def detach_policy(self) -> Any:
        """Detach a policy, unless it is the last of its type."""
        policy, target = _policy(self._get_param("PolicyId")), _target(self._get_param("TargetId"))
        attached = [one for one in target.attached_policies if one.type == policy.type]
        if policy in attached and len(attached) == 1 and policy.type in _SIZES:
            raise _refused(
                "ConstraintViolationException",
                "You cannot remove the last policy attached to the specified target. "
                "You must have at least one attached at all times.",
            )
        return super().detach_policy()


def _policy(policy_id: Any) -> Any:
    for policy in moto_state.organization().policies:
        if policy.id == policy_id:
            return policy
    raise _refused(
        "PolicyNotFoundException", "We can't find a policy with the PolicyId that you specified."
    )


def _target(target_id: Any) -> Any:
    state = moto_state.organization()
    targets: tuple[Any, ...] = (*state.ou, *state.accounts)
    for target in targets:
        if target.id == target_id:
            return target
    raise _refused(
        "TargetNotFoundException",
        "We can't find a root, OU, or account with the TargetId that you specified.",
    )


def _check_content(content: str, kind: str) -> None:
    if kind not in _SIZES:
        return
    if len(content) > _SIZES[kind]:
        raise _refused(
            "ConstraintViolationException",
            f"The policy document exceeds the maximum size of {_SIZES[kind]} characters.",
        )
    try:
        compile_policy(content)
    except (ValueError, KeyError, TypeError, AttributeError, UnknownOperatorError) as error:
        raise _refused(
            "MalformedPolicyDocumentException", f"The provided policy document is invalid: {error}"
        ) from error


def _refused(code: str, message: str) -> Refusal:
    return Refusal(Reason.MALFORMED, message, code=code, status=400)


def answer(caller: Caller) -> Callable[..., Any]:
    """Return what handles Organizations calls of *caller*."""
    return LabOrganizations(caller).answer
