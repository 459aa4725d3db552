"""DynamoDB item by item: leading keys, attributes, batches and transactions."""

from __future__ import annotations

from typing import Any

from tests.lab.matrix.bench import Bench, Probe, allow, table


def _table(bench: Bench) -> str:
    name = bench.name("items")
    bench.client("dynamodb", bench.admin).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "owner", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "owner", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _own(owner: str) -> dict[str, Any]:
    return {"owner": {"S": owner}}


def _calls(name: str, owner: str, operation: str) -> dict[str, Any]:
    calls: dict[str, dict[str, Any]] = {
        "get_item": {"TableName": name, "Key": _own(owner)},
        "put_item": {"TableName": name, "Item": _own(owner)},
        "delete_item": {"TableName": name, "Key": _own(owner)},
        "query": {
            "TableName": name,
            "KeyConditionExpression": "#o = :o",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": {":o": {"S": owner}},
        },
        "scan": {"TableName": name},
    }
    return calls[operation]


def _led(bench: Bench, operation: str, owner: str) -> Probe:
    """Let a user at items of its own alone."""
    name = _table(bench)
    block = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:username}"]}}
    present = {"Null": {"dynamodb:LeadingKeys": "false"}}
    user, keys = bench.user(allow("dynamodb:*", Condition={**block, **present}))
    parameters = _calls(name, user if owner == "own" else owner, operation)
    return lambda: getattr(bench.client("dynamodb", keys), operation)(**parameters)


table(
    "items of one's own",
    [
        ("allow", "are read", "get_item", "own"),
        ("deny", "are not read by others", "get_item", "somebody"),
        ("allow", "are put", "put_item", "own"),
        ("deny", "are not put for others", "put_item", "somebody"),
        ("allow", "are deleted", "delete_item", "own"),
        ("allow", "are queried", "query", "own"),
        ("deny", "are not queried by others", "query", "somebody"),
        ("deny", "are not scanned with all others", "scan", "own"),
    ],
    _led,
)


def _attributes(bench: Bench, projection: str) -> Probe:
    name = _table(bench)
    block = {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["owner", "score"]},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
    }
    keys = bench.user(allow("dynamodb:GetItem", Condition=block))[1]
    return lambda: bench.client("dynamodb", keys).get_item(
        TableName=name, Key=_own("a"), ProjectionExpression=projection
    )


table(
    "attributes of items",
    [
        ("allow", "that are named are read", "score"),
        ("deny", "that are not named are not read", "score, salary"),
    ],
    _attributes,
)


def _transaction(bench: Bench, *actions: str) -> Probe:
    one, other = _table(bench), _table(bench)
    keys = bench.user(allow([f"dynamodb:{action}" for action in actions]))[1]
    items = [
        {"Put": {"TableName": one, "Item": _own("a")}},
        {"Delete": {"TableName": other, "Key": _own("a")}},
    ]
    return lambda: bench.client("dynamodb", keys).transact_write_items(TransactItems=items)


table(
    "a transaction",
    [
        ("allow", "needs each part's permission", "PutItem", "DeleteItem"),
        ("deny", "is nothing without one of them", "PutItem"),
        ("deny", "has no permission of its own name", "TransactWriteItems"),
    ],
    _transaction,
)


def _index(bench: Bench, resource: str) -> Probe:
    name = _table(bench)
    keys = bench.user(allow("dynamodb:*", resource.replace("TABLE", name)))[1]
    return lambda: bench.client("dynamodb", keys).describe_table(TableName=name)


_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/"
table(
    "a table",
    [
        ("allow", "is described by who may all of it", _ARN + "TABLE"),
        ("deny", "is not described by who may its indexes", _ARN + "TABLE/index/*"),
        ("deny", "is not described by who may another's prefix", _ARN + "TABLEX*"),
        ("deny", "of another Region is another", _ARN.replace("us-east-1", "eu-west-1") + "*"),
    ],
    _index,
)
