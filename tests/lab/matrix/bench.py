"""The ground of the behaviour matrix: an endpoint, boto3, and nothing that knows the lab's inside.

A case sets something up, returns a probe, and says which answer AWS documents for it.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

Keys = tuple[str, ...]
Probe = Callable[[], Any]
Expect = Literal["allow", "deny", "error"]

MANAGEMENT = "123456789012"
CONFIG = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1, "mode": "standard"},
    s3={"addressing_style": "path"},
    connect_timeout=5,
    read_timeout=20,
)
DENIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
NOT_IN_LAB = "NotImplementedInLab"


@dataclass(frozen=True)
class Case:
    """One claim about AWS: what was set up, and whether the probe is let through."""

    name: str
    expect: Expect
    prepare: Callable[[Bench], Probe]
    code: str = ""


CASES: list[Case] = []


def case(expect: Expect, code: str = "") -> Callable[[Callable[[Bench], Probe]], Any]:
    """Register a function as a case; its name, with spaces, is the claim."""

    def register(prepare: Callable[[Bench], Probe]) -> Callable[[Bench], Probe]:
        CASES.append(Case(prepare.__name__.replace("_", " "), expect, prepare, code))
        return prepare

    return register


def table(claim: str, rows: list[tuple[Any, ...]], prepare: Callable[..., Probe]) -> None:
    """Register a case a row: expectation, then a label, then what *prepare* is given."""
    for expect, label, *parameters in rows:
        CASES.append(
            Case(
                f"{claim}: {label}",
                expect,
                lambda bench, parameters=parameters: prepare(bench, *parameters),  # type: ignore[misc]
            )
        )


def _with_code(bench: Bench, code: str, call: Callable[[Bench], Any]) -> Probe:
    def probe() -> None:
        try:
            call(bench)
        except ClientError as error:
            if error.response["Error"]["Code"] != code:
                raise
            return
        raise AssertionError("it was accepted")

    return probe


def refused(claim: str, code: str, call: Callable[[Bench], Any]) -> None:
    """Register a case: *call* is refused with just this code."""
    CASES.append(
        Case(f"refused with {code}: {claim}", "allow", lambda b: _with_code(b, code, call))
    )


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trust(
    principal: Any, effect: str = "Allow", action: Any = "sts:AssumeRole", **more: Any
) -> str:
    return policy({"Effect": effect, "Principal": principal, "Action": action, **more})


def keys_of(credentials: dict[str, Any]) -> Keys:
    return (
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
    )


class Bench:
    """Clients and building blocks for cases."""

    def __init__(self, endpoint: str | None, admin: Keys, member_admin: Keys, member: str) -> None:
        self.endpoint = endpoint
        self.admin = admin
        self.member_admin = member_admin
        self.member = member
        self._names = itertools.count()
        self._session = boto3.Session()
        self.iam = self.client("iam", admin)
        self.member_iam = self.client("iam", member_admin)

    def client(self, service: str, keys: Keys, region: str = "us-east-1", **config: Any) -> Any:
        connect: Any = self._session.client
        return connect(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            config=CONFIG.merge(Config(**config)) if config else CONFIG,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2] if len(keys) > 2 else None,
        )

    def name(self, prefix: str) -> str:
        return f"{prefix}{next(self._names):04d}"

    def user(self, *statements: dict[str, Any], iam: Any = None, **more: Any) -> tuple[str, Keys]:
        """Make a user with these statements inline; return name and keys."""
        iam = iam or self.iam
        name = self.name("u")
        iam.create_user(UserName=name, **more)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return name, (key["AccessKeyId"], key["SecretAccessKey"])

    def user_arn(self, name: str, account: str = MANAGEMENT) -> str:
        return f"arn:aws:iam::{account}:user/{name}"

    def role(
        self,
        *statements: dict[str, Any],
        trusting: str | None = None,
        iam: Any = None,
        **more: Any,
    ) -> tuple[str, str]:
        """Make a role, trusted by its own account unless stated; return name and ARN."""
        iam = iam or self.iam
        name = self.name("r")
        account = self.member if iam is self.member_iam else MANAGEMENT
        document = trusting or trust({"AWS": f"arn:aws:iam::{account}:root"})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"][
            "Arn"
        ]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
        return name, arn

    def assume(self, arn: str, keys: Keys | None = None, **more: Any) -> Keys:
        sts = self.client("sts", keys or self.admin)
        more.setdefault("RoleSessionName", "session")
        return keys_of(sts.assume_role(RoleArn=arn, **more)["Credentials"])

    def managed(self, *statements: dict[str, Any], iam: Any = None) -> str:
        created = (iam or self.iam).create_policy(
            PolicyName=self.name("m"), PolicyDocument=policy(*statements)
        )
        return str(created["Policy"]["Arn"])

    def lists_users(self, keys: Keys) -> Probe:
        return lambda: self.client("iam", keys).list_users()

    def lists_buckets(self, keys: Keys) -> Probe:
        return lambda: self.client("s3", keys).list_buckets()

    def lists_queues(self, keys: Keys) -> Probe:
        return lambda: self.client("sqs", keys).list_queues()

    def gets_user(self, keys: Keys, name: str) -> Probe:
        return lambda: self.client("iam", keys).get_user(UserName=name)

    def bucket(
        self,
        *,
        policy_document: str | None = None,
        keys: Keys | None = None,
        public: bool = False,
    ) -> str:
        """Make a bucket with one object; only where asked for, it may be *public*."""
        s3 = self.client("s3", keys or self.admin)
        name = self.name("bucket-")
        s3.create_bucket(Bucket=name)
        if public:
            s3.delete_public_access_block(Bucket=name)
        s3.put_object(Bucket=name, Key="k", Body=b"v")
        if policy_document:
            s3.put_bucket_policy(Bucket=name, Policy=policy_document.replace("BUCKET", name))
        return name


def refused_with(code: str, status: int, operation: str) -> ClientError:
    """Return the error that boto3 would raise, for a call made without it."""
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def calls(client: Any, name: str) -> Probe:
    """Return the call of an operation without parameters."""
    bound: Probe = getattr(client, name)
    return bound


def verdict(probe: Probe) -> tuple[str, str]:
    """Return allow, deny or error, and the code AWS gave."""
    try:
        probe()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        denied = code in DENIALS or status == 403
        return ("deny" if denied else "error"), f"{code}: {error}"
    except BotoCoreError as error:
        return "error", repr(error)
    return "allow", ""


def run(one: Case, bench: Bench) -> tuple[str, str]:
    """Run a case; a set-up that fails is an error, never a verdict."""
    try:
        probe = one.prepare(bench)
    except (ClientError, BotoCoreError) as error:
        return "set-up failed", str(error)
    got, detail = verdict(probe)
    if got == "deny" and one.code and not detail.startswith(one.code + ":"):
        return "deny with another code", detail
    return got, detail


def bootstrap(clients: Callable[[str, Keys], Any]) -> tuple[Keys, Keys, str]:
    """Make an administrator in the management account and in a member account, from test/test."""
    iam, organizations = (
        clients("iam", ("test", "test")),
        clients("organizations", ("test", "test")),
    )
    admin = _administrator(iam, "admin")
    organizations.create_organization(FeatureSet="ALL")
    created = organizations.create_account(Email="m@example.com", AccountName="member")
    member = created["CreateAccountStatus"]["AccountId"]
    session = clients("sts", ("test", "test")).assume_role(
        RoleArn=f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole",
        RoleSessionName="bootstrap",
    )
    member_iam = clients("iam", keys_of(session["Credentials"]))
    return admin, _administrator(member_iam, "member-admin"), str(member)


def _administrator(iam: Any, name: str) -> Keys:
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy(allow("*")))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return (key["AccessKeyId"], key["SecretAccessKey"])


def every_case() -> tuple[Case, ...]:
    """Return all cases of the matrix."""
    # Each registers its cases with this module when it is imported.
    for file in sorted(Path(__file__).parent.glob("*.py")):
        if file.stem not in {"bench", "directory"}:
            importlib.import_module(f"tests.lab.matrix.{file.stem}")
    return tuple(CASES)
