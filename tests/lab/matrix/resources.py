"""Policies on resources, calls on several resources, and roles handed to services."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from tests.lab.matrix.bench import (
    CASES,
    MANAGEMENT,
    Bench,
    Case,
    Probe,
    allow,
    calls,
    case,
    deny,
    policy,
    table,
    trust,
)

_ROOT = f"arn:aws:iam::{MANAGEMENT}:root"


def _grant(principal: Any, action: str = "s3:GetObject", **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": "arn:aws:s3:::BUCKET/*",
        **more,
    }


def _object(bench: Bench, principal: str, *own: dict[str, Any], effect: str = "Allow") -> Probe:
    name, keys = bench.user(*own)
    named = {"self": bench.user_arn(name), "root": _ROOT, "*": "*", "other": _other(bench)}
    statement = _grant({"AWS": named[principal]}, Effect=effect)
    bucket = bench.bucket(policy_document=policy(statement), public=principal == "*")
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


def _other(bench: Bench) -> str:
    return bench.user_arn(bench.user()[0])


table(
    "a bucket policy for",
    [
        ("allow", "the user grants alone", "self"),
        ("deny", "the account does not grant alone", "root"),
        ("allow", "the account with the user's policy grants", "root", allow("s3:GetObject")),
        ("deny", "somebody else grants nothing", "other"),
        ("allow", "everybody grants", "*"),
        ("deny", "the user does not beat a deny of its own", "self", deny("s3:*")),
    ],
    _object,
)
table(
    "a bucket policy that denies",
    [
        ("deny", "the user beats its own policy", "self", allow("s3:*")),
        ("allow", "somebody else spares the user", "other", allow("s3:*")),
        ("deny", "everybody denies", "*", allow("s3:*")),
    ],
    lambda bench, principal, *own: _object(bench, principal, *own, effect="Deny"),
)


@case("allow")
def a_bucket_policy_grants_to_the_role_of_a_session(bench: Bench) -> Probe:
    _, arn = bench.role()
    bucket = bench.bucket(policy_document=policy(_grant({"AWS": arn})))
    keys = bench.assume(arn)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


def _across(bench: Bench, *own: dict[str, Any], granted: bool) -> Probe:
    name, keys = bench.user(*own, iam=bench.member_iam)
    arn = bench.user_arn(name, bench.member)
    bucket = bench.bucket(policy_document=policy(_grant({"AWS": arn})) if granted else None)
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


table(
    "a bucket of another account",
    [
        ("allow", "is read where both sides allow", True, allow("s3:GetObject")),
        ("deny", "is not read on its policy alone", True),
        ("deny", "is not read on the user's policy alone", False, allow("s3:*")),
    ],
    lambda bench, granted, *own: _across(bench, *own, granted=granted),
)


@case("deny")
def a_bucket_policy_with_not_principal_denies_the_others(bench: Bench) -> Probe:
    name, keys = bench.user(allow("s3:*"))
    del name
    statement = _grant({"AWS": _other(bench)}, Effect="Deny")
    statement["NotPrincipal"] = statement.pop("Principal")
    bucket = bench.bucket(policy_document=policy(statement))
    return lambda: bench.client("s3", keys).get_object(Bucket=bucket, Key="k")


def _key(bench: Bench, principal: str, *own: dict[str, Any]) -> Probe:
    name, keys = bench.user(*own)
    named = {"self": bench.user_arn(name), "root": _ROOT, "admin": bench.user_arn("admin")}
    document = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": named[principal]},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"AWS": bench.user_arn("admin")},
            "Action": "kms:*",
            "Resource": "*",
        },
    )
    key = bench.client("kms", bench.admin).create_key(Policy=document)["KeyMetadata"]["KeyId"]
    return lambda: bench.client("kms", keys).encrypt(KeyId=key, Plaintext=b"x")


table(
    "a key policy for",
    [
        ("allow", "the user grants alone", "self"),
        ("deny", "the account does not grant alone", "root"),
        ("allow", "the account lets the user's policy count", "root", allow("kms:Encrypt")),
        ("deny", "somebody else leaves the user's policy without effect", "admin", allow("kms:*")),
        ("deny", "the user does not beat a deny of its own", "self", deny("kms:*")),
    ],
    _key,
)


def _queue(bench: Bench, *, granted: bool) -> Probe:
    name, keys = bench.user()
    sqs = bench.client("sqs", bench.admin)
    url = sqs.create_queue(QueueName=bench.name("q"))["QueueUrl"]
    if granted:
        document = policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": bench.user_arn(name)},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        )
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    return lambda: bench.client("sqs", keys).send_message(QueueUrl=url, MessageBody="x")


table(
    "a queue",
    [("allow", "grants by its policy", True), ("deny", "grants nothing without one", False)],
    lambda bench, granted: _queue(bench, granted=granted),
)


def _topic(bench: Bench, *, granted: bool) -> Probe:
    name, keys = bench.user()
    sns = bench.client("sns", bench.admin)
    arn = sns.create_topic(Name=bench.name("t"))["TopicArn"]
    if granted:
        document = policy(
            {
                "Effect": "Allow",
                "Principal": {"AWS": bench.user_arn(name)},
                "Action": "sns:Publish",
                "Resource": arn,
            }
        )
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    return lambda: bench.client("sns", keys).publish(TopicArn=arn, Message="x")


table(
    "a topic",
    [("allow", "grants by its policy", True), ("deny", "grants nothing to others", False)],
    lambda bench, granted: _topic(bench, granted=granted),
)


def _secret(bench: Bench, *, granted: bool) -> Probe:
    name, keys = bench.user()
    secrets_client = bench.client("secretsmanager", bench.admin)
    secret = bench.name("s")
    secrets_client.create_secret(Name=secret, SecretString="x")
    if granted:
        secrets_client.put_resource_policy(
            SecretId=secret,
            ResourcePolicy=policy(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": bench.user_arn(name)},
                    "Action": "secretsmanager:GetSecretValue",
                    "Resource": "*",
                }
            ),
        )
    return lambda: bench.client("secretsmanager", keys).get_secret_value(SecretId=secret)


table(
    "a secret",
    [("allow", "grants by its policy", True), ("deny", "grants nothing without one", False)],
    lambda bench, granted: _secret(bench, granted=granted),
)


def _function(bench: Bench, *, granted: bool) -> Probe:
    name, keys = bench.user()
    _, role = bench.role(trusting=trust({"Service": "lambda.amazonaws.com"}))
    functions = bench.client("lambda", bench.admin)
    function = bench.name("f")
    functions.create_function(
        FunctionName=function,
        Runtime="python3.12",
        Role=role,
        Handler="a.b",
        Code={"ZipFile": _zipped()},
    )
    if granted:
        functions.add_permission(
            FunctionName=function,
            StatementId="s",
            Action="lambda:GetFunction",
            Principal=bench.user_arn(name),
        )
    return lambda: bench.client("lambda", keys).get_function(FunctionName=function)


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.py", "def b(event, context): return None")
    return packed.getvalue()


table(
    "a function",
    [("allow", "grants by its policy", True), ("deny", "grants nothing without one", False)],
    lambda bench, granted: _function(bench, granted=granted),
)


def _parameter(bench: Bench, pattern: str) -> Probe:
    bench.client("ssm", bench.admin).put_parameter(
        Name="/app/secret", Value="x", Type="String", Overwrite=True
    )
    resource = f"arn:aws:ssm:us-east-1:{MANAGEMENT}:parameter/{pattern}"
    keys = bench.user(allow("ssm:GetParameter", resource))[1]
    return lambda: bench.client("ssm", keys).get_parameter(Name="/app/secret")


table(
    "a parameter",
    [
        ("allow", "is read where it is named", "app/secret"),
        ("allow", "is read where its path is named", "app/*"),
        ("deny", "is not read where another is named", "other/*"),
    ],
    _parameter,
)


def _group(bench: Bench, resource: str) -> Probe:
    keys = bench.user(allow("ec2:CreateSecurityGroup", resource))[1]
    return lambda: bench.client("ec2", keys).create_security_group(
        GroupName=bench.name("sg"), Description="d"
    )


table(
    "making what has no id yet",
    [
        ("allow", "is allowed on the whole kind", "*"),
        ("deny", "is not allowed on one", "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1"),
    ],
    _group,
)


def _denied(service: str, operation: str, code: str) -> None:
    def prepare(bench: Bench) -> Probe:
        return calls(bench.client(service, bench.user()[1]), operation)

    CASES.append(Case(f"a denial by {service} has the code {code}", "deny", prepare, code))


for _service, _operation, _denial in (
    ("iam", "list_users", "AccessDenied"),
    ("s3", "list_buckets", "AccessDenied"),
    ("ec2", "describe_instances", "UnauthorizedOperation"),
    ("kms", "list_keys", "AccessDeniedException"),
    ("lambda", "list_functions", "AccessDeniedException"),
    ("dynamodb", "list_tables", "AccessDeniedException"),
    ("sns", "list_topics", "AuthorizationError"),
    ("organizations", "list_roots", "AccessDeniedException"),
    ("secretsmanager", "list_secrets", "AccessDeniedException"),
):
    _denied(_service, _operation, _denial)
