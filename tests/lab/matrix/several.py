"""Calls on several resources at once, and roles that are handed to services."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Probe,
    allow,
    refused_with,
    table,
    trust,
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


def _objects(bench: Bench, keys_named: list[str], expected: list[str]) -> Probe:
    bucket = bench.bucket()
    resources = [f"arn:aws:s3:::{bucket}/{key}" for key in keys_named]
    keys = bench.user(allow("s3:DeleteObject", resources))[1]
    objects = {"Objects": [{"Key": key} for key in expected]}

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
