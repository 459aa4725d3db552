"""Policies on resources, calls on several resources, and roles handed to services."""

from __future__ import annotations

import json
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
    refused_with,
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
    bucket = bench.bucket(policy_document=policy(statement))
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
    manager = bench.client("secretsmanager", bench.admin)
    secret = bench.name("s")
    manager.create_secret(Name=secret, SecretString="x")
    if granted:
        manager.put_resource_policy(
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


def _table_of(bench: Bench) -> str:
    name = bench.name("table")
    bench.client("dynamodb", bench.admin).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _dynamodb(bench: Bench, operation: str, *, both: bool) -> Probe:
    first, second = _table_of(bench), _table_of(bench)
    named = [first, second] if both else [first]
    resources = [f"arn:aws:dynamodb:us-east-1:{MANAGEMENT}:table/{name}" for name in named]
    keys = bench.user(allow("dynamodb:*", resources))[1]
    client = bench.client("dynamodb", keys)
    item = {"id": {"S": "1"}}
    if operation == "get":
        return lambda: client.get_item(TableName=second if not both else first, Key=item)
    if operation == "batch":
        return lambda: client.batch_get_item(
            RequestItems={name: {"Keys": [item]} for name in (first, second)}
        )
    return lambda: client.transact_write_items(
        TransactItems=[{"Put": {"TableName": name, "Item": item}} for name in (first, second)]
    )


table(
    "DynamoDB",
    [
        ("allow", "reads the table that is named", "get", True),
        ("deny", "does not read another table", "get", False),
        ("allow", "reads a batch from tables that are named", "batch", True),
        ("deny", "does not read a batch with another table", "batch", False),
        ("allow", "writes in a transaction to tables that are named", "transact", True),
        ("deny", "does not write in a transaction to another table", "transact", False),
    ],
    lambda bench, operation, both: _dynamodb(bench, operation, both=both),
)


def _objects(bench: Bench, keys_named: list[str], wanted: list[str]) -> Probe:
    bucket = bench.bucket()
    resources = [f"arn:aws:s3:::{bucket}/{key}" for key in keys_named]
    keys = bench.user(allow("s3:DeleteObject", resources))[1]
    objects = {"Objects": [{"Key": key} for key in wanted]}

    def probe() -> None:
        answer = bench.client("s3", keys).delete_objects(Bucket=bucket, Delete=objects)
        _raise_errors(answer)

    return probe


def _raise_errors(answer: dict[str, Any]) -> None:
    for error in answer.get("Errors", []):
        raise refused_with(error["Code"], 403, "DeleteObjects")


table(
    "deleting several objects",
    [
        ("allow", "that are all named", ["a", "b"], ["a", "b"]),
        ("deny", "one of which is not named", ["a"], ["a", "b"]),
        ("deny", "none of which is named", ["c"], ["a", "b"]),
    ],
    _objects,
)


def _copy(bench: Bench, *, source: bool) -> Probe:
    bucket = bench.bucket()
    statements = [allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*")]
    if source:
        statements.append(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/k"))
    keys = bench.user(*statements)[1]
    return lambda: bench.client("s3", keys).copy_object(
        Bucket=bucket, Key="copy", CopySource=f"{bucket}/k"
    )


table(
    "copying an object",
    [("allow", "with both permissions", True), ("deny", "without reading the source", False)],
    lambda bench, source: _copy(bench, source=source),
)


def _pass_role(bench: Bench, *statements: dict[str, Any]) -> Probe:
    _, arn = bench.role(trusting=trust({"Service": "states.amazonaws.com"}))
    keys = bench.user(allow("states:*"), *statements)[1]
    definition = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Succeed"}}})
    return lambda: bench.client("stepfunctions", keys).create_state_machine(
        name=bench.name("sm"), definition=definition, roleArn=arn
    )


table(
    "handing a role to a service",
    [
        ("allow", "with iam:PassRole", allow("iam:PassRole")),
        ("deny", "without iam:PassRole"),
        (
            "deny",
            "with iam:PassRole on another role",
            allow("iam:PassRole", "arn:aws:iam::*:role/other"),
        ),
        (
            "allow",
            "with iam:PassedToService right",
            allow(
                "iam:PassRole",
                Condition={"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}},
            ),
        ),
        (
            "deny",
            "with iam:PassedToService wrong",
            allow(
                "iam:PassRole",
                Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            ),
        ),
    ],
    _pass_role,
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
