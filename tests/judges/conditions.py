"""Random conditions that are meant to match a case's context, or meant not to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from tests.judges.case import Case
from tests.judges.scenes import KEYS, TYPES

Made = tuple[str, str, Any]  # operator, key, value
Make = Callable[[Random, str], Any]

_OTHERS: dict[str, list[str]] = {
    "string": [
        "ap-south-1",
        "green",
        "o-anotherorg1",
        "x*",
        "nobody",
        "${aws:PrincipalTag/nosuch}",
    ],
    "address": ["198.51.100.0/24", "10.200.0.0/16", "192.0.2.99", "2001:db8:9::/48"],
    "number": ["31", "901", "86400"],
    "arn": [
        "arn:aws:sns:us-east-1:999988887777:alarms",
        "arn:aws:iam::111122223333:role/Nobody*",
        "arn:aws:sqs:*:*:*",
    ],
    "many": ["colour", "o-anotherorg1/*", "glue.amazonaws.com"],
}


def one_condition(rng: Random, case: Case, *, hit: bool) -> Made:
    """Return an operator with its key and value."""
    key = rng.choice(list(TYPES))
    in_context = case.context.get(key)
    if in_context is None:
        return _of_absent(rng, key, hit=hit)
    if rng.random() < 0.06:
        return "Null", key, "false" if hit else "true"
    if isinstance(in_context, list):
        return _of_many(rng, key, in_context, hit=hit)
    operator, value = _of_one(rng, TYPES[key], in_context, hit=hit)
    if value == in_context and operator.startswith("String") and rng.random() < 0.2:
        value = f"${{{key}}}"
    if rng.random() < 0.12:
        operator += "IfExists"
    if rng.random() < 0.03:
        operator = rng.choice(["ForAnyValue:", "ForAllValues:"]) + operator
    return operator, key, value


def _of_absent(rng: Random, key: str, *, hit: bool) -> Made:
    of_type, values = KEYS[key] if key in KEYS else (TYPES[key], ["x"])
    set_operators = of_type == "many"
    positive, negative = _NAMES_OF[of_type]
    value = "10.0.0.0/8" if of_type == "address" else rng.choice(values)
    if rng.random() < 0.2:
        return "Null", key, "true" if hit else "false"
    if set_operators:
        return ("ForAllValues:" if hit else "ForAnyValue:") + rng.choice(positive), key, value
    if not hit:
        return rng.choice(positive), key, value
    if negative and rng.random() < 0.4:
        return rng.choice(negative), key, value
    return rng.choice(positive) + "IfExists", key, value


def _of_many(rng: Random, key: str, in_context: list[str], *, hit: bool) -> Made:
    own, other = rng.choice(in_context), rng.choice(_OTHERS["many"])
    choices: list[tuple[str, list[str]]]
    if hit:
        choices = [
            ("ForAnyValue:StringEquals", [own, other]),
            ("ForAnyValue:StringLike", [own[:4] + "*"]),
            ("ForAllValues:StringEquals", [*in_context, other]),
            ("ForAllValues:StringLike", ["*"]),
            ("ForAllValues:StringNotEquals", [other, "nothing"]),
            ("ForAnyValue:StringNotEquals", [other]),
        ]
    else:
        choices = [
            ("ForAnyValue:StringEquals", [other]),
            ("ForAnyValue:StringLike", ["zz*", other]),
            ("ForAllValues:StringEquals", [one for one in in_context if one != own] or [other]),
            ("ForAllValues:StringNotEquals", [own]),
            ("ForAnyValue:StringNotEquals", in_context),
        ]
    operator, values = rng.choice(choices)
    return operator, key, values


_NAMES_OF: dict[str, tuple[list[str], list[str]]] = {
    "string": (
        ["StringEquals", "StringLike", "StringEqualsIgnoreCase"],
        ["StringNotEquals", "StringNotLike", "StringNotEqualsIgnoreCase"],
    ),
    "many": (["StringEquals", "StringLike"], ["StringNotEquals"]),
    "bool": (["Bool"], []),
    "address": (["IpAddress"], ["NotIpAddress"]),
    "number": (["NumericEquals", "NumericLessThan", "NumericGreaterThanEquals"], []),
    "date": (["DateLessThan", "DateGreaterThanEquals", "DateEquals"], ["DateNotEquals"]),
    "epoch": (["NumericLessThan", "DateGreaterThan"], []),
    "arn": (["ArnLike", "ArnEquals"], ["ArnNotLike", "ArnNotEquals"]),
}


def _of_one(rng: Random, of_type: str, in_context: str, *, hit: bool) -> tuple[str, Any]:
    """Return an operator and a value that decide as wanted about the value *found*."""
    if of_type == "bool":
        expected = in_context if hit else {"true": "false", "false": "true"}[in_context]
        return "Bool", expected if rng.random() < 0.96 else expected == "true"
    if of_type in {"number", "epoch", "date"}:
        return _of_ordered(rng, of_type, in_context, hit=hit)
    positive, negative = _NAMES_OF[of_type]
    if rng.random() < 0.3:
        operator, equal = rng.choice(negative), not hit
    else:
        operator, equal = rng.choice(positive), hit
    others = rng.sample(_OTHERS[of_type], rng.randint(1, 2))
    if operator.startswith("String") and "Like" not in operator:
        others = [one for one in others if "*" not in one] or ["nobody"]
    if "Not" in operator and rng.random() < 0.998:
        # A judge is known to read a variable without a value in another way here.
        others = [one for one in others if "${" not in one] or ["nobody"]
    if not equal:
        return operator, others if len(others) > 1 else others[0]
    value = _equal(rng, operator, in_context)
    return operator, value if rng.random() < 0.6 else [*others, value]


def _equal(rng: Random, operator: str, value: str) -> str:
    """Return a policy value that *operator*, its negation aside, finds equal to *found*."""
    if "Ip" in operator and ":" in value:
        return rng.choice(["2001:db8::/32", "2001:DB8:0:0::5/128", value])
    if "Ip" in operator:
        head = value.split(".")
        return rng.choice([f"{head[0]}.0.0.0/8", f"{value}/32", value])
    if "Arn" in operator:
        parts = value.split(":")
        parts[4] = rng.choice([parts[4], "*"])
        return rng.choice([value, ":".join(parts), value[:-2] + "*", value[:-1] + "?"])
    if "Like" in operator:
        return rng.choice([value, value[:3] + "*", "*" + value[-2:], value[:-1] + "?"])
    return value.swapcase() if "IgnoreCase" in operator else value


def _of_ordered(rng: Random, of_type: str, value: str, *, hit: bool) -> tuple[str, str]:
    family = rng.choice(["Date", "Numeric"]) if of_type == "epoch" else of_type.title()
    family = family.replace("Number", "Numeric")
    below, above = _around(rng, of_type, value)
    rows = [
        ("Equals", value, above),
        ("NotEquals", below, value),
        ("LessThan", above, value),
        ("LessThanEquals", value, below),
        ("GreaterThan", below, value),
        ("GreaterThanEquals", value, above),
    ]
    comparison, matching, other = rng.choice(rows)
    return family + comparison, matching if hit else other


def _around(rng: Random, of_type: str, value: str) -> tuple[str, str]:
    """Return what is just below *found* and just above it."""
    if of_type == "date":
        zone = timezone(timedelta(hours=rng.choice([0, 2, -5])))
        moment = datetime.fromisoformat(value).astimezone(zone)
        second = timedelta(seconds=1)
        return (moment - second).isoformat(), (moment + second).isoformat()
    return str(int(value) - 1), str(int(value) + 1) if of_type == "epoch" else f"{value}.5"
