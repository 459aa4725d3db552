"""Buckets that the public may see, and those it may not: policies, ACLs and their owners."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
    Probe,
    allow,
    case,
    policy,
    refused,
    refused_with,
    table,
)

_ALL = "arn:aws:s3:::BUCKET/*"
_EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": _ALL}


def _puts_policy(bench: Bench, statement: dict[str, Any], *, public: bool = False) -> Probe:
    return lambda: bench.bucket(policy_document=policy(statement), public=public)


def _narrowed(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {**_EVERYBODY, "Condition": {operator: {key: value}}}


table(
    "a new bucket",
    [
        ("deny", "takes no public policy", _EVERYBODY),
        ("deny", "takes none for every AWS principal", {**_EVERYBODY, "Principal": {"AWS": "*"}}),
        ("allow", "takes a Deny for everybody", {**_EVERYBODY, "Effect": "Deny"}),
        (
            "allow",
            "takes one for an organisation",
            _narrowed("StringEquals", "aws:PrincipalOrgID", "o-aaaaaaaaaa"),
        ),
        (
            "allow",
            "takes one for an address",
            _narrowed("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
        ),
        (
            "deny",
            "takes none for nearly every address",
            _narrowed("IpAddress", "aws:SourceIp", "0.0.0.0/1"),
        ),
        (
            "deny",
            "takes none for a wildcard",
            _narrowed("StringLike", "aws:PrincipalOrgID", "o-*"),
        ),
        (
            "deny",
            "takes none narrowed by what is no narrowing",
            _narrowed("StringLike", "aws:UserAgent", "browser"),
        ),
        (
            "allow",
            "takes one for another account",
            {**_EVERYBODY, "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}},
        ),
    ],
    _puts_policy,
)


@case("allow")
def a_bucket_that_does_not_block_it_takes_a_public_policy(bench: Bench) -> Probe:
    return _puts_policy(bench, _EVERYBODY, public=True)


def _anonymously(bench: Bench, bucket: str) -> Probe:
    def probe() -> None:
        try:
            urllib.request.urlopen(f"{bench.endpoint}/{bucket}/k").close()
        except urllib.error.HTTPError as error:
            error.close()
            raise refused_with("AccessDenied", error.code, "GetObject") from error

    return probe


@case("allow")
def anybody_reads_a_public_bucket(bench: Bench) -> Probe:
    return _anonymously(bench, bench.bucket(policy_document=policy(_EVERYBODY), public=True))


@case("deny")
def nobody_reads_anonymously_what_is_not_public(bench: Bench) -> Probe:
    return _anonymously(bench, bench.bucket())


def _restricted(bench: Bench, keys: Keys | None) -> Probe:
    """Close a bucket that is public already."""
    bucket = bench.bucket(policy_document=policy(_EVERYBODY), public=True)
    bench.client("s3", bench.admin).put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    if keys is None:
        return _anonymously(bench, bucket)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


@case("deny")
def a_restricted_public_bucket_is_closed_to_the_world(bench: Bench) -> Probe:
    return _restricted(bench, None)


@case("deny")
def a_restricted_public_bucket_is_closed_to_other_accounts(bench: Bench) -> Probe:
    return _restricted(bench, bench.member_admin)


@case("allow")
def a_restricted_public_bucket_is_open_to_its_account(bench: Bench) -> Probe:
    return _restricted(bench, bench.user(allow("s3:GetObject"))[1])


@case("allow")
def a_new_bucket_blocks_public_access(bench: Bench) -> Probe:
    bucket = bench.bucket()

    def probe() -> None:
        answer = bench.client("s3", bench.admin).get_public_access_block(Bucket=bucket)
        assert set(answer["PublicAccessBlockConfiguration"].values()) == {True}

    return probe


@case("allow")
def a_new_bucket_enforces_its_owners_ownership(bench: Bench) -> Probe:
    bucket = bench.bucket()

    def probe() -> None:
        answer = bench.client("s3", bench.admin).get_bucket_ownership_controls(Bucket=bucket)
        assert answer["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]

    return probe


def _acl(bench: Bench, **parameters: Any) -> Any:
    return bench.client("s3", bench.admin).put_object(
        Bucket=bench.bucket(), Key="a", Body=b"", **parameters
    )


refused(
    "a public ACL on an object of a new bucket",
    "AccessControlListNotSupported",
    lambda b: _acl(b, ACL="public-read"),
)
refused(
    "an ACL for a new bucket",
    "AccessControlListNotSupported",
    lambda b: b.client("s3", b.admin).put_bucket_acl(Bucket=b.bucket(), ACL="private"),
)
refused(
    "a bucket made with a public ACL",
    "InvalidBucketAclWithObjectOwnership",
    lambda b: b.client("s3", b.admin).create_bucket(Bucket=b.name("acl-"), ACL="public-read"),
)
refused(
    "a bucket that another account has",
    "BucketAlreadyExists",
    lambda b: b.client("s3", b.member_admin).create_bucket(Bucket=b.bucket()),
)
refused(
    "a bucket policy for nobody who exists",
    "MalformedPolicy",
    lambda b: b.bucket(
        policy_document=policy({**_EVERYBODY, "Principal": {"AWS": b.user_arn("nobody")}})
    ),
)
refused(
    "a bucket policy about another bucket",
    "MalformedPolicy",
    lambda b: b.bucket(
        policy_document=policy(
            {
                **_EVERYBODY,
                "Principal": {"AWS": b.user_arn("admin")},
                "Resource": "arn:aws:s3:::elsewhere/*",
            }
        )
    ),
)
