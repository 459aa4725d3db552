"""Condition operators and keys, each from both sides."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import MANAGEMENT, Bench, Probe, allow, case, deny, table

_PAST, _FUTURE = "2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"
_USERS = f"arn:aws:iam::{MANAGEMENT}:user/"


def _as_user(bench: Bench, block: dict[str, Any], tags: dict[str, str] | None = None) -> Probe:
    more = {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]} if tags else {}
    return bench.lists_users(bench.user(allow("iam:ListUsers", Condition=block), **more)[1])


_TAGS = {"team": "Red", "level": "7", "when": "2026-01-02T00:00:00Z", "flag": "true"}
_TEAM, _LEVEL, _WHEN = "aws:PrincipalTag/team", "aws:PrincipalTag/level", "aws:PrincipalTag/when"
_FLAG, _NONE = "aws:PrincipalTag/flag", "aws:PrincipalTag/none"

table(
    "an Allow under",
    [
        (expect, f"{operator} {key.rsplit('/', 1)[-1]} {value!r}", {operator: {key: value}}, _TAGS)
        for expect, operator, key, value in [
            ("allow", "StringEquals", _TEAM, "Red"),
            ("allow", "StringEquals", _TEAM, ["Blue", "Red"]),
            ("deny", "StringEquals", _TEAM, "red"),
            ("deny", "StringEquals", _TEAM, "R*"),
            ("deny", "StringEquals", _NONE, "Red"),
            ("deny", "StringNotEquals", _TEAM, "Red"),
            ("deny", "StringNotEquals", _TEAM, ["Blue", "Red"]),
            ("allow", "StringNotEquals", _TEAM, "Blue"),
            ("allow", "StringNotEquals", _NONE, "Red"),
            ("allow", "StringEqualsIgnoreCase", _TEAM, "rED"),
            ("deny", "StringEqualsIgnoreCase", _TEAM, "blue"),
            ("deny", "StringNotEqualsIgnoreCase", _TEAM, "rED"),
            ("allow", "StringNotEqualsIgnoreCase", _TEAM, "blue"),
            ("allow", "StringLike", _TEAM, "R*"),
            ("allow", "StringLike", _TEAM, "?ed"),
            ("deny", "StringLike", _TEAM, "?d"),
            ("deny", "StringLike", _TEAM, "${*}"),
            ("deny", "StringNotLike", _TEAM, "R*"),
            ("allow", "StringNotLike", _TEAM, "B*"),
            ("allow", "NumericEquals", _LEVEL, "7"),
            ("allow", "NumericEquals", _LEVEL, "7.0"),
            ("deny", "NumericEquals", _LEVEL, "8"),
            ("deny", "NumericNotEquals", _LEVEL, "7"),
            ("allow", "NumericNotEquals", _LEVEL, "8"),
            ("allow", "NumericLessThan", _LEVEL, "8"),
            ("deny", "NumericLessThan", _LEVEL, "7"),
            ("allow", "NumericLessThanEquals", _LEVEL, "7"),
            ("deny", "NumericLessThanEquals", _LEVEL, "6"),
            ("allow", "NumericGreaterThan", _LEVEL, "6"),
            ("deny", "NumericGreaterThan", _LEVEL, "7"),
            ("allow", "NumericGreaterThanEquals", _LEVEL, "7"),
            ("deny", "NumericGreaterThanEquals", _LEVEL, "8"),
            ("allow", "DateEquals", _WHEN, "2026-01-02T00:00:00Z"),
            ("allow", "DateEquals", _WHEN, "2026-01-02"),
            ("deny", "DateNotEquals", _WHEN, "2026-01-02T00:00:00Z"),
            ("allow", "DateLessThan", _WHEN, "2026-01-03T00:00:00Z"),
            ("deny", "DateLessThan", _WHEN, "2026-01-02T00:00:00Z"),
            ("allow", "DateLessThanEquals", _WHEN, "2026-01-02T00:00:00Z"),
            ("allow", "DateGreaterThan", _WHEN, "2026-01-01T00:00:00Z"),
            ("deny", "DateGreaterThan", _WHEN, "2026-01-02T00:00:00Z"),
            ("allow", "DateGreaterThanEquals", _WHEN, "2026-01-02T00:00:00Z"),
            ("allow", "DateGreaterThan", _WHEN, "1767225600"),
            ("allow", "Bool", _FLAG, "true"),
            ("allow", "Bool", _FLAG, "True"),
            ("deny", "Bool", _FLAG, "false"),
            ("deny", "Bool", _NONE, "true"),
            ("allow", "Null", _NONE, "true"),
            ("deny", "Null", _NONE, "false"),
            ("allow", "Null", _TEAM, "false"),
            ("deny", "Null", _TEAM, "true"),
            ("allow", "StringEqualsIfExists", _NONE, "Red"),
            ("deny", "StringEqualsIfExists", _TEAM, "Blue"),
            ("allow", "StringEqualsIfExists", _TEAM, "Red"),
            ("allow", "NumericLessThanIfExists", _NONE, "1"),
            ("allow", "BoolIfExists", "aws:MultiFactorAuthPresent", "true"),
            ("deny", "Bool", "aws:MultiFactorAuthPresent", "true"),
            ("allow", "ForAllValues:StringEquals", _NONE, "Red"),
            ("deny", "ForAnyValue:StringEquals", _NONE, "Red"),
            ("allow", "ForAnyValue:StringEquals", _TEAM, ["Red", "Blue"]),
            ("allow", "IpAddress", "aws:SourceIp", "127.0.0.0/8"),
            ("deny", "IpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("deny", "NotIpAddress", "aws:SourceIp", "127.0.0.1"),
            ("allow", "NotIpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("allow", "StringEquals", "aws:RequestedRegion", "us-east-1"),
            ("deny", "StringEquals", "aws:RequestedRegion", "eu-west-1"),
            ("allow", "StringEquals", "aws:PrincipalAccount", MANAGEMENT),
            ("allow", "StringEquals", "aws:PrincipalType", "User"),
            ("allow", "Bool", "aws:SecureTransport", "true"),
            ("allow", "Bool", "aws:ViaAWSService", "false"),
            ("allow", "StringLike", "aws:userid", "AIDA*"),
            ("allow", "StringLike", "AWS:UserAgent", "*Boto3*"),
            ("allow", "DateGreaterThan", "aws:CurrentTime", _PAST),
            ("deny", "DateGreaterThan", "aws:CurrentTime", _FUTURE),
            ("allow", "NumericGreaterThan", "aws:EpochTime", "1500000000"),
            ("deny", "DateLessThan", "aws:TokenIssueTime", _FUTURE),
            ("allow", "ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{MANAGEMENT}:user/u*"),
            ("allow", "ArnEquals", "aws:PrincipalArn", f"arn:aws:iam::{MANAGEMENT}:user/u*"),
            ("deny", "ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{MANAGEMENT}:role/*"),
            ("deny", "ArnLike", "aws:PrincipalArn", "arn:aws:*:user/u*"),
            ("allow", "ArnLike", "aws:PrincipalArn", "arn:*:iam:*:*:user/*"),
            ("deny", "ArnNotLike", "aws:PrincipalArn", f"arn:aws:iam::{MANAGEMENT}:user/u*"),
            ("allow", "ArnNotEquals", "aws:PrincipalArn", f"arn:aws:iam::{MANAGEMENT}:user/z"),
            ("allow", "StringLike", "aws:PrincipalOrgID", "o-*"),
            ("allow", "ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-*/r-*/"),
        ]
    ],
    _as_user,
)


@case("deny")
def every_operator_of_a_block_has_to_match(bench: Bench) -> Probe:
    return _as_user(bench, {"StringEquals": {_TEAM: "Red"}, "NumericEquals": {_LEVEL: "8"}}, _TAGS)


@case("deny")
def every_key_of_an_operator_has_to_match(bench: Bench) -> Probe:
    return _as_user(bench, {"StringEquals": {_TEAM: "Red", _LEVEL: "8"}}, _TAGS)


def _create_tagged(bench: Bench, block: dict[str, Any], keys: list[str]) -> Probe:
    _, caller = bench.user(allow("iam:CreateUser"), allow("iam:TagUser", Condition=block))
    target = bench.user()[0]
    tags = [{"Key": key, "Value": "v"} for key in keys]
    return lambda: bench.client("iam", caller).tag_user(UserName=target, Tags=tags)


table(
    "tag keys of a request under",
    [
        (expect, f"{operator} {values} with {keys}", {operator: {"aws:TagKeys": values}}, keys)
        for expect, operator, values, keys in [
            ("allow", "ForAllValues:StringEquals", ["a", "b"], ["a"]),
            ("allow", "ForAllValues:StringEquals", ["a", "b"], ["a", "b"]),
            ("deny", "ForAllValues:StringEquals", ["a", "b"], ["a", "c"]),
            ("allow", "ForAnyValue:StringEquals", ["a", "b"], ["a", "c"]),
            ("deny", "ForAnyValue:StringEquals", ["a", "b"], ["c"]),
            ("allow", "ForAnyValue:StringLike", ["a*"], ["abc", "c"]),
            ("deny", "ForAllValues:StringNotEquals", ["a"], ["a", "c"]),
            ("allow", "ForAnyValue:StringNotEquals", ["a"], ["a", "c"]),
            ("deny", "ForAnyValue:StringNotEquals", ["a"], ["a"]),
            ("deny", "Null", "true", ["a"]),
        ]
    ],
    _create_tagged,
)


@case("allow")
def a_request_tag_is_a_key(bench: Bench) -> Probe:
    block = {"StringEquals": {"aws:RequestTag/A": "v"}}
    return _create_tagged(bench, block, ["a"])


def _on_tagged_user(bench: Bench, value: str) -> Probe:
    target = bench.user(Tags=[{"Key": "env", "Value": "prod"}])[0]
    block = {"StringEquals": {"aws:ResourceTag/env": value}}
    return bench.gets_user(bench.user(allow("iam:GetUser", Condition=block))[1], target)


table(
    "a resource tag",
    [("allow", "that matches", "prod"), ("deny", "that does not", "test")],
    _on_tagged_user,
)


def _attach(bench: Bench, arn: str) -> Probe:
    block = {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDenyAll"}}
    caller = bench.user(allow("iam:AttachUserPolicy", Condition=block))[1]
    target = bench.user()[0]
    return lambda: bench.client("iam", caller).attach_user_policy(UserName=target, PolicyArn=arn)


table(
    "iam:PolicyARN",
    [
        ("allow", "that is named", "arn:aws:iam::aws:policy/AWSDenyAll"),
        ("deny", "that is not", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ],
    _attach,
)


def _with_boundary(bench: Bench, *, same: bool) -> Probe:
    limit, other = bench.managed(allow("*")), bench.managed(allow("*"))
    block = {"StringEquals": {"iam:PermissionsBoundary": limit}}
    caller = bench.user(allow("iam:CreateUser", Condition=block))[1]
    return lambda: bench.client("iam", caller).create_user(
        UserName=bench.name("x"), PermissionsBoundary=limit if same else other
    )


table(
    "iam:PermissionsBoundary",
    [("allow", "that is named", True), ("deny", "that is not", False)],
    lambda bench, same: _with_boundary(bench, same=same),
)


def _list_prefix(bench: Bench, prefix: str) -> Probe:
    bucket = bench.bucket()
    block = {"StringLike": {"s3:prefix": "home/*"}}
    keys = bench.user(allow("s3:ListBucket", Condition=block))[1]
    return lambda: bench.client("s3", keys).list_objects_v2(Bucket=bucket, Prefix=prefix)


table(
    "s3:prefix",
    [("allow", "inside", "home/a"), ("deny", "outside", "root/")],
    _list_prefix,
)


def _of_session(bench: Bench, block: dict[str, Any], session_name: str = "session") -> Probe:
    _, arn = bench.role(allow("iam:ListUsers"), deny("*", Condition=block))
    return bench.lists_users(bench.assume(arn, RoleSessionName=session_name))


table(
    "a role session under a Deny with",
    [
        ("allow", "TokenIssueTime long past", {"DateLessThan": {"aws:TokenIssueTime": _PAST}}),
        ("deny", "TokenIssueTime in the future", {"DateLessThan": {"aws:TokenIssueTime": _FUTURE}}),
        ("deny", "its session name in aws:userid", {"StringLike": {"aws:userid": "AROA*:session"}}),
        ("allow", "another name in aws:userid", {"StringLike": {"aws:userid": "AROA*:other"}}),
        (
            "deny",
            "its role in PrincipalArn",
            {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{MANAGEMENT}:role/r*"}},
        ),
        (
            "allow",
            "a session ARN in PrincipalArn",
            {"ArnLike": {"aws:PrincipalArn": f"arn:aws:sts::{MANAGEMENT}:assumed-role/*"}},
        ),
        (
            "deny",
            "its kind in PrincipalType",
            {"StringEquals": {"aws:PrincipalType": "AssumedRole"}},
        ),
        ("deny", "MFA absent", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}),
        ("allow", "aws:username present", {"Null": {"aws:username": "false"}}),
    ],
    _of_session,
)


@case("allow")
def a_token_time_deny_does_not_touch_a_long_term_key(bench: Bench) -> Probe:
    block = {"DateLessThan": {"aws:TokenIssueTime": _FUTURE}}
    return bench.lists_users(bench.user(allow("iam:ListUsers"), deny("*", Condition=block))[1])


@case("deny")
def a_token_time_deny_on_a_user_stops_its_session_token(bench: Bench) -> Probe:
    block = {"DateLessThan": {"aws:TokenIssueTime": _FUTURE}}
    keys = bench.user(allow("s3:*"), deny("*", Condition=block))[1]
    session = bench.client("sts", keys).get_session_token()["Credentials"]
    return bench.lists_buckets(
        (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    )
