"""Keys that tell of the circumstances of a call: who stands behind it, through whom, from where."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
    Probe,
    allow,
    case,
    deny,
    keys_of,
    policy,
    table,
    trust,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"
_TAGS_PASS = trust({"AWS": _ROOT}, action=["sts:AssumeRole", "sts:TagSession"])


def _allowed_under(bench: Bench, block: dict[str, Any]) -> Probe:
    return bench.lists_users(bench.user(allow("iam:ListUsers", Condition=block))[1])


def _denied_under(bench: Bench, block: dict[str, Any]) -> Probe:
    keys = bench.user(allow("*"), deny("*", Condition=block))[1]
    return bench.lists_users(keys)


table(
    "a user's own call, allowed under",
    [
        (expect, f"{operator} {key} {value}", {operator: {key: value}})
        for expect, operator, key, value in [
            ("allow", "Bool", "aws:PrincipalIsAWSService", "false"),
            ("deny", "Bool", "aws:PrincipalIsAWSService", "true"),
            ("deny", "Bool", "aws:ViaAWSService", "true"),
            ("deny", "ForAnyValue:StringEquals", "aws:CalledVia", "athena.amazonaws.com"),
            ("allow", "ForAllValues:StringEquals", "aws:CalledVia", "athena.amazonaws.com"),
            ("allow", "Null", "aws:CalledVia", "true"),
            ("deny", "StringEquals", "aws:CalledViaFirst", "athena.amazonaws.com"),
            ("deny", "StringEquals", "aws:CalledViaLast", "athena.amazonaws.com"),
            ("allow", "Null", "aws:VpcSourceIp", "true"),
            ("deny", "IpAddress", "aws:VpcSourceIp", "10.0.0.0/8"),
            ("allow", "IpAddressIfExists", "aws:VpcSourceIp", "10.0.0.0/8"),
            ("allow", "NotIpAddress", "aws:VpcSourceIp", "10.0.0.0/8"),
            ("deny", "StringEquals", "aws:SourceVpc", "vpc-1"),
            ("allow", "StringNotEquals", "aws:SourceVpce", "vpce-1"),
            ("allow", "Null", "aws:SourceVpce", "true"),
            ("allow", "Null", "aws:SourceArn", "true"),
            ("allow", "Null", "aws:SourceAccount", "true"),
            ("allow", "Null", "aws:PrincipalServiceName", "true"),
            ("allow", "Null", "aws:TokenIssueTime", "true"),
            ("allow", "Null", "aws:MultiFactorAuthPresent", "true"),
            ("allow", "Null", "aws:MultiFactorAuthAge", "true"),
            ("deny", "NumericLessThan", "aws:MultiFactorAuthAge", "3600"),
            ("allow", "NumericLessThanIfExists", "aws:MultiFactorAuthAge", "3600"),
            ("allow", "Null", "aws:FederatedProvider", "true"),
            ("allow", "Null", "aws:SourceIdentity", "true"),
            ("allow", "Null", "aws:username", "false"),
            ("allow", "StringLike", "aws:username", "u*"),
            ("deny", "StringLike", "aws:userid", "*:*"),
            ("allow", "StringEquals", "aws:ResourceAccount", MANAGEMENT),
            ("deny", "StringNotEquals", "aws:ResourceAccount", MANAGEMENT),
            ("allow", "StringEquals", "aws:ResourceOrgID", "${aws:PrincipalOrgID}"),
            ("allow", "ForAnyValue:StringLike", "aws:ResourceOrgPaths", "o-*/r-*/*"),
            ("deny", "ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-*/r-*/ou-*/*"),
            ("deny", "ForAllValues:StringNotLike", "aws:PrincipalOrgPaths", "o-*/r-*/*"),
            ("deny", "Bool", "aws:SecureTransport", "false"),
            ("allow", "Null", "aws:referer", "true"),
            ("deny", "StringEquals", "aws:PrincipalType", "AssumedRole"),
            ("allow", "StringEquals", "aws:principalaccount", MANAGEMENT),
            ("allow", "Null", "aws:TagKeys", "true"),
            ("allow", "ForAllValues:StringEquals", "aws:TagKeys", "a"),
            ("deny", "ForAnyValue:StringEquals", "aws:TagKeys", "a"),
            ("deny", "DateGreaterThan", "aws:EpochTime", "4102444800"),
            ("allow", "Null", "ec2:SourceInstanceARN", "true"),
            ("allow", "StringNotEqualsIfExists", "lambda:SourceFunctionArn", "x"),
        ]
    ],
    _allowed_under,
)
table(
    "a user's own call, denied under",
    [
        (expect, f"{operator} {key} {value}", {operator: {key: value}})
        for expect, operator, key, value in [
            ("allow", "Bool", "aws:MultiFactorAuthPresent", "false"),
            ("deny", "BoolIfExists", "aws:MultiFactorAuthPresent", "false"),
            ("allow", "Bool", "aws:ViaAWSService", "true"),
            ("deny", "NotIpAddress", "aws:SourceIp", "203.0.113.0/24"),
            ("allow", "NotIpAddress", "aws:SourceIp", ["203.0.113.0/24", "127.0.0.1/32"]),
            ("deny", "StringNotEquals", "aws:SourceVpc", "vpc-1"),
            ("allow", "StringNotEqualsIfExists", "aws:PrincipalOrgID", "${aws:ResourceOrgID}"),
            ("deny", "StringNotEquals", "aws:RequestedRegion", ["eu-west-1", "eu-central-1"]),
            ("deny", "ForAnyValue:StringNotLike", "aws:PrincipalOrgPaths", "o-x/*"),
            ("deny", "ForAllValues:StringLike", "aws:TagKeys", "a*"),
            ("deny", "StringNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*"),
            ("deny", "ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*"),
            ("allow", "StringLike", "aws:PrincipalArn", "arn:aws:sts::*"),
        ]
    ],
    _denied_under,
)


def _two_conditions(bench: Bench, *, service: bool) -> Probe:
    """Deny what comes from elsewhere, unless a service calls: AWS's data perimeter."""
    block = {
        "NotIpAddressIfExists": {"aws:SourceIp": "127.0.0.0/8" if service else "10.0.0.0/8"},
        "BoolIfExists": {"aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"},
    }
    return _denied_under(bench, block)


table(
    "a perimeter of addresses",
    [("allow", "lets those inside through", True), ("deny", "denies those outside", False)],
    lambda bench, inside: _two_conditions(bench, service=inside),
)


def _from_region(bench: Bench, region: str, expected: str) -> Probe:
    block = {"StringEquals": {"aws:RequestedRegion": expected}}
    keys = bench.user(allow("*", Condition=block))[1]
    return lambda: bench.client("sqs", keys, region=region).list_queues()


table(
    "aws:RequestedRegion of a regional service",
    [
        ("allow", "is the endpoint's", "eu-west-1", "eu-west-1"),
        ("deny", "is no other", "eu-west-1", "us-east-1"),
    ],
    _from_region,
)


@case("allow")
def the_region_of_a_global_service_is_us_east_1(bench: Bench) -> Probe:
    block = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    keys = bench.user(allow("*", Condition=block))[1]
    return lambda: bench.client("iam", keys, region="us-east-1").list_users()


def _member_under(bench: Bench, block: dict[str, Any]) -> Probe:
    keys = bench.user(allow("iam:ListUsers", Condition=block), iam=bench.member_iam)[1]
    return bench.lists_users(keys)


table(
    "a member account's user under",
    [
        ("allow", "its organisation", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        (
            "deny",
            "another organisation",
            {"StringEquals": {"aws:PrincipalOrgID": "o-aaaaaaaaaa"}},
        ),
        (
            "allow",
            "its place below the root",
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-*/r-*/*"]}},
        ),
        (
            "deny",
            "a place elsewhere",
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-*/r-*/ou-none-12345678/*"]}},
        ),
        (
            "deny",
            "the management account's number",
            {"StringEquals": {"aws:PrincipalAccount": MANAGEMENT}},
        ),
    ],
    _member_under,
)


def _session_of(bench: Bench, kind: str) -> Keys:
    if kind == "role":
        return bench.assume(bench.role(allow("*"))[1], RoleSessionName="worker")
    keys = bench.user(allow("*"))[1]
    sts = bench.client("sts", keys)
    if kind == "user":
        return keys_of(sts.get_session_token()["Credentials"])
    made = sts.get_federation_token(Name="worker", Policy=policy(allow("*")))
    return keys_of(made["Credentials"])


def _bucket_under(bench: Bench, kind: str, block: dict[str, Any]) -> Probe:
    """Deny on the bucket's side, where every kind of session is judged alike."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
        "Condition": block,
    }
    bucket = bench.bucket(policy_document=policy(statement))
    keys = _session_of(bench, kind)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


table(
    "a bucket's Deny and the session of a",
    [
        (expect, f"{kind} under {operator} {key} {value}", kind, {operator: {key: value}})
        for expect, kind, operator, key, value in [
            ("deny", "role", "StringLike", "aws:userid", "AROA*:worker"),
            ("allow", "role", "StringLike", "aws:userid", "AIDA*"),
            ("deny", "role", "Null", "aws:username", "true"),
            ("deny", "role", "StringEquals", "aws:PrincipalType", "AssumedRole"),
            ("deny", "role", "ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/r*"),
            ("deny", "role", "Null", "aws:TokenIssueTime", "false"),
            ("deny", "role", "Bool", "aws:MultiFactorAuthPresent", "false"),
            ("deny", "user", "StringLike", "aws:userid", "AIDA*"),
            ("deny", "user", "Null", "aws:username", "false"),
            ("deny", "user", "StringEquals", "aws:PrincipalType", "User"),
            ("deny", "user", "Bool", "aws:MultiFactorAuthPresent", "false"),
            ("deny", "user", "Null", "aws:TokenIssueTime", "false"),
            ("deny", "user", "ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/u*"),
            ("deny", "federated", "StringEquals", "aws:userid", f"{MANAGEMENT}:worker"),
            ("deny", "federated", "Null", "aws:username", "true"),
            ("deny", "federated", "StringEquals", "aws:PrincipalType", "FederatedUser"),
            (
                "deny",
                "federated",
                "ArnEquals",
                "aws:PrincipalArn",
                f"arn:aws:sts::{MANAGEMENT}:federated-user/worker",
            ),
            ("allow", "federated", "ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*"),
        ]
    ],
    _bucket_under,
)


def _variable_in_resource(bench: Bench, resource: str, *, tag: bool = False) -> Probe:
    bucket = bench.bucket()
    tags = {"Tags": [{"Key": "dir", "Value": "k"}]} if tag else {}
    keys = bench.user(allow("s3:GetObject", resource.replace("BUCKET", bucket)), **tags)[1]
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


table(
    "a variable in Resource",
    [
        ("allow", "of a tag", "arn:aws:s3:::BUCKET/${aws:PrincipalTag/dir}", True),
        ("deny", "of a tag that is not there", "arn:aws:s3:::BUCKET/${aws:PrincipalTag/dir}"),
        ("allow", "with a default", "arn:aws:s3:::BUCKET/${aws:PrincipalTag/dir, 'k'}"),
        ("deny", "with another default", "arn:aws:s3:::BUCKET/${aws:PrincipalTag/dir, 'z'}"),
        (
            "allow",
            "whose default is not needed",
            "arn:aws:s3:::BUCKET/${aws:PrincipalTag/dir, 'z'}",
            True,
        ),
        ("deny", "of a key with several values", "arn:aws:s3:::BUCKET/${aws:PrincipalOrgPaths}*"),
    ],
    lambda bench, resource, tag=False: _variable_in_resource(bench, resource, tag=tag),
)


def _variable_in_condition(bench: Bench, operator: str, value: str) -> Probe:
    tags = [{"Key": "a", "Value": "x"}, {"Key": "b", "Value": "x"}, {"Key": "n", "Value": "7"}]
    key = "aws:PrincipalTag/a" if operator.startswith("String") else "aws:PrincipalTag/n"
    keys = bench.user(allow("iam:ListUsers", Condition={operator: {key: value}}), Tags=tags)[1]
    return bench.lists_users(keys)


table(
    "a variable in a condition",
    [
        ("allow", "of strings", "StringEquals", "${aws:PrincipalTag/b}"),
        ("deny", "of strings, another value", "StringEquals", "${aws:PrincipalTag/n}"),
        ("deny", "of strings, absent", "StringEquals", "${aws:PrincipalTag/none}"),
        ("allow", "of strings, absent and negated", "StringNotEquals", "${aws:PrincipalTag/none}"),
        ("allow", "of strings, with a default", "StringEquals", "${aws:PrincipalTag/none, 'x'}"),
        ("deny", "of numbers is text", "NumericEquals", "${aws:PrincipalTag/n}"),
    ],
    _variable_in_condition,
)
