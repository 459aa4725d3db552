"""Control policies further down: nested units, allow lists, exemptions, whose side they are on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
    Probe,
    allow,
    case,
    deny,
    policy,
    refused,
    table,
    trust,
)

_SCP, _RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"


def _organizations(bench: Bench) -> Any:
    client = bench.client("organizations", bench.admin)
    root = client.list_roots()["Roots"][0]["Id"]
    for kind in (_SCP, _RCP):
        with contextlib.suppress(client.exceptions.PolicyTypeAlreadyEnabledException):
            client.enable_policy_type(RootId=root, PolicyType=kind)
    return client


def _made(bench: Bench, document: str, kind: str) -> str:
    created = _organizations(bench).create_policy(
        Content=document, Name=bench.name("cp"), Description="d", Type=kind
    )
    return str(created["Policy"]["PolicySummary"]["Id"])


@contextlib.contextmanager
def attached(bench: Bench, document: str, target: str, kind: str = _SCP) -> Iterator[None]:
    client, made = _organizations(bench), _made(bench, document, kind)
    client.attach_policy(PolicyId=made, TargetId=target)
    try:
        yield
    finally:
        client.detach_policy(PolicyId=made, TargetId=target)


@contextlib.contextmanager
def _below(bench: Bench, depth: int) -> Iterator[list[str]]:
    """Put the member account below so many units, and give the units from the top."""
    client = _organizations(bench)
    home = client.list_parents(ChildId=bench.member)["Parents"][0]["Id"]
    units: list[str] = []
    for _ in range(depth):
        parent = units[-1] if units else client.list_roots()["Roots"][0]["Id"]
        unit = client.create_organizational_unit(ParentId=parent, Name=bench.name("ou"))
        units.append(unit["OrganizationalUnit"]["Id"])
    client.move_account(AccountId=bench.member, SourceParentId=home, DestinationParentId=units[-1])
    try:
        yield units
    finally:
        client.move_account(
            AccountId=bench.member, SourceParentId=units[-1], DestinationParentId=home
        )


def _member_user(bench: Bench, *statements: dict[str, Any]) -> Keys:
    return bench.user(*(statements or (allow("*"),)), iam=bench.member_iam)[1]


def _nested(bench: Bench, level: int, document: str, *, only: bool = False) -> Probe:
    """Attach at a level of three units, in place of all else where *only*."""
    keys = _member_user(bench)

    def probe() -> None:
        with _below(bench, 3) as units, attached(bench, document, units[level]):
            client = _organizations(bench)
            if only:
                client.detach_policy(PolicyId="p-FullAWSAccess", TargetId=units[level])
            try:
                bench.lists_users(keys)()
            finally:
                if only:
                    client.attach_policy(PolicyId="p-FullAWSAccess", TargetId=units[level])

    return probe


_NO_LISTS, _ONLY_S3 = policy(deny("iam:ListUsers")), policy(allow("s3:*"))
_ONLY_IAM = policy(allow("iam:*"))
table(
    "a control policy in a unit",
    [
        ("deny", "three levels up denies", 0, _NO_LISTS, False),
        ("deny", "right above denies", 2, _NO_LISTS, False),
        ("deny", "in the middle that does not allow denies", 1, _ONLY_S3, True),
        ("allow", "in the middle that allows lets through", 1, _ONLY_IAM, True),
    ],
    lambda bench, level, document, only: _nested(bench, level, document, only=only),
)


@case("allow")
def an_account_that_left_a_unit_is_under_its_policies_no_more(bench: Bench) -> Probe:
    keys = _member_user(bench)
    with _below(bench, 1) as units:
        made = _made(bench, _NO_LISTS, _SCP)
        _organizations(bench).attach_policy(PolicyId=made, TargetId=units[0])
    return bench.lists_users(keys)


def _on_account(
    bench: Bench, document: str, keys: Keys, use: Callable[[Keys], Any], kind: str = _SCP
) -> Probe:
    def probe() -> None:
        with attached(bench, document, bench.member, kind):
            use(keys)

    return probe


def _exempt(bench: Bench, role_name: str, document: str) -> Probe:
    account = f"arn:aws:iam::{bench.member}:root"
    name = bench.name(role_name)
    arn = bench.member_iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trust({"AWS": account})
    )["Role"]["Arn"]
    bench.member_iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=policy(allow("*"))
    )
    keys = bench.assume(arn, bench.member_admin)
    return _on_account(bench, document, keys, lambda keys: bench.lists_users(keys)())


_GUARD = policy(
    deny(
        "iam:*",
        Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/BreakGlass*"}},
    )
)
table(
    "a guard that spares break-glass roles",
    [("allow", "spares one", "BreakGlass", _GUARD), ("deny", "stops others", "Worker", _GUARD)],
    _exempt,
)
table(
    "a control policy with",
    [
        (
            "deny",
            "NotAction denies the rest",
            policy({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
        ),
        (
            "allow",
            "NotAction spares what it names",
            policy({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}),
        ),
        (
            "deny",
            "a Region other than the call's denies",
            policy(deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})),
        ),
        (
            "allow",
            "a Region that is the call's spares",
            policy(deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}})),
        ),
        ("allow", "a Deny on another resource spares", policy(deny("*", "arn:aws:s3:::x"))),
    ],
    lambda bench, document: _on_account(
        bench, document, _member_user(bench), lambda keys: bench.lists_users(keys)()
    ),
)


@case("deny", "AccessDenied")
def a_control_policy_limits_sessions_from_the_management_account(bench: Bench) -> Probe:
    arn = f"arn:aws:iam::{bench.member}:role/OrganizationAccountAccessRole"
    keys = bench.assume(arn, bench.user(allow("sts:AssumeRole"))[1])
    return _on_account(bench, _NO_LISTS, keys, lambda keys: bench.lists_users(keys)())


@case("allow")
def a_control_policy_does_not_stop_asking_who_one_is(bench: Bench) -> Probe:
    return _on_account(
        bench,
        policy(deny("*")),
        _member_user(bench),
        lambda keys: bench.client("sts", keys).get_caller_identity(),
    )


def _member_bucket(bench: Bench, reader: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": reader},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    return bench.bucket(policy_document=policy(statement), keys=bench.member_admin)


def _outsider(bench: Bench, document: str, kind: str) -> Probe:
    """Let a user of the management account read the member's bucket, under the member's policy."""
    name, keys = bench.user(allow("s3:*"))
    bucket = _member_bucket(bench, bench.user_arn(name))
    return _on_account(
        bench,
        document,
        keys,
        lambda keys: bench.client("s3", keys).get_object(Bucket=bucket, Key="k"),
        kind,
    )


def _rcp(**more: Any) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", **more}
    return policy(statement)


table(
    "whoever comes from another account",
    [
        ("allow", "is under no control policy of the resource's", policy(deny("s3:*")), _SCP),
        ("deny", "is under its resource control policy", _rcp(), _RCP),
        (
            "allow",
            "is let in by a resource control policy for the organisation",
            _rcp(Condition={"StringNotLike": {"aws:PrincipalOrgID": "o-*"}}),
            _RCP,
        ),
        (
            "deny",
            "is kept out by one for the account",
            _rcp(Condition={"StringEquals": {"aws:PrincipalAccount": MANAGEMENT}}),
            _RCP,
        ),
    ],
    _outsider,
)


@case("allow")
def a_resource_control_policy_does_not_reach_the_management_account(bench: Bench) -> Probe:
    bucket = bench.bucket()
    keys = bench.user(allow("s3:*"))[1]
    root = _organizations(bench).list_roots()["Roots"][0]["Id"]

    def probe() -> None:
        with attached(bench, _rcp(), root, _RCP):
            bench.client("s3", keys).get_object(Bucket=bucket, Key="k")

    return probe


@case("deny")
def a_resource_control_policy_reaches_roles_to_be_assumed(bench: Bench) -> Probe:
    _, arn = bench.role(iam=bench.member_iam)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:AssumeRole",
        "Resource": "*",
    }
    return _on_account(
        bench, policy(statement), bench.member_admin, lambda keys: bench.assume(arn, keys), _RCP
    )


def _attach_eleven(bench: Bench) -> None:
    client, made = _organizations(bench), []
    try:
        for _ in range(10):
            made.append(_made(bench, policy(allow("*")), _SCP))
            client.attach_policy(PolicyId=made[-1], TargetId=bench.member)
    finally:
        for one in made:
            with contextlib.suppress(ClientError):
                client.detach_policy(PolicyId=one, TargetId=bench.member)


refused("an eleventh control policy", "ConstraintViolationException", _attach_eleven)
refused(
    "the last control policy detached",
    "ConstraintViolationException",
    lambda b: _organizations(b).detach_policy(PolicyId="p-FullAWSAccess", TargetId=b.member),
)
refused(
    "a service control policy of more than 10,240 characters",
    "ConstraintViolationException",
    lambda b: _made(b, policy(allow("s3:*", "arn:aws:s3:::" + "x" * 10_240)), _SCP),
)
refused(
    "a control policy that is none",
    "MalformedPolicyDocumentException",
    lambda b: _made(b, '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]}', _SCP),
)
refused(
    "a control policy that is not there attached",
    "PolicyNotFoundException",
    lambda b: _organizations(b).attach_policy(PolicyId="p-aaaaaaaa", TargetId=b.member),
)
