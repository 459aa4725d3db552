"""Every kind of credential that a principal of AWS can have, and how one of each is had and used.

What becomes of it in six situations stands in its row, as it has to be measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from containment.lab.scenario.world import Credentials
from containment.lab.state import moto_state
from tests.lab.certificates import certificate, ssh_key
from tests.support.addresses import client_at
from tests.support.api_keys import bears
from tests.support.sign_ins import (
    PASSWORD,
    can_refresh,
    credentials_in,
    lab_post,
    sign_in,
    sign_in_as_role,
)
from tests.support.workbench import Bench, allowed, can_list, minted, session_of

Ask = Callable[[], bool]
COLUMNS = (
    "before",
    "contained",
    "bystander",
    "new honest session, contained",
    "lifted, false positive",
    "lifted, confirmed",
)
ALLOWED, DENIED, NOT_PROMISED = "allowed", "denied", "not promised"
_S3 = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
_MODELS = ["bedrock:ListCustomModels", "bedrock:CallWithBearerToken"]


@dataclass(frozen=True)
class Use:
    """One credential in the wrong hands, of a principal, and who else works.

    Attributes:
        target: the fields of its target in the spec.
        works: asks whether it still works.
        bystander: asks whether somebody's who has nothing to do with it works.
        honest: asks whether a new session of an honest user of the principal works, where the
            rung promises that.
    """

    target: Mapping[str, Any]
    works: Ask
    bystander: Ask
    honest: Ask | None = None


@dataclass(frozen=True)
class Kind:
    """One row: the kind, the rung that contains it, and what is measured.

    Attributes:
        name: what it is.
        rung: at which it is contained.
        had: gives somebody one.
        cells: what differs from the usual row, by column.
        note: what is to be known besides.
    """

    name: str
    rung: str
    had: Callable[[Bench], Use] | None
    cells: Mapping[str, str]
    note: str = ""

    def row(self) -> tuple[str, ...]:
        """Return the cells, in the order of the columns."""
        usual = (ALLOWED, DENIED, ALLOWED, ALLOWED, ALLOWED, DENIED)
        return tuple(
            self.cells.get(column, cell) for column, cell in zip(COLUMNS, usual, strict=True)
        )


def _access_key(bench: Bench) -> Use:
    world = bench.lab.world
    target = {"user": world.ci_user, "leaked": [world.leaked.access_key_id]}
    return _use(bench, target, lambda: can_list(bench.lab, world.leaked))


def _access_key_only(bench: Bench) -> Use:
    world = bench.lab.world
    made = bench.admin().create_access_key(UserName="ci-deploy")["AccessKey"]
    other = Credentials(made["AccessKeyId"], made["SecretAccessKey"])
    target = {
        "user": world.ci_user,
        "rung": "key-only",
        "leaked": [world.leaked.access_key_id],
    }
    honest = lambda: can_list(bench.lab, minted(bench.lab, other))  # noqa: E731 -- asked later
    return _use(bench, target, lambda: can_list(bench.lab, world.leaked), honest)


def _api_key(bench: Bench) -> Use:
    bench.admin().put_user_policy(
        UserName="ci-deploy",
        PolicyName="models",
        PolicyDocument=_document({"Effect": "Allow", "Action": _MODELS, "Resource": "*"}),
    )
    made = _service_specific(bench, "bedrock.amazonaws.com")
    secret = made["ServiceCredentialSecret"]
    target = {"user": bench.lab.world.ci_user, "leaked": [made["ServiceSpecificCredentialId"]]}
    return _use(bench, target, lambda: bears(bench.lab.endpoint, secret))


def _codecommit(bench: Bench) -> Use:
    made = _service_specific(bench, "codecommit.amazonaws.com")
    return _read_back(
        bench,
        made["ServiceSpecificCredentialId"],
        "list_service_specific_credentials",
        "ServiceSpecificCredentials",
        "ServiceSpecificCredentialId",
    )


def _ssh(bench: Bench) -> Use:
    made = bench.admin().upload_ssh_public_key(UserName="ci-deploy", SSHPublicKeyBody=ssh_key())[
        "SSHPublicKey"
    ]["SSHPublicKeyId"]
    return _read_back(bench, made, "list_ssh_public_keys", "SSHPublicKeys", "SSHPublicKeyId")


def _certificate(bench: Bench) -> Use:
    made = bench.admin().upload_signing_certificate(
        UserName="ci-deploy", CertificateBody=certificate()
    )["Certificate"]["CertificateId"]
    return _read_back(bench, made, "list_signing_certificates", "Certificates", "CertificateId")


def _read_back(bench: Bench, name: str, listing: str, members: str, id_member: str) -> Use:
    def works() -> bool:
        listed = getattr(bench.admin(), listing)(UserName="ci-deploy")[members]
        return any(one[id_member] == name and one["Status"] == "Active" for one in listed)

    return _use(bench, {"user": bench.lab.world.ci_user, "leaked": [name]}, works)


def _password(bench: Bench) -> Use:
    _give_password(bench)
    target = {"user": bench.lab.world.ci_user}
    return _use(bench, target, lambda: can_list(bench.lab, sign_in(bench.lab)))


def _console_session(bench: Bench) -> Use:
    _give_password(bench)
    session = sign_in(bench.lab)
    target = {"user": bench.lab.world.ci_user}
    return _use(bench, target, lambda: can_list(bench.lab, session))


def _sign_in_session(bench: Bench) -> Use:
    _give_password(bench)
    token = sign_in(bench.lab, client="CLI")
    arn = lab_post(bench.lab, "renew", access_key_id=token.access_key_id)["sign_in_session"]

    target = {
        "user": bench.lab.world.ci_user,
        "rung": "session",
        "sessions": [{"sign_in_session": arn}],
    }
    honest = lambda: can_list(bench.lab, sign_in(bench.lab, client="CLI"))  # noqa: E731
    return _use(bench, target, lambda: _refreshes(bench, token), honest)


def _refreshes(bench: Bench, token: Credentials) -> bool:
    """Tell whether the sign-in session of *token* is refreshed into one that works."""
    if not can_refresh(bench.lab, token):
        return False
    renewed = lab_post(bench.lab, "renew", access_key_id=token.access_key_id)
    return can_list(bench.lab, credentials_in(renewed))


def _sign_in_of_user(bench: Bench) -> Use:
    _give_password(bench)
    token = sign_in(bench.lab, client="MCP")
    target = {"user": bench.lab.world.ci_user}
    return _use(bench, target, lambda: _refreshes(bench, token))


def _sign_in_of_role(bench: Bench) -> Use:
    world = bench.lab.world
    token = sign_in_as_role(bench.lab, session_of(bench.lab, world.leaked, world.deploy_role))
    target = {"role": world.deploy_role, "rung": "revoke-sessions"}

    def honest() -> bool:
        bench.lab.advance(121)
        session = session_of(bench.lab, world.leaked, world.deploy_role)
        return _refreshes(bench, sign_in_as_role(bench.lab, session))

    return _use(bench, target, lambda: _refreshes(bench, token), honest)


def _session_token(bench: Bench) -> Use:
    world = bench.lab.world
    token = minted(bench.lab, world.leaked)
    target = {"user": world.ci_user, "leaked": [world.leaked.access_key_id]}
    return _use(bench, target, lambda: can_list(bench.lab, token))


def _federation_token(bench: Bench) -> Use:
    world = bench.lab.world
    token = _federated(bench, "eve")
    target = {"user": world.ci_user, "leaked": [world.leaked.access_key_id]}
    return _use(bench, target, lambda: can_list(bench.lab, token))


def _federated_session(bench: Bench) -> Use:
    token = _federated(bench, "eve")
    target = {
        "user": bench.lab.world.ci_user,
        "rung": "session",
        "sessions": [{"name": "eve"}],
    }
    honest = lambda: can_list(bench.lab, _federated(bench, "bob"))  # noqa: E731
    return _use(bench, target, lambda: can_list(bench.lab, token), honest)


def _assumed(rung: str, *, honest: bool) -> Callable[[Bench], Use]:
    def had(bench: Bench) -> Use:
        lab, world = bench.lab, bench.lab.world
        session = session_of(lab, world.runner, world.app_role)

        def anew() -> bool:
            lab.advance(121)
            return can_list(lab, session_of(lab, world.runner, world.app_role))

        target = {"role": world.app_role, "rung": rung}
        asked = anew if honest else None
        return _use(bench, target, lambda: can_list(lab, session), asked)

    return had


def _issued(**terms: Any) -> Callable[[Bench], Use]:
    """Return what gives a session of the app's role as a service or a provider's sign-in would."""

    def had(bench: Bench) -> Use:
        lab, world = bench.lab, bench.lab.world
        session = _role_session(bench, **terms)

        def anew() -> bool:
            lab.advance(121)
            return can_list(lab, _role_session(bench, **terms))

        target = {"role": world.app_role, "rung": "revoke-sessions"}
        return _use(bench, target, lambda: can_list(lab, session), anew)

    return had


def _picked(match: Mapping[str, str], **terms: Any) -> Callable[[Bench], Use]:
    """Return what gives a session that rung ``session`` picks by *match*."""

    def had(bench: Bench) -> Use:
        session = _role_session(bench, **terms)
        target = {
            "role": bench.lab.world.app_role,
            "rung": "session",
            "sessions": [dict(match)],
        }
        honest = lambda: can_list(bench.lab, _role_session(bench))  # noqa: E731
        return _use(bench, target, lambda: can_list(bench.lab, session), honest)

    return had


def _by_address(bench: Bench) -> Use:
    session = _role_session(bench)
    target = {
        "role": bench.lab.world.app_role,
        "rung": "session",
        "sessions": [{"source_ip": "203.0.113.7"}],
    }

    def works() -> bool:
        client = client_at(bench, session, "203.0.113.7")
        return allowed(client.list_objects_v2, Bucket=bench.lab.world.bucket)

    # The same session from another address, and a new one.
    honest = lambda: can_list(bench.lab, session) and can_list(bench.lab, _role_session(bench))  # noqa: E731
    return _use(bench, target, works, honest)


def _use(bench: Bench, target: Mapping[str, Any], works: Ask, honest: Ask | None = None) -> Use:
    bystander = lambda: can_list(bench.lab, bench.lab.world.bystander)  # noqa: E731
    return Use(target, works, bystander, honest)


def _role_session(bench: Bench, **terms: Any) -> Credentials:
    account = bench.lab.world.account
    issue: Any = vars(bench.lab)["_server"].gate.sessions.issue
    session = issue(
        **{
            "kind": "role",
            "account": account,
            "principal_id": moto_state.role_id(account, "app"),
            "principal_name": "app",
            "name": "work",
            "now": bench.lab.now(),
            "seconds": 3600,
            **terms,
        }
    )
    return Credentials(session.access_key_id, session.secret_access_key, session.token)


def _federated(bench: Bench, name: str) -> Credentials:
    sts = bench.lab.client("sts", bench.lab.world.leaked)
    issued = sts.get_federation_token(Name=name, Policy=_document(_S3))["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def _service_specific(bench: Bench, service: str) -> dict[str, Any]:
    made: dict[str, Any] = bench.admin().create_service_specific_credential(
        UserName="ci-deploy", ServiceName=service
    )["ServiceSpecificCredential"]
    return made


def _give_password(bench: Bench) -> None:
    bench.admin().create_login_profile(UserName="ci-deploy", Password=PASSWORD)


def _document(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


_NO_PROMISE: dict[str, str] = {COLUMNS[3]: NOT_PROMISED}
_BACK: dict[str, str] = {
    COLUMNS[0]: "Active, read back",
    COLUMNS[1]: "Inactive, read back",
    COLUMNS[3]: NOT_PROMISED,
    COLUMNS[4]: "Active, read back",
    COLUMNS[5]: "Inactive, read back",
}
_INSTANCE = "arn:aws:ec2:us-east-1:111122223333:instance/i-0abc1234def567890"
_UNSETTLED = {str(column): "AWS leaves it unsettled" for column in COLUMNS}

KINDS = (
    Kind("access key", "deny-all", _access_key, _NO_PROMISE),
    Kind("access key", "key-only", _access_key_only, {}),
    Kind("API key of Amazon Bedrock, and of CloudWatch Logs", "deny-all", _api_key, _NO_PROMISE),
    Kind("credential for CodeCommit or Amazon Keyspaces", "deny-all", _codecommit, _BACK),
    Kind("SSH public key", "deny-all", _ssh, _BACK),
    Kind("signing certificate", "deny-all", _certificate, _BACK),
    Kind(
        "console password",
        "deny-all",
        _password,
        {**_NO_PROMISE, COLUMNS[5]: ALLOWED},
        "A password is never changed, for nobody could put it back: change it before a lift.",
    ),
    Kind("console session", "deny-all", _console_session, _NO_PROMISE),
    Kind(
        "sign-in session (`aws login`, MCP), refreshed",
        "session",
        _sign_in_session,
        {COLUMNS[4]: DENIED},
        "It is revoked with the deny, which nobody can undo: after a lift one signs in again.",
    ),
    Kind(
        "sign-in session of a user",
        "deny-all",
        _sign_in_of_user,
        {**_NO_PROMISE, COLUMNS[4]: DENIED},
        "As before.",
    ),
    Kind(
        "sign-in session of a role",
        "revoke-sessions",
        _sign_in_of_role,
        {COLUMNS[4]: DENIED},
        "As before; one made after the revocation time goes on.",
    ),
    Kind("GetSessionToken", "deny-all", _session_token, _NO_PROMISE),
    Kind("GetFederationToken", "deny-all", _federation_token, _NO_PROMISE),
    Kind("GetFederationToken, by its name", "session", _federated_session, {}),
    Kind("AssumeRole", "revoke-sessions", _assumed("revoke-sessions", honest=True), {}),
    Kind("AssumeRole", "close-trust", _assumed("close-trust", honest=False), _NO_PROMISE),
    Kind("AssumeRole", "deny-all", _assumed("deny-all", honest=False), _NO_PROMISE),
    Kind("AssumeRole, chained", "revoke-sessions", _issued(chain=1), {}),
    Kind(
        "AssumeRoleWithSAML",
        "revoke-sessions",
        _issued(federated_provider="arn:aws:iam::111122223333:saml-provider/corp"),
        {},
    ),
    Kind(
        "AssumeRoleWithWebIdentity",
        "revoke-sessions",
        _issued(federated_provider="token.actions.githubusercontent.com"),
        {},
    ),
    Kind("role session, by its name", "session", _picked({"name": "i-0abc"}, name="i-0abc"), {}),
    Kind(
        "role session, by source identity",
        "session",
        _picked({"source_identity": "eve"}, source_identity="eve"),
        {},
    ),
    Kind(
        "instance profile, by source instance",
        "session",
        _picked({"source_instance": _INSTANCE}, context=(("ec2:sourceinstancearn", _INSTANCE),)),
        {},
    ),
    Kind("role session, by the address its calls come from", "session", _by_address, {}),
    Kind(
        "GetScopedCredentials",
        "deny-all",
        None,
        _UNSETTLED,
        "It keeps the caller's identity (AWS STS API Reference); whether it keeps the issue time"
        " AWS does not say. It lives to its parent's end, at most 36 hours: keep `deny-all` till"
        " then.",
    ),
)
