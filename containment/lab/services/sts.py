"""STS as AWS answers it: sessions that are real, limited and bound to who asked for them.

Sources: AWS STS API Reference (each operation's page); IAM User Guide, "Roles terms and concepts"
(role chaining).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.iam.exceptions import IAMException, MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from moto.sts.responses import TokenResponse

from containment.iam_policy.conditions import UnknownOperatorError
from containment.iam_policy.policies import compile_policy
from containment.lab.authz import denials
from containment.lab.protocol import value_checks
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.services.iam import root as iam_root
from containment.lab.state import aws_managed, moto_state, quotas

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.lab.authn.callers import Caller
    from containment.lab.authn.sessions import Session, Sessions
    from containment.lab.state.facts import Facts

_HOUR = 3600
_CHAIN_LIMIT = _HOUR
_POLICY_SIZE = 2048
_ROOT_SESSION = 900
# A task's policy denies all that is none of it, and allows nothing.
_ALL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
    }
)
_TASKS = f"{aws_managed.PREFIX}root-task/"
_DEFAULT_USER_SESSION = 12 * _HOUR
_SESSION_POLICY_ARNS = 10


class LabSts(TokenResponse):
    """Every STS operation of the lab, on behalf of one caller."""

    def __init__(self, caller: Caller, sessions: Sessions, facts: Facts) -> None:
        super().__init__()
        self.caller = caller
        self.sessions = sessions
        self.facts = facts

    def answer(self, request: Any, url: str, headers: Any) -> Any:
        """Answer one call."""
        return self._dispatch(request, url, headers)

    def call_action(self) -> Any:
        """Check the parameters against the model, then act."""
        self.params.update(self.caller.asserted)
        shape = get_service_model("sts").operation_model(self._get_action()).input_shape
        problems = (
            value_checks.violations(shape, cast("dict[str, Any]", self.params)) if shape else []
        )
        if problems:
            raise _error(value_checks.sentence(problems))
        return super().call_action()

    def get_caller_identity(self) -> ActionResult:
        """Say who the caller is."""
        caller = self.caller
        return ActionResult(
            {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
        )

    def get_session_token(self) -> ActionResult:
        """Give a user temporary credentials with the user's own permissions."""
        self._only_a_user("GetSessionToken")
        mfa = self._mfa_presented()
        session = self.sessions.issue(
            kind="user",
            account=self.caller.account,
            principal_id=self.caller.unique_id,
            principal_name=self.caller.name,
            name=self.caller.name,
            now=moto_state.clock(),
            seconds=self._get_int_param("DurationSeconds", _DEFAULT_USER_SESSION),
            mfa=mfa,
        )
        return ActionResult({"Credentials": _credentials(session)})

    def get_federation_token(self) -> ActionResult:
        """Give a federated user what both the user and the passed policies allow."""
        self._only_a_user("GetFederationToken")
        name = self._get_param("Name")
        policies = self._session_policies()
        session = self.sessions.issue(
            kind="federated",
            account=self.caller.account,
            principal_id=self.caller.unique_id,
            principal_name=self.caller.name,
            name=name,
            now=moto_state.clock(),
            seconds=self._get_int_param("DurationSeconds", _DEFAULT_USER_SESSION),
            policies=policies or (),
            tags=self._tags(),
        )
        account = self.caller.account
        return ActionResult(
            {
                "Credentials": _credentials(session),
                "FederatedUser": {
                    "FederatedUserId": f"{account}:{name}",
                    "Arn": f"arn:aws:sts::{account}:federated-user/{name}",
                },
                "PackedPolicySize": _packed(policies),
            }
        )

    def assume_role(self) -> ActionResult:
        """Give the session of a role; the gate has asked the trust policy already."""
        account, role = self._role()
        seconds = self._get_int_param("DurationSeconds", _HOUR)
        chained = self.caller.kind == "role"
        if chained and seconds > _CHAIN_LIMIT:
            raise _error(
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining"
            )
        _refuse_too_long(role, seconds)
        return ActionResult(self._issue(account, role, seconds=seconds))

    def assume_role_with_web_identity(self) -> ActionResult:
        """Give the session of a role to somebody an identity provider vouches for."""
        claims = self.caller.claims
        return self._vouched_for(
            {
                "SubjectFromWebIdentityToken": self.caller.name,
                "Provider": self.caller.identity.federated,
                "Audience": next(v for k, v in claims.items() if k.endswith(":aud")),
            }
        )

    def assume_role_with_saml(self) -> ActionResult:
        """Give the session of a role to somebody whom a SAML assertion is about."""
        claims = self.caller.claims
        return self._vouched_for(
            {
                "Subject": claims["saml:sub"],
                "SubjectType": claims["saml:sub_type"],
                "Issuer": claims["saml:iss"],
                "Audience": claims["saml:aud"],
                "NameQualifier": claims["saml:namequalifier"],
            }
        )

    def _vouched_for(self, about: dict[str, Any]) -> ActionResult:
        account, role = self._role()
        seconds = self._get_int_param("DurationSeconds", _HOUR)
        _refuse_too_long(role, seconds)
        ends = self.caller.asserted.get("SessionNotOnOrAfter")
        if ends is not None:
            seconds = min(seconds, int((ends - moto_state.clock()).total_seconds()))
        return ActionResult({**self._issue(account, role, seconds=seconds), **about})

    def assume_root(self) -> ActionResult:
        """Give the management account a session of a member's root user, for one task.

        Source: AWS STS API Reference, "AssumeRoot".
        """
        target = str(self._get_param("TargetPrincipal"))
        account = target.split(":")[4] if target.startswith("arn:") else target
        task = str((self._get_param("TaskPolicyArn") or {}).get("arn", ""))
        organization = moto_state.organization().org
        lets = (
            organization is not None
            and self.caller.account == organization.master_account_id != account
            and moto_state.in_organization(account)
            and iam_root.SESSIONS in iam_root.features()
        )
        document = aws_managed.document(task) if task.startswith(_TASKS) else ""
        if not lets or not document:
            raise Refusal(
                Reason.DENIED,
                f"User: {self.caller.arn} is not authorized to perform: sts:AssumeRoot "
                f"on resource: arn:aws:iam::{account}:root",
            )
        session = self.sessions.issue(
            kind="root",
            account=account,
            principal_id=account,
            principal_name="root",
            name="root",
            now=moto_state.clock(),
            seconds=self._get_int_param("DurationSeconds", _ROOT_SESSION),
            policies=(document, _ALL),
            source_identity=self._source_identity(None),
        )
        return ActionResult({"Credentials": _credentials(session)})

    def _role(self) -> tuple[str, Any]:
        account = self._get_param("RoleArn").split(":")[4]
        name = self._get_param("RoleArn").rsplit("/", 1)[-1]
        role = moto_state.iam(account).roles.get(moto_state.role_id(account, name))
        if role is None:
            arn = self._get_param("RoleArn")
            raise Refusal(
                Reason.DENIED,
                f"User: {self.caller.arn} is not authorized to perform: sts:AssumeRole "
                f"on resource: {arn}",
            )
        return account, role

    def _issue(self, account: str, role: Any, *, seconds: int) -> dict[str, Any]:
        before = self.caller.session if self.caller.kind == "role" else None
        policies = self._session_policies()
        inherited = () if before is None else before.tags
        transitive = frozenset(self._get_param("TransitiveTagKeys", []))
        if before is not None:
            transitive |= before.transitive
        kept = {key: value for key, value in inherited if key in transitive}
        if {key.lower() for key in kept} & {key.lower() for key, _ in self._tags()}:
            raise _error(
                "One or more of the session tags have the key of a transitive tag of the caller, "
                "which cannot be changed",
                code="InvalidParameterValue",
            )
        tags = kept | dict(self._tags())
        session = self.sessions.issue(
            kind="role",
            account=account,
            principal_id=role.id,
            principal_name=role.name,
            name=self._get_param("RoleSessionName"),
            now=moto_state.clock(),
            seconds=seconds,
            policies=policies,
            tags=tuple(tags.items()),
            transitive=transitive,
            source_identity=self._source_identity(before),
            mfa=self._mfa_presented(),
            federated_provider=self.caller.identity.federated,
            context=self.caller.kept,
            chain=0 if before is None else before.chain + 1,
        )
        role.last_used = moto_state.clock().replace(tzinfo=None)
        role.last_used_region = self.region
        result: dict[str, Any] = {
            "Credentials": _credentials(session),
            "AssumedRoleUser": {
                "AssumedRoleId": f"{role.id}:{session.name}",
                "Arn": f"arn:aws:sts::{account}:assumed-role/{role.name}/{session.name}",
            },
            "PackedPolicySize": _packed(policies),
        }
        if session.source_identity:
            result["SourceIdentity"] = session.source_identity
        return result

    def _source_identity(self, before: Session | None) -> str:
        stated = str(self._get_param("SourceIdentity") or "")
        set_before = before.source_identity if before is not None else ""
        if set_before and stated and stated != set_before:
            raise Refusal(
                Reason.DENIED,
                "The source identity of a session cannot be changed while chaining roles",
            )
        return set_before or stated

    def get_access_key_info(self) -> ActionResult:
        """Say whose account a key id belongs to, which the id itself tells."""
        from moto.iam.models import iam_backends

        key_id = self._get_param("AccessKeyId")
        session = self.sessions.find(key_id)
        if session is not None:
            return ActionResult({"Account": session.account})
        for account in list(iam_backends):
            if key_id in moto_state.iam(account).access_keys:
                return ActionResult({"Account": account})
        raise _error(f"Invalid access key: {key_id}")

    def decode_authorization_message(self) -> ActionResult:
        """Say what a service encoded into its denial."""
        try:
            decoded = denials.decode(self._get_param("EncodedMessage"))
        except ValueError as error:
            raise _error(
                "Message is not valid", code="InvalidAuthorizationMessageException"
            ) from error
        return ActionResult({"DecodedMessage": decoded})

    def _only_a_user(self, operation: str) -> None:
        if self.caller.kind != "user" or self.caller.session is not None:
            raise Refusal(Reason.DENIED, f"Cannot call {operation} with session credentials")

    def _tags(self) -> tuple[tuple[str, str], ...]:
        tags = self._get_param("Tags", [])
        _check_tags(tags)
        return tuple((tag["Key"], tag["Value"]) for tag in tags)

    def _mfa_presented(self) -> bool:
        serial = self._get_param("SerialNumber")
        if not serial and not self._get_param("TokenCode"):
            return False
        user = moto_state.iam(self.caller.account).users.get(self.caller.name)
        if user is None or serial not in user.mfa_devices or not self._get_param("TokenCode"):
            raise Refusal(
                Reason.DENIED,
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
            )
        return True

    def _session_policies(self) -> tuple[str, ...] | None:
        inline = self._get_param("Policy")
        arns = [item["arn"] for item in self._get_param("PolicyArns", [])]
        if inline is None and not arns:
            return None
        if len(arns) > _SESSION_POLICY_ARNS:
            raise _error("The number of policy ARNs exceeds the limit of 10")
        documents = []
        if inline is not None:
            _check_policy(inline)
            documents.append(inline)
        for arn in arns:
            document = self.facts(("policy", self.caller.account, arn)).get(("document",))
            if document is None:
                raise _error(f"Could not find managed policy {arn}")
            documents.append(document)
        if sum(map(quotas.size, documents)) > _POLICY_SIZE:
            raise _error(
                "Packed policy consumes more than 100% of allotted space.",
                code="PackedPolicyTooLarge",
            )
        return tuple(documents)


def _refuse_too_long(role: Any, seconds: int) -> None:
    if seconds > int(role.max_session_duration or _HOUR):
        raise _error(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


def _check_tags(tags: list[dict[str, str]]) -> None:
    try:
        quotas.tags([], tags)
    except IAMException as error:
        raise _error(error.message, code="InvalidParameterValue") from error


def _check_policy(document: str) -> None:
    try:
        IAMPolicyDocumentValidator(document).validate()
        compile_policy(document)
    except (MalformedPolicyDocument, UnknownOperatorError, json.JSONDecodeError) as error:
        raise _error(
            f"The policy is not in the valid JSON format: {error}", code="MalformedPolicyDocument"
        ) from error


def _packed(policies: tuple[str, ...] | None) -> int | None:
    if policies is None:
        return None
    return max(1, sum(map(quotas.size, policies)) * 100 // _POLICY_SIZE)


def _credentials(session: Session) -> dict[str, Any]:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.token,
        "Expiration": session.expires.replace(tzinfo=None),
    }


def _error(message: str, *, code: str = "ValidationError") -> Refusal:
    return Refusal(Reason.MALFORMED, message, code=code, status=400)


def answer(caller: Caller, sessions: Sessions, facts: Facts) -> Callable[..., Any]:
    """Return what handles STS calls of *caller*."""

    def handle(request: Any, url: str, headers: Any) -> Any:
        return LabSts(caller, sessions, facts).answer(request, url, headers)

    return handle
