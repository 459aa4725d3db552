"""Read what an identity call is about: the user, role, provider, credential or machine.

One small table per kind of call, so that what the trace understands can be read in one place.

Source: the services' API references; the paths are those of real records (docs/trace.md).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from containment.trail.facts.compute import COMPUTE, asked_by, machines_of, values
from containment.trail.facts.principals import arn_of, label, root_arn
from containment.trail.facts.trust_policies import account_of, trusted
from containment.trail.logs.records import loose, text, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.trail.logs.records import Record

MAKES_USER = frozenset({"CreateUser"})
MAKES_ROLE = frozenset({"CreateRole"})
EDITS_TRUST = frozenset({"UpdateAssumeRolePolicy"})
SETS_PASSWORD = frozenset({"CreateLoginProfile", "UpdateLoginProfile", "ChangePassword"})
DROPS_PASSWORD = frozenset({"DeleteLoginProfile"})
# A token for other partitions: its id comes back where it is traded in.
WEB_TOKENS = frozenset({"GetWebIdentityToken"})
SIGN_INS = frozenset({"ConsoleLogin", "SwitchRole", "CreateOAuth2Token"})
SIGNIN_TOKEN = frozenset({"GetSigninToken"})
ASSUMES = frozenset({"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
# API -> the kind of member it makes or changes. The ARN is in the answer or the request.
PROVIDERS = {
    "CreateSAMLProvider": "saml_provider",
    "UpdateSAMLProvider": "saml_provider",
    "CreateOpenIDConnectProvider": "oidc_provider",
    "UpdateOpenIDConnectProviderThumbprint": "oidc_provider",
    "AddClientIDToOpenIDConnectProvider": "oidc_provider",
    "CreateTrustAnchor": "rolesanywhere_trust_anchor",
    "UpdateTrustAnchor": "rolesanywhere_trust_anchor",
    "EnableTrustAnchor": "rolesanywhere_trust_anchor",
    "CreateProfile": "rolesanywhere_profile",
    "UpdateProfile": "rolesanywhere_profile",
    "EnableProfile": "rolesanywhere_profile",
}
USER_CREDENTIALS = {
    "CreateServiceSpecificCredential": "service_specific_credential",
    "ResetServiceSpecificCredential": "service_specific_credential",
    "UploadSSHPublicKey": "ssh_public_key",
    "UploadSigningCertificate": "signing_certificate",
}
# Work that a service does with a role it is passed, under session names that do not tell whose.
PASSES_ROLE = frozenset(
    {
        "CreateDevEndpoint",
        "CreateJob",
        "StartJobRun",
        "UpdateJob",
        "CreateStack",
        "UpdateStack",
        "CreateStateMachine",
        "CreatePipeline",
        "CreateNotebookInstance",
        "CreateTrainingJob",
        "CreateProcessingJob",
        "CreateSchedule",
    }
)
NAMES = (
    MAKES_USER
    | MAKES_ROLE
    | EDITS_TRUST
    | SETS_PASSWORD
    | DROPS_PASSWORD
    | WEB_TOKENS
    | PASSES_ROLE
    | SIGN_INS
    | SIGNIN_TOKEN
    | PROVIDERS.keys()
    | USER_CREDENTIALS.keys()
    | COMPUTE.keys()
)


class Target(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the call is about; every field may be empty."""

    user: str = ""  # label
    user_id: str = ""
    user_arn: str = ""
    role: str = ""  # label
    role_id: str = ""
    role_arn: str = ""
    session: str = ""
    object_id: str = ""  # ARN of a provider, anchor or profile; id of a credential
    via: tuple[str, ...] = ()  # providers, anchors or profiles that let the caller in
    trusts: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    group: str = ""  # group, fleet or request on whose behalf the machines were started
    switched_from: str = ""
    passed: tuple[str, ...] = ()  # labels of roles that a service was given
    account: str = ""  # the account that the credentials are for, where the call names it

    def tokens(self) -> Iterator[str]:
        """Yield every name under which the call can be looked up."""
        for name in (self.user, self.role, self.user_id, self.role_id, self.object_id, self.group):
            if name:
                yield name
        yield from self.via
        yield from self.machines
        yield from self.passed
        if self.switched_from:
            yield self.switched_from
        if self.session:
            yield "session:" + self.session


def target_of(event: Record, name: str, response: Any) -> Target:
    """Return what *event* is about."""
    if name in COMPUTE:
        return _compute(event, name, loose(event.request_parameters), response)
    if name in SIGN_INS or name in SIGNIN_TOKEN:
        extra = loose(event.additional_event_data)
        return Target(
            switched_from=text(value_at(extra, "SwitchFrom")),
            object_id=f"console:{event.who.arn or ''}",
        )
    request = loose(event.request_parameters)
    if name in ASSUMES:
        return _assumed(event, request)
    if name in PASSES_ROLE:
        return Target(passed=tuple(sorted(set(_passed(request, event.account)))))
    if name in _THINGS:
        return _thing(event, name, request, response)
    return _principal(event, request, response)


# Credentials for an account that the request names.
OTHER_ACCOUNTS = frozenset({"AssumeRoot", "GetRoleCredentials"})
_THINGS = WEB_TOKENS | PROVIDERS.keys() | USER_CREDENTIALS.keys() | OTHER_ACCOUNTS


def _thing(event: Record, name: str, request: Any, response: Any) -> Target:
    """Return a provider, a credential or a token by its ARN or id, or an account."""
    if name in OTHER_ACCOUNTS:
        return _elsewhere(event, name, request)
    if name in WEB_TOKENS:
        return Target(object_id=text(value_at(response, "webIdentityTokenId")))
    if name in PROVIDERS:
        return Target(object_id=_provider(response) or _provider(request))
    user = text(value_at(request, "userName"))
    credential_id = _ids(response) or _ids(request)
    return Target(
        user=f"{account_of_call(event)}/user/{user}" if user else "", object_id=credential_id
    )


def account_of_call(event: Record) -> str:
    """Return the account that an IAM call is about: the caller's, as its ARN has it.

    Redacted sets are not always of one mind about it elsewhere in the record.
    """
    return account_of(event.who.arn or "") or event.account


def _principal(event: Record, request: Any, response: Any) -> Target:
    account = account_of_call(event)
    user, role = value_at(response, "user"), value_at(response, "role")
    user_name = text(value_at(user, "userName")) or text(value_at(request, "userName"))
    role_arn = text(value_at(request, "roleArn")) or text(value_at(role, "arn"))
    role_name = text(value_at(role, "roleName")) or text(value_at(request, "roleName"))
    if not role_arn and role_name:
        role_arn = arn_of(account, "role", role_name)
    document = value_at(request, "policyDocument") or value_at(request, "assumeRolePolicyDocument")
    return Target(
        user=f"{account}/user/{user_name}" if user_name else "",
        user_id=text(value_at(user, "userId")),
        user_arn=text(value_at(user, "arn"))
        or (arn_of(account, "user", user_name) if user_name else ""),
        role=label(role_arn) if role_arn else "",
        role_id=text(value_at(role, "roleId")),
        role_arn=role_arn,
        session=text(value_at(request, "roleSessionName")) or text(value_at(request, "name")),
        via=_via(event, request),
        trusts=trusted(document) if document and role_arn else (),
    )


def _assumed(event: Record, request: Any) -> Target:
    """Return the role and the session name of an AssumeRole call, the commonest by far."""
    if not isinstance(request, dict):
        return _NOTHING
    role_arn = request.get("roleArn")
    if not isinstance(role_arn, str):
        role_arn = ""
    session = request.get("roleSessionName")
    return Target(
        role=label(role_arn),
        role_arn=role_arn,
        session=session if isinstance(session, str) else "",
        via=_via(event, request) if event.event_name != "AssumeRole" else (),
    )


_NOTHING = Target()


def _elsewhere(event: Record, name: str, request: Any) -> Target:
    """Return the account reached. AssumeRoot's targetPrincipal is an account id or its root's ARN.

    Sources: STS API Reference, "AssumeRoot"; IAM Identity Center Portal API, "GetRoleCredentials",
    whose role is a permission set: the name of the role in IAM is another one.
    """
    if name == "AssumeRoot":
        named = text(value_at(request, "targetPrincipal"))
        account = account_of(named)
        arn = root_arn(account, named or event.who.arn or "") if account else ""
        return Target(user=label(arn), user_arn=arn, account=account)
    account, role = text(value_at(request, "accountId")), text(value_at(request, "roleName"))
    return Target(account=account, object_id=f"{account} as {role}" if account and role else "")


def _via(event: Record, request: Any) -> tuple[str, ...]:
    """Return the providers, anchors or profiles that let the caller in."""
    names = [text(value_at(request, field)) for field in _LETS_IN]
    provider = _OIDC.match(event.who.principal_id or "")
    if event.who.type == "WebIdentityUser" and provider:
        names.append(provider[0])
    return tuple(filter(None, names))


_LETS_IN = ("principalArn", "trustAnchorArn", "profileArn", "webIdentityTokenId")
# The rest of the id is audience and subject, and a subject may hold any number of colons.
_OIDC = re.compile(r"arn:[\w-]+:iam::\d{12}:oidc-provider/[^:]+", re.ASCII)


def _passed(request: Any, account: str, depth: int = 0) -> Iterator[str]:
    """Yield each role that the request passes; a name stands for a role of the account."""
    if not isinstance(request, dict) or depth > 2:  # noqa: PLR2004 -- pipeline.roleArn and its like
        return
    for name, value in request.items():
        if isinstance(value, dict):
            yield from _passed(value, account, depth + 1)
        elif isinstance(value, str) and name.lower() in _ROLE_FIELDS and value:
            yield label(value if value.startswith("arn:") else arn_of(account, "role", value))


_ROLE_FIELDS = frozenset({"role", "rolearn", "servicerole", "servicerolearn", "executionrolearn"})


def _compute(event: Record, name: str, request: Any, response: Any) -> Target:
    role_arn = text(value_at(request, "role"))
    return Target(
        machines=machines_of(event, request, response),
        group=asked_by(event, request, response) if name == "RunInstances" else "",
        role_arn=role_arn,
        role=label(role_arn) if role_arn else "",
    )


def _provider(tree: Any) -> str:
    """Return the ARN of the provider, anchor or profile; an answer may name others besides."""
    return next((arn for name in _PROVIDER_ARNS for arn in values(tree, name)), "")


_PROVIDER_ARNS = ("sAMLProviderArn", "openIDConnectProviderArn", "trustAnchorArn", "profileArn")


def _ids(tree: Any) -> str:
    if not isinstance(tree, dict):
        return ""
    for name, value in tree.items():
        if name in _CREDENTIAL_IDS and isinstance(value, str):
            return value
        if isinstance(value, dict) and (credential_id := _ids(value)):
            return credential_id
    return ""


_CREDENTIAL_IDS = frozenset({"serviceSpecificCredentialId", "sSHPublicKeyId", "certificateId"})
