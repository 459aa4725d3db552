"""A policy document, compiled once and matched many times.

Source: IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from containment.iam_policy.conditions import Condition, compile_conditions
from containment.iam_policy.patterns import (
    Context,
    Glob,
    Part,
    Variable,
    action,
    resolve,
    resource,
    split_variables,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

# Policy variables exist since this version; in the older one "${" is text.
WITH_VARIABLES = "2012-10-17"


@dataclass(frozen=True, slots=True)
class ActionMatcher:
    """Action or NotAction."""

    patterns: tuple[re.Pattern[str], ...]
    everything: bool
    inverted: bool

    def matches(self, name: str) -> bool:
        matched = self.everything or any(p.fullmatch(name) for p in self.patterns)
        return matched is not self.inverted


@dataclass(frozen=True, slots=True)
class ResourceMatcher:
    """Resource or NotResource."""

    fixed: tuple[re.Pattern[str], ...]
    with_variables: tuple[tuple[Part, ...], ...]
    everything: bool
    inverted: bool

    def matches(self, arn: str, context: Context) -> bool:
        return self._is_listed(arn, context) is not self.inverted

    def _is_listed(self, arn: str, context: Context) -> bool:
        if self.everything or any(p.fullmatch(arn) for p in self.fixed):
            return True
        for parts in self.with_variables:
            # "There is no equal or like value" for a variable that cannot be resolved.
            resolved = resolve(parts, context)
            if resolved is not None and resource(resolved).fullmatch(arn):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Principals:
    """Principal or NotPrincipal: kind (AWS, Service, Federated, CanonicalUser) to values."""

    values: Mapping[str, tuple[str, ...]]
    inverted: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, the *number*-th of its policy."""

    number: int
    sid: str
    allow: bool
    actions: ActionMatcher
    resources: ResourceMatcher | None
    principals: Principals | None
    conditions: tuple[Condition, ...]

    def applies(self, action_name: str, arn: str, context: Context) -> bool:
        """Tell whether action, resource and conditions match; principals are not looked at."""
        return (
            self.actions.matches(action_name)
            and (self.resources is None or self.resources.matches(arn, context))
            and all(condition.matches(context) for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy document."""

    allows: tuple[Statement, ...]
    denies: tuple[Statement, ...]


@lru_cache(maxsize=8192)
def compile_policy(document: str) -> Policy:
    """Compile a policy document that IAM has accepted.

    Raises:
        UnknownOperatorError: a condition operator is none of IAM's.
    """
    parsed = cast("dict[str, Any]", json.loads(document))
    variables = parsed.get("Version") == WITH_VARIABLES
    statements = [
        _statement(number, raw, variables=variables)
        for number, raw in enumerate(as_list(parsed["Statement"]))
    ]
    return Policy(
        allows=tuple(s for s in statements if s.allow),
        denies=tuple(s for s in statements if not s.allow),
    )


def as_list(value: Any) -> list[Any]:
    """Return *value* as a list: the policy language lets a single value stand alone."""
    return value if isinstance(value, list) else [value]


def _statement(number: int, raw: dict[str, Any], *, variables: bool) -> Statement:
    return Statement(
        number=number,
        sid=raw.get("Sid", ""),
        allow=raw["Effect"] == "Allow",
        actions=_actions(raw),
        resources=_resources(raw, variables=variables),
        principals=_principals(raw),
        conditions=compile_conditions(raw.get("Condition", {}), variables=variables),
    )


def _actions(raw: dict[str, Any]) -> ActionMatcher:
    inverted = "NotAction" in raw
    texts = as_list(raw["NotAction" if inverted else "Action"])
    return ActionMatcher(
        patterns=tuple(action(text) for text in texts),
        everything="*" in texts or "*:*" in texts,
        inverted=inverted,
    )


def _resources(raw: dict[str, Any], *, variables: bool) -> ResourceMatcher | None:
    inverted = "NotResource" in raw
    if not inverted and "Resource" not in raw:
        return None
    texts = as_list(raw["NotResource" if inverted else "Resource"])
    cut = [split_variables(text) if variables else (Glob(text),) for text in texts]
    fixed, open_ended = [], []
    for parts in cut:
        if any(isinstance(part, Variable) for part in parts):
            open_ended.append(parts)
        else:
            fixed.append(resource(resolve(parts, {}) or ()))
    return ResourceMatcher(
        fixed=tuple(fixed),
        with_variables=tuple(open_ended),
        everything="*" in texts,
        inverted=inverted,
    )


def _principals(raw: dict[str, Any]) -> Principals | None:
    inverted = "NotPrincipal" in raw
    if not inverted and "Principal" not in raw:
        return None
    value = raw["NotPrincipal" if inverted else "Principal"]
    if value == "*":
        value = {"*": "*"}
    return Principals(
        values={kind: tuple(as_list(names)) for kind, names in value.items()}, inverted=inverted
    )
