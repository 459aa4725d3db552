"""Signatures made by hand: stale, of another kind, for another body, in the URL."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.lab.matrix.bench import (
    CASES,
    Bench,
    Case,
    Keys,
    Probe,
    allow,
    case,
    keys_of,
    refused_with,
    table,
)

_LIST = b"Action=ListUsers&Version=2010-05-08"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@contextmanager
def _wall_clock(minutes: float) -> Iterator[None]:
    """Let botocore sign as at another time."""
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
    with patch.object(
        botocore.auth, "get_current_datetime", lambda **_: moment.replace(tzinfo=None)
    ):
        yield


def _signed(
    bench: Bench,
    keys: Keys,
    service: str = "iam",
    *,
    method: str = "POST",
    path: str = "/",
    body: bytes = _LIST,
    minutes: float = 0,
    headers: dict[str, str] | None = None,
) -> AWSRequest:
    request = AWSRequest(
        method=method, url=f"{bench.endpoint}{path}", data=body, headers=headers or _FORM
    )
    with _wall_clock(minutes):
        SigV4Auth(Credentials(*keys), service, "us-east-1").add_auth(request)
    return request


def _send(request: AWSRequest, body: bytes | None = None) -> bytes:
    """Send a request as it stands, with another body where one is given.

    Raises:
        ClientError: it was refused, with the code in the answer.
    """
    prepared: Any = request.prepare()
    data = prepared.body if body is None else body
    plain = urllib.request.Request(
        prepared.url, data=data or None, headers=dict(prepared.headers), method=prepared.method
    )
    try:
        with urllib.request.urlopen(plain) as answer:
            received: bytes = answer.read()
            return received
    except urllib.error.HTTPError as error:
        text, status = error.read().decode(), error.code
        error.close()
        code = re.search(r"<Code>([^<]+)", text) or re.search(r'__type": "([^"]+)', text)
        raise refused_with(code[1] if code else text[:60], status, "request") from error


def _lists(bench: Bench) -> Keys:
    return bench.user(allow("*"))[1]


def _skewed(bench: Bench, minutes: float, service: str = "iam") -> Probe:
    keys = _lists(bench)
    if service == "s3":
        request = _signed(
            bench,
            keys,
            "s3",
            method="GET",
            body=b"",
            minutes=minutes,
            headers={"x-amz-content-sha256": hashlib.sha256(b"").hexdigest()},
        )
    else:
        request = _signed(bench, keys, minutes=minutes)
    return lambda: _send(request)


table(
    "a signature",
    [
        ("allow", "of ten minutes ago", -10),
        ("allow", "of ten minutes ahead", 10),
        ("deny", "of twenty minutes ago", -20),
        ("deny", "of twenty minutes ahead", 20),
    ],
    _skewed,
)
for _service, _stale in (("iam", "SignatureDoesNotMatch"), ("s3", "RequestTimeTooSkewed")):
    CASES.append(
        Case(
            f"a stale signature has the code of {_service}",
            "deny",
            lambda bench, service=_service: _skewed(bench, -20, service),  # type: ignore[misc]
            _stale,
        )
    )


@case("deny", "SignatureDoesNotMatch")
def a_body_that_was_changed_after_signing_is_refused(bench: Bench) -> Probe:
    request = _signed(bench, _lists(bench))
    return lambda: _send(request, _LIST.replace(b"ListUsers", b"ListRoles"))


@case("deny", "SignatureDoesNotMatch")
def a_header_that_was_changed_after_signing_is_refused(bench: Bench) -> Probe:
    request = _signed(bench, _lists(bench), headers={**_FORM, "X-Amz-Meta": "a"})
    request.headers.replace_header("X-Amz-Meta", "b")
    return lambda: _send(request)


@case("deny")
def a_signature_of_the_asymmetric_kind_is_refused(bench: Bench) -> Probe:
    request = _signed(bench, _lists(bench))
    header = str(request.headers["Authorization"]).replace(
        "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"
    )
    request.headers.replace_header("Authorization", header)
    return lambda: _send(request)


@case("deny")
def a_signature_for_another_region_in_the_scope_is_refused(bench: Bench) -> Probe:
    request = _signed(bench, _lists(bench))
    header = str(request.headers["Authorization"]).replace("/us-east-1/", "/eu-west-1/")
    request.headers.replace_header("Authorization", header)
    return lambda: _send(request)


@case("deny")
def a_signature_without_a_date_is_refused(bench: Bench) -> Probe:
    request = _signed(bench, _lists(bench))
    del request.headers["X-Amz-Date"]
    return lambda: _send(request)


@case("error")
def a_payload_that_is_not_the_one_hashed_is_refused(bench: Bench) -> Probe:
    bucket = bench.bucket()
    stated = hashlib.sha256(b"mine").hexdigest()
    request = _signed(
        bench,
        bench.admin,
        "s3",
        method="PUT",
        path=f"/{bucket}/k",
        body=b"mine",
        headers={"x-amz-content-sha256": stated},
    )
    return lambda: _send(request, b"evil")


@case("allow")
def an_upload_in_chunks_is_stored_without_them(bench: Bench) -> Probe:
    bucket = bench.bucket()
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    request = _signed(
        bench,
        bench.admin,
        "s3",
        method="PUT",
        path=f"/{bucket}/chunks",
        body=body,
        headers={
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "content-encoding": "aws-chunked",
            "content-type": "text/plain",
            "x-amz-decoded-content-length": "5",
            "x-amz-trailer": "x-amz-checksum-crc32",
        },
    )

    def probe() -> None:
        _send(request)
        stored = bench.client("s3", bench.admin).get_object(Bucket=bucket, Key="chunks")
        assert stored["Body"].read() == b"hello"

    return probe


def _in_the_url(bench: Bench, keys: Keys, *, expires: int = 60, minutes: float = 0) -> AWSRequest:
    """Sign GetCallerIdentity in the URL, as tokens for EKS are made."""
    url = f"{bench.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method="GET", url=url)
    with _wall_clock(minutes):
        SigV4QueryAuth(Credentials(*keys), "sts", "us-east-1", expires=expires).add_auth(request)
    return request


@case("allow")
def an_identity_can_be_proven_by_a_url(bench: Bench) -> Probe:
    request = _in_the_url(bench, bench.user()[1])
    return lambda: _send(request)


@case("deny")
def an_identity_cannot_be_proven_by_a_url_that_has_expired(bench: Bench) -> Probe:
    request = _in_the_url(bench, bench.user()[1], minutes=-5)
    return lambda: _send(request)


@case("deny", "InvalidClientTokenId")
def an_identity_cannot_be_proven_by_a_url_of_an_inactive_key(bench: Bench) -> Probe:
    name, keys = bench.user()
    request = _in_the_url(bench, keys)
    bench.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
    return lambda: _send(request)


def _url(bench: Bench, keys: Keys, *, expires: int = 300) -> Probe:
    bucket = bench.bucket()
    client = bench.client("s3", keys, signature_version="s3v4")
    url = client.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=expires
    )
    return lambda: _send(AWSRequest(method="GET", url=url))


@case("allow")
def a_presigned_url_of_a_session_works(bench: Bench) -> Probe:
    return _url(bench, bench.assume(bench.role(allow("s3:GetObject"))[1]))


@case("deny", "AccessDenied")
def a_presigned_url_of_a_session_ends_with_its_roles_permission(bench: Bench) -> Probe:
    role, arn = bench.role(allow("s3:GetObject"))
    probe = _url(bench, bench.assume(arn))
    bench.iam.delete_role_policy(RoleName=role, PolicyName="p")
    return probe


@case("deny", "InvalidAccessKeyId")
def a_presigned_url_of_an_inactive_key_is_refused(bench: Bench) -> Probe:
    name, keys = bench.user(allow("s3:GetObject"))
    probe = _url(bench, keys)
    bench.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
    return probe


@case("error")
def a_presigned_url_for_more_than_a_week_is_refused(bench: Bench) -> Probe:
    return _url(bench, bench.admin, expires=604801)


@case("allow")
def a_presigned_url_for_a_week_is_accepted(bench: Bench) -> Probe:
    return _url(bench, bench.admin, expires=604800)


def _without_token(bench: Bench, service: str) -> Probe:
    keys = bench.assume(bench.role(allow("*"))[1])[:2]
    calls = {
        "s3": lambda: bench.client("s3", keys).list_buckets(),
        "ec2": lambda: bench.client("ec2", keys).describe_instances(),
        "dynamodb": lambda: bench.client("dynamodb", keys).list_tables(),
        "sts": lambda: bench.client("sts", keys).get_caller_identity(),
        "lambda": lambda: bench.client("lambda", keys).list_functions(),
        "sqs": lambda: bench.client("sqs", keys).list_queues(),
    }
    return calls[service]


for _service, _stale in (
    ("s3", "InvalidAccessKeyId"),
    ("ec2", "AuthFailure"),
    ("dynamodb", "UnrecognizedClientException"),
    ("sts", "InvalidClientTokenId"),
    ("lambda", "UnrecognizedClientException"),
    ("sqs", "InvalidClientTokenId"),
):
    CASES.append(
        Case(
            f"a session without its token has the code of {_service}",
            "deny",
            lambda bench, service=_service: _without_token(bench, service),  # type: ignore[misc]
            _stale,
        )
    )


def _with_wrong_token(bench: Bench, service: str) -> Probe:
    good = bench.assume(bench.role(allow("*"))[1])
    keys = (good[0], good[1], good[2][:-4] + "AAAA")
    return {
        "s3": lambda: bench.client("s3", keys).list_buckets(),
        "dynamodb": lambda: bench.client("dynamodb", keys).list_tables(),
        "iam": lambda: bench.client("iam", keys).list_users(),
    }[service]


for _service, _stale, _expected in (
    ("s3", "InvalidToken", "deny"),
    ("dynamodb", "UnrecognizedClientException", "deny"),
    ("iam", "InvalidClientTokenId", "deny"),
):
    CASES.append(
        Case(
            f"a session with a changed token has the code of {_service}",
            "deny",
            lambda bench, service=_service: _with_wrong_token(bench, service),  # type: ignore[misc]
            _stale,
        )
    )


@case("allow")
def the_last_use_of_a_key_is_shown(bench: Bench) -> Probe:
    name, keys = bench.user(allow("*"))
    del name
    bench.client("sqs", keys, region="eu-west-1").list_queues()

    def probe() -> None:
        used = bench.iam.get_access_key_last_used(AccessKeyId=keys[0])["AccessKeyLastUsed"]
        assert (used["ServiceName"], used["Region"]) == ("sqs", "eu-west-1")

    return probe


@case("allow")
def a_session_token_is_said_to_be_the_users_own(bench: Bench) -> Probe:
    name, keys = bench.user()
    made = keys_of(bench.client("sts", keys).get_session_token()["Credentials"])

    def probe() -> None:
        body = bench.client("sts", made).get_caller_identity()
        assert body["Arn"] == bench.user_arn(name)

    return probe
