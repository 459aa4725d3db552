"""Permissions boundaries: a ceiling, never a grant."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import Bench, Probe, allow, case, deny, policy, table


def _user(bench: Bench, own: list[Any], limit: list[Any]) -> Probe:
    name, keys = bench.user(*own)
    bench.iam.put_user_permissions_boundary(
        UserName=name, PermissionsBoundary=bench.managed(*limit)
    )
    return bench.lists_users(keys)


_ROWS = [
    ("allow", "allows what both allow", [allow("iam:*")], [allow("iam:List*")]),
    ("deny", "denies what it does not allow", [allow("*")], [allow("s3:*")]),
    ("deny", "grants nothing by itself", [], [allow("*")]),
    ("deny", "denies explicitly", [allow("*")], [allow("*"), deny("iam:ListUsers")]),
]
table("a user's boundary", _ROWS, _user)


def _role(bench: Bench, own: list[Any], limit: list[Any]) -> Probe:
    name, arn = bench.role(*own)
    bench.iam.put_role_permissions_boundary(
        RoleName=name, PermissionsBoundary=bench.managed(*limit)
    )
    return bench.lists_users(bench.assume(arn))


table("a role's boundary", _ROWS, _role)


@case("allow")
def a_boundary_that_is_taken_away_no_longer_limits(bench: Bench) -> Probe:
    name, keys = bench.user(allow("*"))
    bench.iam.put_user_permissions_boundary(
        UserName=name, PermissionsBoundary=bench.managed(allow("s3:*"))
    )
    bench.iam.delete_user_permissions_boundary(UserName=name)
    return bench.lists_users(keys)


@case("deny")
def a_boundary_given_at_creation_limits(bench: Bench) -> Probe:
    limit = bench.managed(allow("s3:*"))
    _, keys = bench.user(allow("*"), PermissionsBoundary=limit)
    return bench.lists_users(keys)


@case("deny")
def a_boundary_follows_the_default_version_of_its_policy(bench: Bench) -> Probe:
    limit = bench.managed(allow("*"))
    _, keys = bench.user(allow("*"), PermissionsBoundary=limit)
    bench.iam.create_policy_version(
        PolicyArn=limit, PolicyDocument=policy(allow("s3:*")), SetAsDefault=True
    )
    return bench.lists_users(keys)


def _with_bucket_policy(bench: Bench, *, named: bool) -> Probe:
    name, keys = bench.user(PermissionsBoundary=bench.managed(allow("iam:*")))
    principal = bench.user_arn(name) if named else f"arn:aws:iam::{bench.user_arn('')[13:25]}:root"
    bucket = bench.bucket(
        policy_document=policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": principal},
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::BUCKET/*",
            }
        )
    )
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


table(
    "a boundary under a bucket policy",
    [
        ("allow", "does not limit the user that is named", True),
        ("deny", "limits a user of the account that is named", False),
    ],
    lambda bench, named: _with_bucket_policy(bench, named=named),
)
