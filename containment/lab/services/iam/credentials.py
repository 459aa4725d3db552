"""Service-specific credentials and service last accessed, which moto does not have.

Sources: IAM API Reference, "CreateServiceSpecificCredential" and "GetServiceLastAccessedDetails".
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import IAMException, LimitExceededException, NoSuchEntity
from moto.iam.responses import IamResponse
from moto.iam.utils import generate_access_key_id_from_account_id, random_alphanumeric

from containment.lab.services.iam.simulation import allowed_services
from containment.lab.services.iam.uploads import check_status
from containment.lab.state import moto_state, usage

if TYPE_CHECKING:
    from containment.lab.authn.callers import Caller

# "You can have a maximum of two sets of service-specific credentials for each service per user."
_PER_SERVICE = 2
_SERVICES = (
    "codecommit.amazonaws.com",
    "cassandra.amazonaws.com",
    "bedrock.amazonaws.com",
    "logs.amazonaws.com",
)
# Those whose credential is an API key ("API keys for AWS services"), which alone can expire.
_API_KEYS = {"bedrock.amazonaws.com": "ABSK", "logs.amazonaws.com": "ACWL"}
_SECRETS = ("ServicePassword", "ServiceCredentialSecret")


class CredentialOperations(IamResponse):
    """Credentials for single services, and who used what last."""

    caller: Caller

    def create_service_specific_credential(self) -> ActionResult:
        """Give a user a credential for one service; its secret is shown this once."""
        user = self.backend.get_user(self._get_param("UserName"))
        service = self._get_param("ServiceName")
        if service not in _SERVICES:
            raise IAMException(
                "NotSupportedService", f"No such service {service} is supported for this operation"
            )
        same = [
            one for one in moto_state.service_credentials(user) if one["ServiceName"] == service
        ]
        if len(same) >= _PER_SERVICE:
            raise LimitExceededException(
                f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {_PER_SERVICE}"
            )
        now = moto_state.clock().replace(tzinfo=None)
        credential: dict[str, Any] = {
            "CreateDate": now,
            "ServiceName": service,
            "ServiceSpecificCredentialId": generate_access_key_id_from_account_id(
                self.current_account, prefix="ACCA", total_length=21
            ),
            "UserName": user.name,
            "Status": "Active",
        }
        days = self._get_param("CredentialAgeDays")
        if days:
            credential["ExpirationDate"] = now + timedelta(days=int(days))
        # The second is told apart by a number (CodeCommit User Guide, "Git credentials").
        number = f"+{len(same)}" if same else ""
        alias = f"{user.name}{number}-at-{self.current_account}"
        if service in _API_KEYS:
            credential["ServiceCredentialAlias"] = alias
            credential["ServiceCredentialSecret"] = _API_KEYS[service] + random_alphanumeric(100)
        else:
            credential["ServiceUserName"] = alias
            credential["ServicePassword"] = random_alphanumeric(44)
        vars(user)["service_specific_credentials"] = [
            *moto_state.service_credentials(user),
            credential,
        ]
        return ActionResult({"ServiceSpecificCredential": credential})

    def list_service_specific_credentials(self) -> ActionResult:
        """List a user's credentials for single services, without their secrets."""
        everybody = self._get_param("AllUsers")
        name = self._get_param("UserName")
        users = list(self.backend.users.values()) if everybody else [self.backend.get_user(name)]
        service = self._get_param("ServiceName")
        credentials = [
            {key: value for key, value in one.items() if key not in _SECRETS}
            for user in users
            for one in moto_state.service_credentials(user)
            if service in {None, one["ServiceName"]}
        ]
        return ActionResult({"ServiceSpecificCredentials": credentials, "IsTruncated": False})

    def update_service_specific_credential(self) -> ActionResult:
        """Change a credential's status."""
        check_status(self._get_param("Status"))
        self._credential()["Status"] = self._get_param("Status")
        return EmptyResult()

    def reset_service_specific_credential(self) -> ActionResult:
        """Give a credential a new secret."""
        credential = self._credential()
        kind = next(name for name in _SECRETS if name in credential)
        credential[kind] = random_alphanumeric(44)
        return ActionResult({"ServiceSpecificCredential": credential})

    def delete_service_specific_credential(self) -> ActionResult:
        """Delete a credential."""
        user = self.backend.get_user(self._get_param("UserName"))
        credential = self._credential()
        vars(user)["service_specific_credentials"] = [
            one for one in moto_state.service_credentials(user) if one is not credential
        ]
        return EmptyResult()

    def _credential(self) -> dict[str, Any]:
        user = self.backend.get_user(self._get_param("UserName"))
        unique_id = self._get_param("ServiceSpecificCredentialId")
        for credential in moto_state.service_credentials(user):
            if credential["ServiceSpecificCredentialId"] == unique_id:
                return credential
        raise NoSuchEntity(f"The Service Specific Credential {unique_id} cannot be found.")

    def generate_service_last_accessed_details(self) -> ActionResult:
        """Begin a report, which is ready at once."""
        arn = self._get_param("Arn")
        job = str(uuid.uuid4())
        jobs_of(self.backend)[job] = (arn, moto_state.clock().replace(tzinfo=None))
        return ActionResult({"JobId": job})

    def get_service_last_accessed_details(self) -> ActionResult:
        """Say which services a principal has used, and when last."""
        job = self._get_param("JobId")
        report = jobs_of(self.backend).get(job)
        if report is None:
            raise NoSuchEntity(f"The job {job} cannot be found.")
        arn, begun = report
        return ActionResult(
            {
                "JobStatus": "COMPLETED",
                "JobCreationDate": begun,
                "JobCompletionDate": begun,
                "IsTruncated": False,
                "ServicesLastAccessed": _last_accessed(arn),
            }
        )


def _last_accessed(arn: str) -> list[dict[str, Any]]:
    """Return the services that a principal has used, and those that it may use and never did."""
    used, services = usage.by_service(arn), []
    for service in sorted({*used, *allowed_services(arn)}):
        entry: dict[str, Any] = {
            "ServiceName": service,
            "ServiceNamespace": service,
            "TotalAuthenticatedEntities": 0,
        }
        if service in used:
            entry |= {
                "LastAuthenticated": used[service].time.replace(tzinfo=None),
                "LastAuthenticatedEntity": arn,
                "LastAuthenticatedRegion": used[service].region,
                "TotalAuthenticatedEntities": 1,
            }
        services.append(entry)
    return services


def jobs_of(state: Any) -> dict[str, Any]:
    """Return the reports of an account, which the lab keeps with its other IAM state."""
    jobs: dict[str, Any] = vars(state).setdefault("last_accessed_jobs", {})
    return jobs
