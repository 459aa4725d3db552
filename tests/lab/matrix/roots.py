"""Root users of member accounts: short sessions for one task, under the organisation's policies."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import Bench, Keys, Probe, allow, case, keys_of, policy, refused, table
from tests.lab.matrix.organisations import attached

_TASKS = "arn:aws:iam::aws:policy/root-task/"
_UNLOCK = f"{_TASKS}S3UnlockBucketPolicy"


def _assumes(bench: Bench, keys: Keys, task: str = _UNLOCK, target: str = "") -> Any:
    bench.iam.enable_organizations_root_sessions()
    return bench.client("sts", keys).assume_root(
        TargetPrincipal=target or bench.member, TaskPolicyArn={"arn": task}
    )


def _root(bench: Bench, task: str = _UNLOCK) -> Keys:
    return keys_of(_assumes(bench, bench.admin, task)["Credentials"])


@case("allow")
def a_members_root_acts_within_its_task(bench: Bench) -> Probe:
    return bench.lists_buckets(_root(bench))


@case("deny", "AccessDenied")
def a_members_root_does_nothing_beside_its_task(bench: Bench) -> Probe:
    return bench.lists_users(_root(bench))


@case("deny", "AccessDenied")
def a_members_root_is_under_control_policies(bench: Bench) -> Probe:
    keys = _root(bench)

    def probe() -> None:
        document = policy({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
        with attached(bench, document, bench.member):
            bench.lists_buckets(keys)()

    return probe


@case("allow")
def a_members_root_opens_a_bucket_that_locks_everybody_out(bench: Bench) -> Probe:
    locked = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"],
    }
    bucket = bench.bucket(policy_document=policy(locked), keys=bench.member_admin)
    keys = _root(bench)
    return lambda: bench.client("s3", keys).delete_bucket_policy(Bucket=bucket)


@case("deny", "AccessDenied")
def an_administrator_does_not_open_a_bucket_that_locks_everybody_out(bench: Bench) -> Probe:
    locked = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"],
    }
    bucket = bench.bucket(policy_document=policy(locked), keys=bench.member_admin)
    return lambda: bench.client("s3", bench.member_admin).delete_bucket_policy(Bucket=bucket)


def _by(bench: Bench, statement: dict[str, Any] | None) -> Probe:
    keys = bench.user(*([statement] if statement else []))[1]
    return lambda: _assumes(bench, keys)


table(
    "assuming a member's root",
    [
        ("allow", "is for who may", allow("sts:AssumeRoot")),
        ("deny", "is not for who may not", None),
        (
            "allow",
            "is for who may this task",
            allow("sts:AssumeRoot", Condition={"ArnEquals": {"sts:TaskPolicyArn": _UNLOCK}}),
        ),
        (
            "deny",
            "is not for who may another task",
            allow("sts:AssumeRoot", Condition={"ArnEquals": {"sts:TaskPolicyArn": f"{_TASKS}X"}}),
        ),
    ],
    _by,
)


@case("deny")
def a_members_administrator_assumes_no_root(bench: Bench) -> Probe:
    return lambda: _assumes(bench, bench.member_admin)


@case("deny")
def the_management_accounts_own_root_is_not_assumed(bench: Bench) -> Probe:
    return lambda: _assumes(bench, bench.admin, target="123456789012")


@case("deny")
def a_root_is_not_assumed_for_any_policy(bench: Bench) -> Probe:
    task = "arn:aws:iam::aws:policy/AdministratorAccess"
    return lambda: _assumes(bench, bench.admin, task)


@case("deny")
def no_root_is_assumed_where_that_is_turned_off(bench: Bench) -> Probe:
    def probe() -> None:
        bench.iam.disable_organizations_root_sessions()
        bench.client("sts", bench.admin).assume_root(
            TargetPrincipal=bench.member, TaskPolicyArn={"arn": _UNLOCK}
        )

    return probe


@case("deny")
def a_control_policy_can_be_for_roots_alone(bench: Bench) -> Probe:
    keys = _root(bench)
    block = {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}
    document = policy({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": block})

    def probe() -> None:
        with attached(bench, document, bench.member):
            bench.lists_buckets(bench.user(allow("s3:*"), iam=bench.member_iam)[1])()
            bench.lists_buckets(keys)()

    return probe


refused(
    "root sessions turned on by a member",
    "AccountNotManagementOrDelegatedAdministratorException",
    lambda b: b.member_iam.enable_organizations_root_sessions(),
)
