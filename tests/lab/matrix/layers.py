"""Layers of policy together: boundary, session policy, resource policy, and whom each one names."""

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
    keys_of,
    policy,
    table,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"


def _not_action(effect: str, actions: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "NotAction": actions, "Resource": "*", **more}


def _bounded(bench: Bench, own: list[Any], boundary: list[Any]) -> Probe:
    keys = bench.user(*own, PermissionsBoundary=bench.managed(*boundary))[1]
    return bench.lists_users(keys)


table(
    "a boundary and",
    [
        (
            "allow",
            "NotAction that leaves the call in",
            [allow("*")],
            [_not_action("Allow", "s3:*")],
        ),
        ("deny", "NotAction that leaves it out", [allow("*")], [_not_action("Allow", "iam:*")]),
        (
            "deny",
            "a Deny with NotAction in it",
            [allow("*")],
            [allow("*"), _not_action("Deny", "s3:*")],
        ),
        (
            "allow",
            "a policy with NotAction",
            [_not_action("Allow", "s3:*")],
            [allow("iam:ListUsers")],
        ),
        (
            "deny",
            "a condition in it that does not hold",
            [allow("*")],
            [allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})],
        ),
        (
            "deny",
            "a policy that denies",
            [allow("*"), deny("iam:ListUsers")],
            [allow("*")],
        ),
        ("deny", "NotResource in it", [allow("*")], [
            {"Effect": "Allow", "Action": "*", "NotResource": "*"}
        ]),
    ],
    _bounded,
)  # fmt: skip


def _through_group(bench: Bench, *, boundary_allows: bool) -> Probe:
    limit = bench.managed(allow("iam:*" if boundary_allows else "s3:*"))
    name, keys = bench.user(PermissionsBoundary=limit)
    group = bench.name("g")
    bench.iam.create_group(GroupName=group)
    bench.iam.add_user_to_group(GroupName=group, UserName=name)
    bench.iam.put_group_policy(
        GroupName=group, PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    return bench.lists_users(keys)


table(
    "a group's policy under a boundary",
    [("allow", "that allows", True), ("deny", "that does not", False)],
    lambda bench, allows: _through_group(bench, boundary_allows=allows),
)


@case("deny")
def a_session_token_is_under_its_users_boundary(bench: Bench) -> Probe:
    keys = bench.user(allow("*"), PermissionsBoundary=bench.managed(allow("sqs:*")))[1]
    made = bench.client("sts", keys).get_session_token()["Credentials"]
    return bench.lists_buckets(keys_of(made))


@case("deny")
def a_federated_session_is_under_its_users_boundary(bench: Bench) -> Probe:
    limit = bench.managed(allow(["sqs:*", "sts:*"]))
    keys = bench.user(allow("*"), PermissionsBoundary=limit)[1]
    made = bench.client("sts", keys).get_federation_token(Name="fed", Policy=policy(allow("*")))
    return bench.lists_buckets(keys_of(made["Credentials"]))


@case("deny")
def a_boundary_whose_policy_changed_denies_at_once(bench: Bench) -> Probe:
    limit = bench.managed(allow("*"))
    keys = bench.user(allow("*"), PermissionsBoundary=limit)[1]
    bench.lists_users(keys)()
    bench.iam.create_policy_version(
        PolicyArn=limit, PolicyDocument=policy(allow("s3:*")), SetAsDefault=True
    )
    return bench.lists_users(keys)


# Session and resource policies: "How AWS evaluates requests for IAM roles sessions", whom the
# resource policy names decides what may still limit it.
Named = Callable[[str], str]


def _session_arn(role_arn: str) -> str:
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    return f"arn:aws:sts::{account}:assumed-role/{name}/session"


def _granted_to(
    bench: Bench,
    named: Named,
    own: list[Any],
    session: list[Any] | None = None,
    boundary: list[Any] | None = None,
) -> Probe:
    more = {"PermissionsBoundary": bench.managed(*boundary)} if boundary else {}
    _, arn = bench.role(*own, **more)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": named(arn)},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    limited: dict[str, Any] = {"Policy": policy(*session)} if session else {}
    keys = bench.assume(arn, **limited)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


_SQS, _S3 = [allow("sqs:*")], [allow("s3:*")]
table(
    "a bucket policy that names",
    [
        ("allow", "the role, which has no policy", lambda arn: arn, []),
        ("deny", "the role, under a session policy", lambda arn: arn, [], _SQS),
        ("allow", "the role, its session policy allowing", lambda arn: arn, [], _S3),
        ("deny", "the role, under a boundary", lambda arn: arn, [], None, _SQS),
        ("allow", "the role, its boundary allowing", lambda arn: arn, [], None, _S3),
        ("allow", "the session", _session_arn, []),
        ("allow", "the session, in spite of a session policy", _session_arn, [], _SQS),
        ("allow", "the session, in spite of a boundary", _session_arn, [], None, _SQS),
        ("deny", "the session, that its role denies", _session_arn, [deny("s3:*")]),
        ("deny", "the session, that its session policy denies", _session_arn, [],
         [allow("*"), deny("s3:*")]),
        ("deny", "the session, that its boundary denies", _session_arn, [], None,
         [allow("*"), deny("s3:*")]),
        ("deny", "another session of the role", lambda arn: _session_arn(arn) + "2", []),
        ("deny", "the account, the role having no policy", lambda _arn: _ROOT, []),
        ("deny", "the account, under a session policy", lambda _arn: _ROOT, _S3, _SQS),
        ("allow", "the account, all else allowing", lambda _arn: _ROOT, _S3, _S3, _S3),
    ],
    _granted_to,
)  # fmt: skip


def _federated_by(bench: Bench, named: Callable[[str], str], *, passes: str) -> Probe:
    name, keys = bench.user(allow("sts:*"))
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": named(bench.user_arn(name))},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    made = bench.client("sts", keys).get_federation_token(
        Name="partner", Policy=policy(allow(passes))
    )
    session = keys_of(made["Credentials"])
    return lambda: bench.client("s3", session).get_object(Bucket=bucket, Key="k")


_PARTNER = f"arn:aws:sts::{MANAGEMENT}:federated-user/partner"
table(
    "a bucket policy and a federated user:",
    [
        ("allow", "named itself", lambda _arn: _PARTNER, "s3:*"),
        ("allow", "named itself, beyond its session policy", lambda _arn: _PARTNER, "sqs:*"),
        ("allow", "by its user, within its session policy", lambda arn: arn, "s3:*"),
        ("deny", "by its user, beyond its session policy", lambda arn: arn, "sqs:*"),
    ],
    lambda bench, named, passes: _federated_by(bench, named, passes=passes),
)


def _across(
    bench: Bench, named: Named, own: list[Any], session: list[Any] | None = None, **more: Any
) -> Probe:
    """Let a role of the member account read a bucket of the management account."""
    _, arn = bench.role(*own, iam=bench.member_iam, **more)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": named(arn)},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    limited = {"Policy": policy(*session)} if session else {}
    keys = bench.assume(arn, bench.member_admin, **limited)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


table(
    "a role of another account reads a bucket that names",
    [
        ("allow", "the role, which may", lambda arn: arn, _S3),
        ("deny", "the role, which may not", lambda arn: arn, []),
        ("deny", "the role, beyond its session policy", lambda arn: arn, _S3, _SQS),
        ("allow", "the role, within its session policy", lambda arn: arn, _S3, _S3),
        ("deny", "the session alone, the role may not", _session_arn, []),
        ("allow", "the session, the role may", _session_arn, _S3),
        ("deny", "the session, beyond its session policy", _session_arn, _S3, _SQS),
        (
            "allow",
            "its account, and it may",
            lambda arn: f"arn:aws:iam::{arn.split(':')[4]}:root",
            _S3,
        ),
        ("allow", "its account by number", lambda arn: arn.split(":")[4], _S3),
        ("deny", "its account, and it may not", lambda arn: arn.split(":")[4], []),
        ("deny", "the owner's account", lambda _arn: _ROOT, _S3),
    ],
    _across,
)


@case("deny")
def a_boundary_limits_across_accounts_too(bench: Bench) -> Probe:
    limit = bench.managed(allow("sqs:*"), iam=bench.member_iam)
    return _across(bench, lambda arn: arn, _S3, PermissionsBoundary=limit)


def _owner_reads(bench: Bench, keys: Keys) -> Probe:
    """Let another account put an object, and the bucket's owner read it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{bench.member}:root"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    bench.client("s3", bench.member_admin).put_object(Bucket=bucket, Key="theirs", Body=b"x")
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="theirs")


@case("allow")
def the_owner_of_a_bucket_reads_what_others_put_there(bench: Bench) -> Probe:
    return _owner_reads(bench, bench.user(allow("s3:GetObject"))[1])


@case("deny")
def whoever_put_an_object_elsewhere_does_not_own_it(bench: Bench) -> Probe:
    return _owner_reads(bench, bench.member_admin)
