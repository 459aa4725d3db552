"""Condition blocks: every operator, with IfExists, the two set operators, and Null.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for
multivalued context keys".
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from containment.iam_policy.patterns import (
    Context,
    Glob,
    Literal,
    Part,
    arn,
    like,
    plain_text,
    resolve,
    split_variables,
)

Parts = tuple[Glob | Literal, ...]
Comparison = Callable[[str, Parts], bool]


class UnknownOperatorError(ValueError):
    """A condition operator that IAM does not document."""


class UnmodelledKeyError(LookupError):
    """A condition asks for a context key that AWS would fill and the lab does not."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of one operator in a Condition block."""

    operator: str
    key: str
    values: tuple[tuple[Part, ...], ...]
    comparison: Comparison
    negated: bool
    if_exists: bool
    quantifier: str  # "", "all" or "any"

    def matches(self, context: Context) -> bool:
        """Tell whether the request's context satisfies this key."""
        present = context.get(self.key)
        if self.operator == "null":
            return self._null(absent=present is None or present == ())
        if present is None:
            return self._without_value()
        if self.quantifier:
            each = (self._one(value, context) for value in _as_tuple(present))
            return all(each) if self.quantifier == "all" else any(each)
        if isinstance(present, tuple):
            # A multivalued key needs a set operator; without one, IAM does not match it.
            return False
        return self._one(present, context)

    def _one(self, value: str, context: Context) -> bool:
        """Compare one request value with all of the policy's: OR, or NOR where negated."""
        for parts in self.values:
            resolved = resolve(parts, context)
            if resolved is not None and self.comparison(value, resolved):
                return not self.negated
        return self.negated

    def _without_value(self) -> bool:
        if self.if_exists or self.quantifier == "all":
            return True
        return self.negated and not self.quantifier

    def _null(self, *, absent: bool) -> bool:
        expected = {plain_text(resolve(parts, {}) or ()).lower() for parts in self.values}
        return ("true" if absent else "false") in expected


def compile_conditions(
    block: Mapping[str, Mapping[str, object]], *, variables: bool
) -> tuple[Condition, ...]:
    """Return the conditions of one Condition block; all of them have to match.

    Raises:
        UnknownOperatorError: an operator is none of IAM's.
    """
    return tuple(
        _compile(operator, key, value, variables=variables)
        for operator, keys in block.items()
        for key, value in keys.items()
    )


def _compile(operator: str, key: str, value: object, *, variables: bool) -> Condition:
    name, quantifier, if_exists = operator.lower(), "", False
    if name.startswith(("forallvalues:", "foranyvalue:")):
        head, _, name = name.partition(":")
        quantifier = "all" if head == "forallvalues" else "any"
    if name.endswith("ifexists"):
        name, if_exists = name.removesuffix("ifexists"), True
    if name == "null" and (quantifier or if_exists):
        raise UnknownOperatorError(operator)
    try:
        comparison, negated = _OPERATORS[name]
    except KeyError:
        raise UnknownOperatorError(operator) from None
    values = value if isinstance(value, list) else [value]
    # "IAM policy elements: Variables and tags": in no other operators than these.
    variables = variables and name.startswith(("string", "arn"))
    return Condition(
        operator=name,
        key=key.lower(),
        values=tuple(_parts(one, variables=variables) for one in values),
        comparison=comparison,
        negated=negated,
        if_exists=if_exists,
        quantifier=quantifier,
    )


def _parts(value: object, *, variables: bool) -> tuple[Part, ...]:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return split_variables(text) if variables else (Glob(text),)


def _as_tuple(present: str | tuple[str, ...]) -> tuple[str, ...]:
    return (present,) if isinstance(present, str) else present


def _string_equals(value: str, operand: Parts) -> bool:
    return value == plain_text(operand)


def _string_equals_ignore_case(value: str, operand: Parts) -> bool:
    return value.casefold() == plain_text(operand).casefold()


def _string_like(value: str, operand: Parts) -> bool:
    return like(operand).fullmatch(value) is not None


def _arn_like(value: str, operand: Parts) -> bool:
    return arn(operand).fullmatch(value) is not None


def _bool(value: str, operand: Parts) -> bool:
    text = plain_text(operand).lower()
    return text in {"true", "false"} and value.lower() == text


def _null(_value: str, _operand: Parts) -> bool:
    raise AssertionError("Null never compares values")


def _binary(value: str, operand: Parts) -> bool:
    try:
        return base64.b64decode(value, validate=True) == base64.b64decode(
            plain_text(operand), validate=True
        )
    except binascii.Error:
        return False


def _ip(value: str, operand: Parts) -> bool:
    address, network = _address(value), _network(plain_text(operand))
    return address is not None and network is not None and address in network


@lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _numeric(test: Callable[[Decimal, Decimal], bool]) -> Comparison:
    def compare(value: str, operand: Parts) -> bool:
        first, right = _number(value), _number(plain_text(operand))
        return first is not None and right is not None and test(first, right)

    return compare


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _date(test: Callable[[datetime, datetime], bool]) -> Comparison:
    def compare(value: str, operand: Parts) -> bool:
        first, right = parse_date(value), parse_date(plain_text(operand))
        return first is not None and right is not None and test(first, right)

    return compare


@lru_cache(maxsize=4096)
def parse_date(text: str) -> datetime | None:
    """Read one of the W3C implementations of ISO 8601, or epoch (UNIX) time; None if neither."""
    number = _number(text)
    try:
        if number is not None and len(text) > len("2026"):
            return datetime.fromtimestamp(float(number), UTC)
        moment = datetime.fromisoformat(f"{text}-01-01" if len(text) == len("2026") else text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_OPERATORS: Mapping[str, tuple[Comparison, bool]] = {
    "stringequals": (_string_equals, False),
    "stringnotequals": (_string_equals, True),
    "stringequalsignorecase": (_string_equals_ignore_case, False),
    "stringnotequalsignorecase": (_string_equals_ignore_case, True),
    "stringlike": (_string_like, False),
    "stringnotlike": (_string_like, True),
    "numericequals": (_numeric(lambda first, right: first == right), False),
    "numericnotequals": (_numeric(lambda first, right: first == right), True),
    "numericlessthan": (_numeric(lambda first, right: first < right), False),
    "numericlessthanequals": (_numeric(lambda first, right: first <= right), False),
    "numericgreaterthan": (_numeric(lambda first, right: first > right), False),
    "numericgreaterthanequals": (_numeric(lambda first, right: first >= right), False),
    "dateequals": (_date(lambda first, right: first == right), False),
    "datenotequals": (_date(lambda first, right: first == right), True),
    "datelessthan": (_date(lambda first, right: first < right), False),
    "datelessthanequals": (_date(lambda first, right: first <= right), False),
    "dategreaterthan": (_date(lambda first, right: first > right), False),
    "dategreaterthanequals": (_date(lambda first, right: first >= right), False),
    "bool": (_bool, False),
    "binaryequals": (_binary, False),
    "ipaddress": (_ip, False),
    "notipaddress": (_ip, True),
    "arnequals": (_arn_like, False),
    "arnlike": (_arn_like, False),
    "arnnotequals": (_arn_like, True),
    "arnnotlike": (_arn_like, True),
    "null": (_null, False),
}
