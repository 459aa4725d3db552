"""Who you are: keys, signatures, tokens."""

from __future__ import annotations

import urllib.error
import urllib.request

from tests.lab.matrix.bench import Bench, Probe, allow, calls, case, refused_with, table

_READS = ("iam:ListUsers", "s3:ListAllMyBuckets", "ec2:DescribeInstances", "sqs:ListQueues")


@case("allow")
def a_valid_key_is_let_in(bench: Bench) -> Probe:
    return bench.lists_users(bench.user(allow("iam:ListUsers"))[1])


@case("deny", "SignatureDoesNotMatch")
def a_wrong_secret_is_refused(bench: Bench) -> Probe:
    _, keys = bench.user(allow("*"))
    return bench.lists_users((keys[0], "x" * 40))


@case("deny", "InvalidClientTokenId")
def an_unknown_key_is_refused(bench: Bench) -> Probe:
    return bench.lists_users(("AKIA" + "Z" * 16, "x" * 40))


def _inactive(bench: Bench, service: str, operation: str) -> Probe:
    name, keys = bench.user(allow(list(_READS)), allow("sts:*"), allow("kms:*"), allow("lambda:*"))
    bench.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status="Inactive")
    return calls(bench.client(service, keys), operation)


table(
    "an inactive key is refused",
    [
        ("deny", "by IAM", "iam", "list_users"),
        ("deny", "by S3", "s3", "list_buckets"),
        ("deny", "by EC2", "ec2", "describe_instances"),
        ("deny", "by SQS", "sqs", "list_queues"),
        ("deny", "by STS, even for GetCallerIdentity", "sts", "get_caller_identity"),
        ("deny", "by KMS", "kms", "list_keys"),
        ("deny", "by Lambda", "lambda", "list_functions"),
    ],
    _inactive,
)


@case("deny", "InvalidAccessKeyId")
def an_inactive_key_on_s3_gets_the_code_of_s3(bench: Bench) -> Probe:
    return _inactive(bench, "s3", "list_buckets")


@case("deny", "InvalidClientTokenId")
def an_inactive_key_on_iam_gets_the_code_of_iam(bench: Bench) -> Probe:
    return _inactive(bench, "iam", "list_users")


@case("deny", "UnrecognizedClientException")
def an_inactive_key_on_kms_gets_the_code_of_json(bench: Bench) -> Probe:
    return _inactive(bench, "kms", "list_keys")


@case("deny", "AuthFailure")
def an_inactive_key_on_ec2_gets_the_code_of_ec2(bench: Bench) -> Probe:
    return _inactive(bench, "ec2", "describe_instances")


@case("allow")
def a_reactivated_key_is_let_in_again(bench: Bench) -> Probe:
    name, keys = bench.user(allow("iam:ListUsers"))
    for status in ("Inactive", "Active"):
        bench.iam.update_access_key(UserName=name, AccessKeyId=keys[0], Status=status)
    return bench.lists_users(keys)


@case("deny", "InvalidClientTokenId")
def a_deleted_key_is_refused(bench: Bench) -> Probe:
    name, keys = bench.user(allow("iam:ListUsers"))
    bench.iam.delete_access_key(UserName=name, AccessKeyId=keys[0])
    return bench.lists_users(keys)


@case("deny", "InvalidClientTokenId")
def a_session_with_another_token_is_refused(bench: Bench) -> Probe:
    keys = bench.assume(bench.role(allow("iam:ListUsers"))[1])
    return bench.lists_users((keys[0], keys[1], "bogus"))


@case("deny", "InvalidClientTokenId")
def a_session_without_its_token_is_refused(bench: Bench) -> Probe:
    keys = bench.assume(bench.role(allow("iam:ListUsers"))[1])
    return bench.lists_users(keys[:2])


@case("deny", "InvalidClientTokenId")
def a_long_term_key_with_a_token_is_refused(bench: Bench) -> Probe:
    _, keys = bench.user(allow("iam:ListUsers"))
    return bench.lists_users((*keys, "bogus"))


@case("deny")
def an_unsigned_call_to_iam_is_refused(bench: Bench) -> Probe:
    def probe() -> None:
        request = urllib.request.Request(
            f"{bench.endpoint}/", data=b"Action=ListUsers&Version=2010-05-08", method="POST"
        )
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read().decode()
            error.close()
            code = "AccessDenied" if status == 403 else body[:60]
            raise refused_with(code, status, "ListUsers") from error

    return probe


def _presigned(bench: Bench, *, expires: int, granted: bool, spoil: bool = False) -> Probe:
    bucket = bench.bucket()
    _, keys = bench.user(allow("s3:GetObject" if granted else "s3:ListAllMyBuckets"))
    url = bench.client("s3", keys, signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=expires
    )
    if spoil:
        url = url[:-4] + "0000"

    def probe() -> None:
        try:
            with urllib.request.urlopen(url) as answer:
                assert answer.read() == b"v"
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
            raise refused_with("AccessDenied", status, "GetObject") from error

    return probe


@case("allow")
def a_presigned_url_works_with_its_makers_permission(bench: Bench) -> Probe:
    return _presigned(bench, expires=300, granted=True)


@case("deny")
def a_presigned_url_does_not_work_without_its_makers_permission(bench: Bench) -> Probe:
    return _presigned(bench, expires=300, granted=False)


@case("deny")
def an_expired_presigned_url_is_refused(bench: Bench) -> Probe:
    return _presigned(bench, expires=-60, granted=True)


@case("deny")
def a_presigned_url_with_another_signature_is_refused(bench: Bench) -> Probe:
    return _presigned(bench, expires=300, granted=True, spoil=True)


def _signed_get(bench: Bench, service: str, operation: str) -> Probe:
    _, keys = bench.user(allow("*"))
    return calls(bench.client(service, keys), operation)


table(
    "a right signature is accepted",
    [
        ("allow", "by a REST-JSON service", "lambda", "list_functions"),
        ("allow", "by a JSON service", "dynamodb", "list_tables"),
        ("allow", "by a REST-XML service", "s3", "list_buckets"),
        ("allow", "by the EC2 protocol", "ec2", "describe_instances"),
        ("allow", "by a query service", "sns", "list_topics"),
        ("allow", "by Secrets Manager", "secretsmanager", "list_secrets"),
        ("allow", "by Organizations", "organizations", "describe_organization"),
    ],
    _signed_get,
)
