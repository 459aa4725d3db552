"""Trust policies: who may assume, under which circumstances, and what becomes of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Probe,
    allow,
    case,
    deny,
    policy,
    table,
    trust,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"


def _trusting_user(bench: Bench, *statements: dict[str, Any], other: bool = False) -> Probe:
    name, keys = bench.user(*statements)
    trusted = bench.user()[0] if other else name
    _, arn = bench.role(trusting=trust({"AWS": bench.user_arn(trusted)}))
    return lambda: bench.assume(arn, keys)


@case("allow")
def a_trusted_user_assumes(bench: Bench) -> Probe:
    return _trusting_user(bench, allow("sts:AssumeRole"))


@case("allow")
def a_user_trusted_by_name_needs_no_policy_of_its_own(bench: Bench) -> Probe:
    return _trusting_user(bench)


@case("deny", "AccessDenied")
def a_user_trusted_by_name_falls_under_its_own_deny(bench: Bench) -> Probe:
    return _trusting_user(bench, deny("sts:AssumeRole"))


@case("deny", "AccessDenied")
def another_user_is_refused(bench: Bench) -> Probe:
    return _trusting_user(bench, allow("sts:AssumeRole"), other=True)


def _principal(bench: Bench, principal: Any, *statements: dict[str, Any]) -> Probe:
    _, keys = bench.user(*statements)
    _, arn = bench.role(trusting=trust(principal))
    return lambda: bench.assume(arn, keys)


_MAY = allow("sts:AssumeRole")
table(
    "a role that trusts",
    [
        ("allow", "the account lets a user with permission", {"AWS": _ROOT}, _MAY),
        ("deny", "the account refuses a user without permission", {"AWS": _ROOT}),
        ("allow", "the account by its number lets a user", {"AWS": MANAGEMENT}, _MAY),
        ("deny", "another account refuses a user", {"AWS": "arn:aws:iam::999999999999:root"}, _MAY),
        ("allow", "everybody lets a user", {"AWS": "*"}, _MAY),
        ("allow", "everybody, written bare, lets a user", "*", _MAY),
        ("deny", "a service refuses a user", {"Service": "lambda.amazonaws.com"}, _MAY),
        (
            "allow",
            "a service and the account lets a user",
            {"Service": "ec2.amazonaws.com", "AWS": _ROOT},
            _MAY,
        ),
    ],
    _principal,
)


def _condition(
    bench: Bench, block: dict[str, Any], parameters: dict[str, Any], **more: Any
) -> Probe:
    _, keys = bench.user(_MAY, **more)
    _, arn = bench.role(
        trusting=trust(
            {"AWS": _ROOT},
            action=["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            Condition=block,
        )
    )
    return lambda: bench.assume(arn, keys, **parameters)


_EXTERNAL = {"StringEquals": {"sts:ExternalId": "sekret"}}
table(
    "a trust policy with a condition on",
    [
        ("allow", "the external id, given", _EXTERNAL, {"ExternalId": "sekret"}),
        ("deny", "the external id, another", _EXTERNAL, {"ExternalId": "nope"}),
        ("deny", "the external id, none", _EXTERNAL, {}),
        (
            "allow",
            "the session name, right",
            {"StringLike": {"sts:RoleSessionName": "ci-*"}},
            {"RoleSessionName": "ci-7"},
        ),
        (
            "deny",
            "the session name, wrong",
            {"StringLike": {"sts:RoleSessionName": "ci-*"}},
            {"RoleSessionName": "me"},
        ),
        (
            "allow",
            "the caller's ARN",
            {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{MANAGEMENT}:user/u*"}},
            {},
        ),
        (
            "deny",
            "somebody else's ARN",
            {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{MANAGEMENT}:user/z*"}},
            {},
        ),
        ("deny", "MFA without MFA", {"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {}),
        ("allow", "the source address", {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {}),
        ("allow", "the organisation", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}, {}),
        (
            "allow",
            "the session name as the caller's",
            {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}},
            {"RoleSessionName": "me-myself"},
            {"UserName": "me-myself"},
        ),
    ],
    lambda bench, block, parameters, more=None: _named(bench, block, parameters, more or {}),
)


def _named(
    bench: Bench, block: dict[str, Any], parameters: dict[str, Any], more: dict[str, Any]
) -> Probe:
    if not more:
        return _condition(bench, block, parameters)
    name = more["UserName"]
    bench.iam.create_user(UserName=name)
    bench.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(_MAY))
    key = bench.iam.create_access_key(UserName=name)["AccessKey"]
    _, arn = bench.role(trusting=trust({"AWS": _ROOT}, Condition=block))
    return lambda: bench.assume(arn, (key["AccessKeyId"], key["SecretAccessKey"]), **parameters)


def _closed(bench: Bench, spared: Callable[[str], str]) -> Probe:
    name, keys = bench.user(_MAY)
    document = policy(
        {"Effect": "Allow", "Principal": {"AWS": _ROOT}, "Action": "sts:AssumeRole"},
        {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "sts:AssumeRole",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": spared(bench.user_arn(name))}},
        },
    )
    _, arn = bench.role(trusting=document)
    return lambda: bench.assume(arn, keys)


table(
    "a trust policy closed but for one",
    [
        ("allow", "lets that one in", lambda arn: arn),
        ("deny", "refuses the others", lambda _arn: f"arn:aws:iam::{MANAGEMENT}:role/BreakGlass"),
    ],
    _closed,
)


@case("allow")
def a_role_session_assumes_a_role_that_trusts_its_role(bench: Bench) -> Probe:
    _, first = bench.role(_MAY)
    _, second = bench.role(trusting=trust({"AWS": first}))
    keys = bench.assume(first)
    return lambda: bench.assume(second, keys)


@case("allow")
def a_role_trusted_by_name_needs_no_policy_of_its_own(bench: Bench) -> Probe:
    _, first = bench.role()
    _, second = bench.role(trusting=trust({"AWS": first}))
    keys = bench.assume(first)
    return lambda: bench.assume(second, keys)


@case("deny")
def a_user_is_not_the_role_that_is_trusted(bench: Bench) -> Probe:
    _, first = bench.role()
    _, second = bench.role(trusting=trust({"AWS": first}))
    _, keys = bench.user(_MAY)
    return lambda: bench.assume(second, keys)


@case("allow")
def a_session_is_trusted_by_its_own_arn(bench: Bench) -> Probe:
    name, first = bench.role()
    session = f"arn:aws:sts::{MANAGEMENT}:assumed-role/{name}/one"
    _, second = bench.role(trusting=trust({"AWS": session}))
    keys = bench.assume(first, RoleSessionName="one")
    return lambda: bench.assume(second, keys)


@case("deny")
def another_session_of_the_role_is_not_the_one_that_is_trusted(bench: Bench) -> Probe:
    name, first = bench.role()
    session = f"arn:aws:sts::{MANAGEMENT}:assumed-role/{name}/one"
    _, second = bench.role(trusting=trust({"AWS": session}))
    keys = bench.assume(first, RoleSessionName="two")
    return lambda: bench.assume(second, keys)


@case("deny", "AccessDenied")
def a_role_that_does_not_exist_cannot_be_assumed(bench: Bench) -> Probe:
    return lambda: bench.assume(f"arn:aws:iam::{MANAGEMENT}:role/nobody", bench.admin)


@case("deny", "AccessDenied")
def a_role_is_not_found_without_its_path(bench: Bench) -> Probe:
    name, _ = bench.role(Path="/ci/")
    return lambda: bench.assume(f"arn:aws:iam::{MANAGEMENT}:role/{name}", bench.admin)


@case("allow")
def a_role_is_found_with_its_path(bench: Bench) -> Probe:
    _, arn = bench.role(Path="/ci/")
    return lambda: bench.assume(arn, bench.admin)
