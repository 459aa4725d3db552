"""What IAM tells: lists in pages, everything at once, reports, simulations and their details."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    allow,
    policy,
    refused,
    table,
    trust,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"


def answers(claim: str) -> Callable[[Callable[[Bench], Any]], Callable[[Bench], Any]]:
    """Register a case that asks and asserts, with nothing to be denied."""

    def register(ask: Callable[[Bench], Any]) -> Callable[[Bench], Any]:
        table("IAM tells", [("allow", claim, ask)], lambda bench, do: lambda: do(bench))
        return ask

    return register


def holds(true: object, what: object = "") -> None:
    """Stop where something does not hold."""
    if not true:
        raise AssertionError(str(what))


@answers("a user's keys, in pages")
def _keys_in_pages(bench: Bench) -> None:
    name, _ = bench.user()
    bench.iam.create_access_key(UserName=name)
    first = bench.iam.list_access_keys(UserName=name, MaxItems=1)
    holds(first["IsTruncated"] and len(first["AccessKeyMetadata"]) == 1, first)
    second = bench.iam.list_access_keys(UserName=name, MaxItems=1, Marker=first["Marker"])
    holds(not second["IsTruncated"], second)
    ids = {first["AccessKeyMetadata"][0]["AccessKeyId"]}
    ids |= {second["AccessKeyMetadata"][0]["AccessKeyId"]}
    holds(len(ids) == 2, ids)


@answers("one's own keys without a name")
def _own_keys(bench: Bench) -> None:
    name, keys = bench.user(allow("iam:ListAccessKeys"))
    matches = bench.client("iam", keys).list_access_keys()["AccessKeyMetadata"]
    holds([one["AccessKeyId"] for one in matches] == [keys[0]], matches)
    holds(matches[0]["UserName"] == name, matches)


@answers("itself to a user, without a name")
def _own_user(bench: Bench) -> None:
    name, keys = bench.user(allow("iam:GetUser"))
    holds(bench.client("iam", keys).get_user()["User"]["UserName"] == name)


@answers("only what the filter of the details asks for")
def _filtered(bench: Bench) -> None:
    bench.managed(allow("*"))
    expected = {
        "User": "UserDetailList",
        "Role": "RoleDetailList",
        "LocalManagedPolicy": "Policies",
    }
    bench.role()
    for kind, key in expected.items():
        answer = bench.iam.get_account_authorization_details(Filter=[kind])
        full = {name for name in (*expected.values(), "GroupDetailList") if answer[name]}
        holds(full == {key}, (kind, full))


@answers("AWS's own policies among the details where they are asked for")
def _aws_policies(bench: Bench) -> None:
    name = bench.user()[0]
    arn = "arn:aws:iam::aws:policy/SecurityAudit"
    bench.iam.attach_user_policy(UserName=name, PolicyArn=arn)
    pages = bench.iam.get_paginator("get_account_authorization_details").paginate(
        Filter=["AWSManagedPolicy"]
    )
    holds(arn in {one["Arn"] for page in pages for one in page["Policies"]})


@answers("in the credential report who has which credentials")
def _report(bench: Bench) -> None:
    name, keys = bench.user()
    bench.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
    bench.iam.create_login_profile(UserName=name, Password="Correct-horse-1")
    while bench.iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    text = bench.iam.get_credential_report()["Content"].decode()
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(text))}
    holds("<root_account>" in rows)
    row = rows[name]
    holds(row["password_enabled"] == "true", row)
    holds(row["access_key_1_active"] == "false", row)
    holds(row["mfa_active"] == "false", row)
    holds(row["arn"] == bench.user_arn(name), row)


@answers("which services a role used last")
def _last_accessed(bench: Bench) -> None:
    _, arn = bench.role(allow("s3:*"))
    bench.lists_buckets(bench.assume(arn))()
    job = bench.iam.generate_service_last_accessed_details(Arn=arn)["JobId"]
    answer = bench.iam.get_service_last_accessed_details(JobId=job)
    used = {
        one["ServiceNamespace"]
        for one in answer["ServicesLastAccessed"]
        if one.get("LastAuthenticated")
    }
    holds(used == {"s3"}, used)


@answers("services that a role may use and never did")
def _never_accessed(bench: Bench) -> None:
    _, arn = bench.role(allow(["s3:*", "sqs:*"]))
    job = bench.iam.generate_service_last_accessed_details(Arn=arn)["JobId"]
    answer = bench.iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]
    holds({one["ServiceNamespace"] for one in answer} == {"s3", "sqs"}, answer)
    holds(all("LastAuthenticated" not in one for one in answer), answer)


@answers("when a role was last used")
def _role_last_used(bench: Bench) -> None:
    name, arn = bench.role(allow("s3:*"))
    holds(not bench.iam.get_role(RoleName=name)["Role"].get("RoleLastUsed"))
    bench.lists_buckets(bench.assume(arn))()
    used = bench.iam.get_role(RoleName=name)["Role"]["RoleLastUsed"]
    holds(used.get("LastUsedDate") and used["Region"] == "us-east-1", used)


@answers("the account's summary with its quotas")
def _summary(bench: Bench) -> None:
    answer = bench.iam.get_account_summary()["SummaryMap"]
    holds(answer["AccessKeysPerUserQuota"] == 2, answer)
    holds(answer["AttachedPoliciesPerUserQuota"] == 10, answer)
    holds(answer["Users"] >= 1, answer)


@answers("who a policy is attached to, and as what")
def _entities(bench: Bench) -> None:
    arn = bench.managed(allow("*"))
    attached, bounded = bench.user()[0], bench.user(PermissionsBoundary=arn)[0]
    bench.iam.attach_user_policy(UserName=attached, PolicyArn=arn)
    for usage, name in (("PermissionsPolicy", attached), ("PermissionsBoundary", bounded)):
        matches = bench.iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter=usage)
        holds([one["UserName"] for one in matches["PolicyUsers"]] == [name], matches)
    counted = bench.iam.get_policy(PolicyArn=arn)["Policy"]
    holds(counted["AttachmentCount"] == 1, counted)
    holds(counted["PermissionsBoundaryUsageCount"] == 1, counted)


@answers("the roles of a path alone")
def _path_prefix(bench: Bench) -> None:
    name = bench.role(Path="/away/")[0]
    bench.role()
    matches = bench.iam.list_roles(PathPrefix="/away/")["Roles"]
    holds(name in {one["RoleName"] for one in matches}, matches)
    holds(all(one["Path"].startswith("/away/") for one in matches), matches)


@answers("the tags of a role, and of a policy")
def _tags(bench: Bench) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    role = bench.role(Tags=tags)[0]
    holds(bench.iam.list_role_tags(RoleName=role)["Tags"] == tags)
    holds(bench.iam.get_role(RoleName=role)["Role"]["Tags"] == tags)
    made = bench.iam.create_policy(
        PolicyName=bench.name("m"), PolicyDocument=policy(allow("*")), Tags=tags
    )["Policy"]["Arn"]
    holds(bench.iam.list_policy_tags(PolicyArn=made)["Tags"] == tags)


@answers("an access key's account from its id")
def _account_of_key(bench: Bench) -> None:
    keys = bench.user(iam=bench.member_iam)[1]
    answer = bench.client("sts", bench.admin).get_access_key_info(AccessKeyId=keys[0])
    holds(answer["Account"] == bench.member, answer)


refused(
    "a job that nobody began",
    "NoSuchEntity",
    lambda b: b.iam.get_service_last_accessed_details(
        JobId="0" * 8 + "-0000-0000-0000-" + "0" * 12
    ),
)
refused(
    "a marker that IAM did not give",
    "ValidationError",
    lambda b: b.iam.list_users(Marker="not-a-marker"),
)


@answers("principals of a trust policy by their ARNs, and accounts by their roots")
def _trust(bench: Bench) -> None:
    name = bench.user()[0]
    role, _ = bench.role(trusting=trust({"AWS": [MANAGEMENT, bench.user_arn(name)]}))
    shown = bench.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    principals = shown["Statement"][0]["Principal"]["AWS"]
    holds(set(principals) == {_ROOT, bench.user_arn(name)}, shown)
