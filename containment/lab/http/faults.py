"""Faults on demand: what a client has to survive, made to happen where and as often as asked.

A rule is a JSON object. ``kind`` is one of ``throttle``, ``error`` (5xx), ``conflict`` (409),
``latency`` (``seconds``), ``drop`` (no answer, nothing done) and ``lose`` (done, no answer).
``account``, ``service``, ``operation`` and ``principal`` narrow it down, with ``*`` and ``?``.
``count`` ends it after so many hits, ``skip`` lets so many calls pass first, ``probability`` (with
``seed``) makes it random. ``lag`` rules are :mod:`containment.lab.http.lag`'s.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from containment.errors import SpecError
from containment.lab.http.request_body import LONGEST_S, number, whole
from containment.lab.protocol.refusal import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from containment.lab.authn.callers import Caller
    from containment.lab.protocol.operations import Operation

Kind = Literal["throttle", "error", "conflict", "latency", "drop", "lose", "lag"]

_REASONS = {
    "throttle": Reason.THROTTLED,
    "error": Reason.UNAVAILABLE,
    "conflict": Reason.CONFLICT,
}
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "kind": str,
    "account": str,
    "service": str,
    "operation": str,
    "principal": str,
    "seconds": (int, float),
    "count": int,
    "skip": int,
    "probability": (int, float),
    "seed": int,
    "scope": str,
}
_SCOPES = ("*", "iam", "scp")
_MOST_CALLS = 1_000_000_000


@dataclass
class Rule:
    """One rule, and how often it has been met."""

    kind: Kind
    account: str = "*"
    service: str = "*"
    operation: str = "*"
    principal: str = "*"
    seconds: float = 0.0
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    scope: str = "*"
    hits: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        """Make the rule's chances repeatable."""
        self._random.seed(self.seed)

    def about(self, operation: Operation, caller: Caller) -> bool:
        """Tell whether a call is one that the rule names."""
        return (
            fnmatchcase(caller.account, self.account)
            and fnmatchcase(operation.service.prefix, self.service)
            and fnmatchcase(operation.name, self.operation)
            and any(
                fnmatchcase(arn, self.principal)
                for arn in (caller.principal_arn, caller.arn, caller.access_key_id)
            )
        )

    def strikes(self) -> bool:
        """Take one call into account and tell whether it is hit."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        if self._random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """Return the rule and its hits."""
        shown = {name: getattr(self, name) for name in _FIELDS}
        return {**{k: v for k, v in shown.items() if v not in {"*", None}}, "hits": self.hits}


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: tuple[Rule, ...] = ()
        self._lock = threading.Lock()

    def replace(self, rules: Sequence[Any]) -> None:
        """Put *rules* in place of those in force.

        Raises:
            SpecError: one of them is no rule.
        """
        self.rules = tuple(read_rule(rule) for rule in rules)

    def struck(self, operation: Operation, caller: Caller) -> list[Rule]:
        """Return the rules that hit this call, in their order; ``lag`` rules are no faults."""
        if not self.rules:
            return []
        with self._lock:
            return [
                rule
                for rule in self.rules
                if rule.kind != "lag" and rule.about(operation, caller) and rule.strikes()
            ]


def refuse(struck: Sequence[Rule]) -> None:
    """Answer the first rule that is an answer.

    Raises:
        Refusal: the fault that was asked for.
    """
    for rule in struck:
        if rule.kind in _REASONS:
            raise Refusal(_REASONS[rule.kind])


def read_rule(raw: object) -> Rule:
    """Return the rule that *raw* describes.

    Raises:
        SpecError: it describes none; says what is wrong.
    """
    kinds = get_args(Kind)
    if not isinstance(raw, dict):
        raise SpecError(f"a fault rule is a JSON object, not {raw!r}", remedy="see docs/lab.md")
    rule = cast("dict[str, Any]", raw)
    for name, value in rule.items():
        kind = _FIELDS.get(name)
        if kind is None:
            raise SpecError(
                f"a fault rule has no field {name!r}", remedy=f"use {', '.join(_FIELDS)}"
            )
        if name in _NUMBERS:
            _NUMBERS[name](value, f"{name} of a fault rule")
        elif not isinstance(value, kind):
            raise SpecError(f"{name} of a fault rule cannot be {value!r}", remedy="see docs/lab.md")
    if rule.get("kind") not in kinds:
        raise SpecError(
            f"there is no kind of fault called {rule.get('kind')!r}",
            remedy=f"use {', '.join(kinds)}",
        )
    if rule.get("scope", "*") not in _SCOPES:
        raise SpecError(
            f"a fault rule has no scope {rule['scope']!r}", remedy=f"use {', '.join(_SCOPES)}"
        )
    return Rule(**rule)


_NUMBERS: Mapping[str, Callable[[object, str], object]] = {
    "seconds": partial(number, most=LONGEST_S),
    "probability": partial(number, most=1),
    "count": partial(whole, most=_MOST_CALLS),
    "skip": partial(whole, most=_MOST_CALLS),
    "seed": partial(whole, most=2**63 - 1),
}
