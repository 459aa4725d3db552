"""Buckets and objects: what is found or not, and which permission each call needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.matrix.bench import (
    Bench,
    Probe,
    allow,
    deny,
    table,
)


def _with(bench: Bench, actions: list[str], call: Callable[[Any, str], Any]) -> Probe:
    """Call with these permissions on a bucket that has the object ``k``."""
    bucket = bench.bucket()
    keys = bench.user(allow(actions))[1]
    return lambda: call(bench.client("s3", keys), bucket)


def _read(key: str) -> Callable[[Any, str], Any]:
    return lambda s3, bucket: s3.get_object(Bucket=bucket, Key=key)


def _head(key: str) -> Callable[[Any, str], Any]:
    return lambda s3, bucket: s3.head_object(Bucket=bucket, Key=key)


table(
    "an object",
    [
        ("allow", "is read", ["s3:GetObject"], _read("k")),
        ("deny", "that is missing is hidden without ListBucket", ["s3:GetObject"], _read("z")),
        (
            "error",
            "that is missing is missing with ListBucket",
            ["s3:GetObject", "s3:ListBucket"],
            _read("z"),
        ),
        ("allow", "is looked at with GetObject", ["s3:GetObject"], _head("k")),
        ("deny", "is not looked at without GetObject", ["s3:ListBucket"], _head("k")),
        ("deny", "that is missing is hidden from a look", ["s3:GetObject"], _head("z")),
        (
            "error",
            "that is missing is missing to a look with ListBucket",
            ["s3:GetObject", "s3:ListBucket"],
            _head("z"),
        ),
        (
            "deny",
            "with tags is not put without PutObjectTagging",
            ["s3:PutObject"],
            lambda s3, b: s3.put_object(Bucket=b, Key="t", Body=b"", Tagging="a=b"),
        ),
        (
            "allow",
            "with tags is put with PutObjectTagging",
            ["s3:PutObject", "s3:PutObjectTagging"],
            lambda s3, b: s3.put_object(Bucket=b, Key="t", Body=b"", Tagging="a=b"),
        ),
        (
            "deny",
            "with an ACL is not put without PutObjectAcl",
            ["s3:PutObject"],
            lambda s3, b: s3.put_object(
                Bucket=b, Key="t", Body=b"", ACL="bucket-owner-full-control"
            ),
        ),
        (
            "allow",
            "with its owner's ACL is put with PutObjectAcl",
            ["s3:PutObject", "s3:PutObjectAcl"],
            lambda s3, b: s3.put_object(
                Bucket=b, Key="t", Body=b"", ACL="bucket-owner-full-control"
            ),
        ),
        (
            "deny",
            "is not deleted by who may put it",
            ["s3:PutObject"],
            lambda s3, b: s3.delete_object(Bucket=b, Key="k"),
        ),
        (
            "deny",
            "in a version is not read with GetObject alone",
            ["s3:GetObject"],
            lambda s3, b: s3.get_object(Bucket=b, Key="k", VersionId="null"),
        ),
        (
            "allow",
            "is uploaded in parts with PutObject",
            ["s3:PutObject"],
            lambda s3, b: s3.create_multipart_upload(Bucket=b, Key="m"),
        ),
        (
            "deny",
            "has no tags to read without GetObjectTagging",
            ["s3:GetObject"],
            lambda s3, b: s3.get_object_tagging(Bucket=b, Key="k"),
        ),
    ],
    _with,
)
table(
    "a bucket",
    [
        (
            "allow",
            "is looked at with ListBucket",
            ["s3:ListBucket"],
            lambda s3, b: s3.head_bucket(Bucket=b),
        ),
        (
            "deny",
            "is not looked at without",
            ["s3:GetObject"],
            lambda s3, b: s3.head_bucket(Bucket=b),
        ),
        (
            "error",
            "that is missing is missing to a look",
            ["s3:ListBucket"],
            lambda s3, _: s3.head_bucket(Bucket="nobody-has-this-one"),
        ),
        (
            "deny",
            "is not listed among all without ListAllMyBuckets",
            ["s3:ListBucket"],
            lambda s3, _: s3.list_buckets(),
        ),
        (
            "deny",
            "has no versions to list without ListBucketVersions",
            ["s3:ListBucket"],
            lambda s3, b: s3.list_object_versions(Bucket=b),
        ),
        (
            "allow",
            "has its inventory read with GetInventoryConfiguration",
            ["s3:GetInventoryConfiguration"],
            lambda s3, b: s3.list_bucket_inventory_configurations(Bucket=b),
        ),
        (
            "deny",
            "keeps its policy without PutBucketPolicy",
            ["s3:GetBucketPolicy"],
            lambda s3, b: s3.delete_bucket_policy(Bucket=b),
        ),
    ],
    _with,
)


def _listing(bench: Bench, block: dict[str, Any], parameters: dict[str, Any]) -> Probe:
    bucket = bench.bucket()
    keys = bench.user(allow("s3:ListBucket", Condition=block))[1]
    return lambda: bench.client("s3", keys).list_objects_v2(Bucket=bucket, **parameters)


_PREFIX = {"StringEquals": {"s3:prefix": ["", "home/"]}}
table(
    "listing a bucket under a condition on",
    [
        ("allow", "the prefix, right", _PREFIX, {"Prefix": "home/"}),
        ("allow", "the prefix, empty", _PREFIX, {"Prefix": ""}),
        ("deny", "the prefix, deeper", _PREFIX, {"Prefix": "home/a/"}),
        ("deny", "the prefix, not given", {"StringLike": {"s3:prefix": "home/*"}}, {}),
        ("allow", "a variable prefix", {"StringLike": {"s3:prefix": "${aws:username}/*"}}, {
            "Prefix": "USER/x"
        }),
        ("allow", "the delimiter", {"StringEquals": {"s3:delimiter": "/"}}, {"Delimiter": "/"}),
        ("deny", "the delimiter, none", {"StringEquals": {"s3:delimiter": "/"}}, {}),
        (
            "allow",
            "the page, small",
            {"NumericLessThanEquals": {"s3:max-keys": "10"}},
            {"MaxKeys": 10},
        ),
        (
            "deny",
            "the page, great",
            {"NumericLessThanEquals": {"s3:max-keys": "10"}},
            {"MaxKeys": 11},
        ),
    ],
    lambda bench, block, parameters: _listing(bench, block, parameters)
    if parameters.get("Prefix") != "USER/x"
    else _own_prefix(bench),
)  # fmt: skip


def _own_prefix(bench: Bench) -> Probe:
    bucket = bench.bucket()
    block = {"StringLike": {"s3:prefix": "${aws:username}/*"}}
    name, keys = bench.user(allow("s3:ListBucket", Condition=block))
    return lambda: bench.client("s3", keys).list_objects_v2(Bucket=bucket, Prefix=f"{name}/x")


def _putting(bench: Bench, block: dict[str, Any], parameters: dict[str, Any]) -> Probe:
    bucket = bench.bucket()
    keys = bench.user(allow("s3:*"), deny("s3:PutObject", Condition=block))[1]
    return lambda: bench.client("s3", keys).put_object(
        Bucket=bucket, Key="n", Body=b"", **parameters
    )


_PLAIN = {"Null": {"s3:x-amz-server-side-encryption": "true"}}
_OTHER = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
_ACL = {"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
table(
    "putting an object under a Deny on",
    [
        ("deny", "no encryption", _PLAIN, {}),
        ("allow", "no encryption, given some", _PLAIN, {"ServerSideEncryption": "AES256"}),
        ("deny", "other encryption", _OTHER, {"ServerSideEncryption": "AES256"}),
        ("deny", "an ACL that is not given", _ACL, {}),
        ("allow", "another ACL, given this", _ACL, {"ACL": "bucket-owner-full-control"}),
        (
            "deny",
            "a storage class",
            {"StringEquals": {"s3:x-amz-storage-class": "GLACIER"}},
            {"StorageClass": "GLACIER"},
        ),
        (
            "deny",
            "a tag of the request",
            {"StringEquals": {"s3:RequestObjectTag/a": "b"}},
            {"Tagging": "a=b"},
        ),
        (
            "allow",
            "another tag of the request",
            {"StringEquals": {"s3:RequestObjectTag/a": "b"}},
            {"Tagging": "a=c"},
        ),
    ],
    _putting,
)


def _tagged_object(bench: Bench, value: str) -> Probe:
    bucket = bench.bucket()
    bench.client("s3", bench.admin).put_object(Bucket=bucket, Key="t", Body=b"", Tagging="a=b")
    block = {"StringEquals": {"s3:ExistingObjectTag/a": value}}
    keys = bench.user(allow("s3:GetObject", Condition=block))[1]
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="t")


table(
    "an object's own tag",
    [("allow", "matches", "b"), ("deny", "does not match", "c")],
    _tagged_object,
)
