"""Trust policies: who may assume, under which circumstances, and what becomes of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
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


def _condition(bench: Bench, block: dict[str, Any], given: dict[str, Any], **more: Any) -> Probe:
    _, keys = bench.user(_MAY, **more)
    _, arn = bench.role(
        trusting=trust(
            {"AWS": _ROOT},
            action=["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
            Condition=block,
        )
    )
    return lambda: bench.assume(arn, keys, **given)


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
    lambda bench, block, given, more=None: _named(bench, block, given, more or {}),
)


def _named(
    bench: Bench, block: dict[str, Any], given: dict[str, Any], more: dict[str, Any]
) -> Probe:
    if not more:
        return _condition(bench, block, given)
    name = more["UserName"]
    bench.iam.create_user(UserName=name)
    bench.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(_MAY))
    key = bench.iam.create_access_key(UserName=name)["AccessKey"]
    _, arn = bench.role(trusting=trust({"AWS": _ROOT}, Condition=block))
    return lambda: bench.assume(arn, (key["AccessKeyId"], key["SecretAccessKey"]), **given)


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


def _across(bench: Bench, principal: Callable[[str], Any], *statements: dict[str, Any]) -> Probe:
    name, keys = bench.user(*statements)
    _, arn = bench.role(
        trusting=trust({"AWS": principal(bench.user_arn(name))}), iam=bench.member_iam
    )
    return lambda: bench.assume(arn, keys)


table(
    "across accounts",
    [
        ("allow", "both sides allow", lambda _arn: _ROOT, _MAY),
        ("deny", "the role trusts, the user may not", lambda _arn: _ROOT),
        ("deny", "named in the trust, the user may not", lambda arn: arn),
        ("allow", "named in the trust, the user may", lambda arn: arn, _MAY),
        (
            "deny",
            "the user may, the role does not trust",
            lambda _arn: "arn:aws:iam::999999999999:root",
            _MAY,
        ),
    ],
    _across,
)


@case("allow")
def a_role_in_another_account_acts_there(bench: Bench) -> Probe:
    _, arn = bench.role(
        allow("iam:ListUsers"), trusting=trust({"AWS": _ROOT}), iam=bench.member_iam
    )
    _, keys = bench.user(_MAY)
    return bench.lists_users(bench.assume(arn, keys))


def _recreated(bench: Bench) -> tuple[str, Keys, str]:
    name, keys = bench.user()
    role, arn = bench.role(trusting=trust({"AWS": bench.user_arn(name)}))
    del arn
    bench.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
    bench.iam.delete_user(UserName=name)
    bench.iam.create_user(UserName=name)
    key = bench.iam.create_access_key(UserName=name)["AccessKey"]
    return role, (key["AccessKeyId"], key["SecretAccessKey"]), name


@case("deny")
def a_user_made_anew_under_the_name_is_not_trusted(bench: Bench) -> Probe:
    role, keys, _ = _recreated(bench)
    return lambda: bench.assume(f"arn:aws:iam::{MANAGEMENT}:role/{role}", keys)


@case("error")
def a_document_that_names_a_deleted_principal_by_id_is_refused(bench: Bench) -> Probe:
    role, _, name = _recreated(bench)
    user_id = bench.iam.get_user(UserName=name)["User"]["UserId"]
    document = trust({"AWS": user_id})
    return lambda: bench.iam.update_assume_role_policy(RoleName=role, PolicyDocument=document)


def _role_trusting(bench: Bench, document: str) -> Probe:
    return lambda: bench.iam.create_role(
        RoleName=bench.name("r"), AssumeRolePolicyDocument=document
    )


table(
    "a trust policy is refused where",
    [
        (
            "error",
            "its user does not exist",
            trust({"AWS": f"arn:aws:iam::{MANAGEMENT}:user/nobody"}),
        ),
        (
            "error",
            "its role does not exist",
            trust({"AWS": f"arn:aws:iam::{MANAGEMENT}:role/nobody"}),
        ),
        ("error", "it has a resource", policy({**allow("sts:AssumeRole"), "Principal": "*"})),
        ("error", "it has no principal", policy({"Effect": "Allow", "Action": "sts:AssumeRole"})),
        ("error", "it has no action", policy({"Effect": "Allow", "Principal": "*"})),
        ("error", "it is no JSON", "{"),
        ("error", "its action is no STS action", trust("*", action="s3:GetObject")),
        (
            "error",
            "its principal is a wildcard ARN",
            trust({"AWS": f"arn:aws:iam::{MANAGEMENT}:user/*"}),
        ),
        (
            "error",
            "it is longer than 2048 characters",
            trust(
                {"AWS": "*"},
                Condition={
                    "StringEquals": {"sts:ExternalId": ["x" * 100 + str(n) for n in range(20)]}
                },
            ),
        ),
        ("allow", "nothing is wrong, it is not", trust({"AWS": "*"})),
        (
            "allow",
            "its version is the older one, it is not",
            trust({"AWS": "*"}).replace("2012", "2008"),
        ),
    ],
    _role_trusting,
)


@case("deny", "AccessDenied")
def a_source_identity_stays_through_a_chain(bench: Bench) -> Probe:
    every = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    _, first = bench.role(allow(every), trusting=trust({"AWS": _ROOT}, action=every))
    _, second = bench.role(trusting=trust({"AWS": _ROOT}, action=every))
    keys = bench.assume(first, SourceIdentity="mallory")
    return lambda: bench.assume(second, keys, SourceIdentity="alice")


def _by_source_identity(bench: Bench, identity: str) -> Probe:
    every = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    _, arn = bench.role(
        allow("iam:ListUsers"),
        deny("*", Condition={"StringEquals": {"aws:SourceIdentity": "mallory"}}),
        trusting=trust({"AWS": _ROOT}, action=every),
    )
    return bench.lists_users(bench.assume(arn, SourceIdentity=identity))


table(
    "a Deny by source identity",
    [("deny", "stops that one", "mallory"), ("allow", "spares the others", "alice")],
    _by_source_identity,
)


def _needs(bench: Bench, action: str, given: dict[str, Any], *, trusted: bool) -> Probe:
    actions = ["sts:AssumeRole", action] if trusted else "sts:AssumeRole"
    _, arn = bench.role(trusting=trust({"AWS": _ROOT}, action=actions))
    _, keys = bench.user(allow(["sts:AssumeRole", action]))
    return lambda: bench.assume(arn, keys, **given)


table(
    "the trust policy has to allow",
    [
        (
            "allow",
            "setting a source identity, and does",
            "sts:SetSourceIdentity",
            {"SourceIdentity": "alice"},
            True,
        ),
        (
            "deny",
            "setting a source identity, and does not",
            "sts:SetSourceIdentity",
            {"SourceIdentity": "alice"},
            False,
        ),
        (
            "allow",
            "passing tags, and does",
            "sts:TagSession",
            {"Tags": [{"Key": "a", "Value": "b"}]},
            True,
        ),
        (
            "deny",
            "passing tags, and does not",
            "sts:TagSession",
            {"Tags": [{"Key": "a", "Value": "b"}]},
            False,
        ),
    ],
    lambda bench, action, given, trusted: _needs(bench, action, given, trusted=trusted),
)


def _tagged_session(bench: Bench, value: str) -> Probe:
    _, arn = bench.role(
        allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/dept": "red"}}),
        trusting=trust({"AWS": _ROOT}, action=["sts:AssumeRole", "sts:TagSession"]),
        Tags=[{"Key": "dept", "Value": "blue"}],
    )
    return bench.lists_users(bench.assume(arn, Tags=[{"Key": "dept", "Value": value}]))


table(
    "a session tag",
    [("allow", "overrides the role's", "red"), ("deny", "that differs does not match", "blue")],
    _tagged_session,
)
