"""What a session is given by whoever asks for it: name, tags, identity; and what trust asks for."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Probe,
    allow,
    case,
    policy,
    refused,
    table,
    trust,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"
_TAGS_PASS = trust({"AWS": _ROOT}, action=["sts:AssumeRole", "sts:TagSession"])


def _through_role(bench: Bench, block: dict[str, Any], **session: Any) -> Probe:
    trusting = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": _ROOT},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": block,
        }
    )
    _, arn = bench.role(trusting=trusting)
    keys = bench.user(allow("sts:*"), Tags=[{"Key": "team", "Value": "red"}])[1]
    return lambda: bench.assume(arn, keys, **session)


_TAGGED = {"Tags": [{"Key": "team", "Value": "red"}]}
table(
    "AssumeRole where the trust policy asks for",
    [
        ("allow", "a session name, right", {"StringEquals": {"sts:RoleSessionName": "session"}}),
        ("deny", "a session name, wrong", {"StringLike": {"sts:RoleSessionName": "job-*"}}),
        ("deny", "no tags", {"Null": {"aws:RequestTag/team": "true"}}, _TAGGED),
        ("allow", "a tag, given", {"StringEquals": {"aws:RequestTag/Team": "red"}}, _TAGGED),
        ("deny", "a tag, not given", {"StringEquals": {"aws:RequestTag/team": "red"}}),
        (
            "allow",
            "the caller's own tag",
            {"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}},
            _TAGGED,
        ),
        (
            "allow",
            "transitive tag keys, given",
            {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["team"]}},
            {**_TAGGED, "TransitiveTagKeys": ["team"]},
        ),
        (
            "deny",
            "other transitive tag keys",
            {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": ["cost"]}},
            {**_TAGGED, "TransitiveTagKeys": ["team"]},
        ),
        (
            "deny",
            "transitive tag keys, none given",
            {"Null": {"sts:TransitiveTagKeys": "false"}},
            _TAGGED,
        ),
        (
            "allow",
            "tag keys, these",
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}},
            _TAGGED,
        ),
        (
            "deny",
            "an external id, none given",
            {"StringEquals": {"sts:ExternalId": "x-42"}},
        ),
        (
            "allow",
            "an external id that may be missing",
            {"StringEqualsIfExists": {"sts:ExternalId": "x-42"}},
        ),
        (
            "deny",
            "an external id, another case",
            {"StringEquals": {"sts:ExternalId": "x-42"}},
            {"ExternalId": "X-42"},
        ),
        ("deny", "MFA", {"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        ("allow", "MFA if known", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}),
        (
            "allow",
            "the organisation",
            {"StringLike": {"aws:PrincipalOrgID": "o-*"}},
        ),
    ],
    lambda bench, block, session=None: _through_role(bench, block, **(session or {})),
)  # fmt: skip


@case("error")
def a_transitive_tag_cannot_be_changed_in_the_chain(bench: Bench) -> Probe:
    _, first = bench.role(allow("sts:*"), trusting=_TAGS_PASS)
    _, second = bench.role(trusting=_TAGS_PASS)
    keys = bench.assume(first, Tags=[{"Key": "team", "Value": "red"}], TransitiveTagKeys=["team"])
    return lambda: bench.assume(second, keys, Tags=[{"Key": "Team", "Value": "blue"}])


@case("allow")
def a_transitive_tag_is_a_principal_tag_down_the_chain(bench: Bench) -> Probe:
    _, first = bench.role(allow("sts:*"), trusting=_TAGS_PASS)
    block = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    _, second = bench.role(allow("iam:ListUsers", Condition=block), trusting=_TAGS_PASS)
    keys = bench.assume(first, Tags=[{"Key": "team", "Value": "red"}], TransitiveTagKeys=["team"])
    return bench.lists_users(bench.assume(second, keys))


@case("deny")
def a_tag_that_is_not_transitive_ends_with_its_session(bench: Bench) -> Probe:
    _, first = bench.role(allow("sts:*"), trusting=_TAGS_PASS)
    block = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    _, second = bench.role(allow("iam:ListUsers", Condition=block), trusting=_TAGS_PASS)
    keys = bench.assume(first, Tags=[{"Key": "team", "Value": "red"}])
    return bench.lists_users(bench.assume(second, keys))


refused(
    "a trust policy with NotPrincipal",
    "MalformedPolicyDocument",
    lambda b: b.role(
        trusting=policy(
            {"Effect": "Deny", "NotPrincipal": {"AWS": _ROOT}, "Action": "sts:AssumeRole"}
        )
    ),
)


def _not_principal(bench: Bench, *, named: bool) -> Probe:
    name, keys = bench.user(allow("s3:*"))
    spared = bench.user_arn(name if named else bench.user()[0])
    statement = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": [spared, _ROOT]},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::BUCKET/*",
    }
    bucket = bench.bucket(policy_document=policy(statement))
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


table(
    "NotPrincipal of a user and the account",
    [("allow", "spares the user", True), ("deny", "denies the account's others", False)],
    lambda bench, named: _not_principal(bench, named=named),
)


@case("deny")
def a_role_is_not_assumed_by_a_name_in_the_trust_alone_across_accounts(bench: Bench) -> Probe:
    name, keys = bench.user(iam=bench.member_iam)
    trusted = trust({"AWS": bench.user_arn(name, bench.member)})
    _, arn = bench.role(trusting=trusted)
    return lambda: bench.assume(arn, keys)
