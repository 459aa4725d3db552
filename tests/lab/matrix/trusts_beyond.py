"""Trust across accounts, through time, and along chains; and documents that are refused."""

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
_MAY = allow("sts:AssumeRole")


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


def _needs(bench: Bench, action: str, parameters: dict[str, Any], *, trusted: bool) -> Probe:
    actions = ["sts:AssumeRole", action] if trusted else "sts:AssumeRole"
    _, arn = bench.role(trusting=trust({"AWS": _ROOT}, action=actions))
    _, keys = bench.user(allow(["sts:AssumeRole", action]))
    return lambda: bench.assume(arn, keys, **parameters)


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
    lambda bench, action, parameters, trusted: _needs(bench, action, parameters, trusted=trusted),
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
