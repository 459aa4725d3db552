"""Root users of member accounts, managed from the organisation's management account.

Source: IAM User Guide, "Centrally manage root access for member accounts"; IAM API Reference,
"EnableOrganizationsRootSessions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse

from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from containment.lab.authn.callers import Caller

SESSIONS, CREDENTIALS = "RootSessions", "RootCredentialsManagement"


def features() -> set[str]:
    """Return what of root management the organisation has turned on."""
    enabled: set[str] = vars(moto_state.organization()).setdefault("lab_root_features", set())
    return enabled


class RootOperations(IamResponse):
    """Turning the management of root users on and off."""

    caller: Caller

    def enable_organizations_root_sessions(self) -> ActionResult:
        """Let the management account take short sessions of members' root users."""
        return self._turned(SESSIONS, on=True)

    def disable_organizations_root_sessions(self) -> ActionResult:
        """End that."""
        return self._turned(SESSIONS, on=False)

    def enable_organizations_root_credentials_management(self) -> ActionResult:
        """Let the management account manage the credentials of members' root users."""
        return self._turned(CREDENTIALS, on=True)

    def disable_organizations_root_credentials_management(self) -> ActionResult:
        """End that."""
        return self._turned(CREDENTIALS, on=False)

    def list_organizations_features(self) -> ActionResult:
        """Say what is turned on."""
        self._only_management()
        return ActionResult(self._features())

    def _turned(self, feature: str, *, on: bool) -> ActionResult:
        self._only_management()
        features().discard(feature)
        if on:
            features().add(feature)
        return ActionResult(self._features())

    def _features(self) -> dict[str, object]:
        organization = moto_state.organization().org
        name = organization.id if organization is not None else ""
        return {"OrganizationId": name, "EnabledFeatures": sorted(features())}

    def _only_management(self) -> None:
        organization = moto_state.organization().org
        if organization is None or organization.master_account_id != self.caller.account:
            raise Refusal(
                Reason.MALFORMED,
                "The request was rejected because the account making the request is not the "
                "management account or delegated administrator account for centralized root "
                "access.",
                code="AccountNotManagementOrDelegatedAdministratorException",
                status=400,
            )
