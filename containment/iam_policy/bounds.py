"""What denies do to a request of which not everything is known, such as one out of a log.

A condition key of which nobody can tell what AWS filled in makes the answer unknown, never a guess:
a deny then *may* refuse the request, and the key is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from containment.iam_policy.conditions import UnmodelledKeyError
from containment.iam_policy.patterns import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containment.iam_policy.policies import Policy, Statement
    from containment.iam_policy.principals import Identity

# Named in place of a condition key where it is not known which resource a request is about.
RESOURCE = "the resource"


class Unknown:
    """Stands for the value of a condition key of which nobody can tell what it was."""


UNKNOWN = Unknown()


class PartialContext(Protocol):
    """Tells what is known of a request's condition keys, by names in lower case."""

    def value(self, key: str) -> str | tuple[str, ...] | Unknown | None:
        """Return the value of *key*; None where AWS did not fill it, UNKNOWN if nobody knows."""
        ...


@dataclass(slots=True)
class PartialRequest:
    """Who did what, as far as it is known; *resource* is empty where it is not."""

    action: str
    caller: Identity
    context: PartialContext
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Whether a request is denied: for sure, or perhaps, for want of the keys in *unknown*."""

    is_sure: bool = False
    unknown: frozenset[str] = frozenset()

    @property
    def is_possible(self) -> bool:
        """Whether it is denied, or may be."""
        return self.is_sure or bool(self.unknown)


class Denies:
    """The Deny statements of some policies, asked about many requests.

    Requests that agree in all that the statements look at get one answer, which is kept.
    """

    _are_denies = True

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._statements = [
            one
            for policy in policies
            for one in (policy.denies if self._are_denies else policy.allows)
        ]
        self._keys = sorted({key for one in self._statements for key in _keys_of(one)})
        self._by_action = any(not one.actions.everything for one in self._statements)
        self._by_resource = any(
            one.resources is not None and not one.resources.everything for one in self._statements
        )
        self._by_caller = any(one.principals is not None for one in self._statements)
        self._answers: dict[tuple[object, ...], Refusal] = {}

    def __bool__(self) -> bool:
        """Tell whether anything is denied."""
        return bool(self._statements)

    def asks_for(self, key: str) -> bool:
        """Tell whether the answer can depend on the condition key *key*."""
        return key in self._keys

    def refusal(self, request: PartialRequest) -> Refusal:
        """Return what the statements do to *request*."""
        values = tuple(map(request.context.value, self._keys))
        looked_at = (
            values,
            request.action if self._by_action else "",
            request.resource if self._by_resource else "",
            request.caller if self._by_caller else None,
        )
        answer = self._answers.get(looked_at)
        if answer is None:
            context = _AskedContext(dict(zip(self._keys, values, strict=True)))
            answer = self._answers[looked_at] = self._asked(request, context)
        return answer

    def _asked(self, request: PartialRequest, context: _AskedContext) -> Refusal:
        unknown: set[str] = set()
        for statement in self._statements:
            missing = _missing(statement, request, context, denies=self._are_denies)
            if missing == set():
                return Refusal(is_sure=True)
            unknown |= missing or set()
        return Refusal(unknown=frozenset(unknown))


class Allows(Denies):
    """The Allow statements of some policies, asked in the same way: what they grant."""

    _are_denies = False


class _AskedContext(dict[str, Any]):
    """The values of all keys that are asked for; to ask for an unknown one is an error."""

    def get(self, key: str, default: Any = None) -> Any:
        value = self[key]
        if value is UNKNOWN:
            raise UnmodelledKeyError(key)
        return default if value is None else value


def _keys_of(statement: Statement) -> Iterator[str]:
    """Yield every condition key that *statement* looks at, in its policy variables too."""
    patterns = list(statement.resources.with_variables if statement.resources else ())
    for condition in statement.conditions:
        yield condition.key
        patterns += condition.values
    for parts in patterns:
        yield from (part.key for part in parts if isinstance(part, Variable))


def _missing(
    statement: Statement, request: PartialRequest, context: _AskedContext, *, denies: bool
) -> set[str] | None:
    """Return what has to be known to tell whether *statement* applies; None where it does not."""
    if not statement.actions.matches(request.action):
        return None
    if statement.principals is not None:
        caller, named = request.caller, statement.principals
        if not (caller.denied_by(named, bounded=False) if denies else caller.named_by(named)):
            return None
    missing: set[str] = set()
    matched = _matches_resource(statement, request, context)
    if matched is None:
        missing.add(RESOURCE)
    elif not matched:
        return None
    for condition in statement.conditions:
        try:
            if not condition.matches(context):
                return None
        except UnmodelledKeyError as error:
            missing.add(str(error.args[0]))
    return missing


def _matches_resource(
    statement: Statement, request: PartialRequest, context: _AskedContext
) -> bool | None:
    """Tell whether *statement* is about the resource; None where nobody knows which one it is."""
    resources = statement.resources
    if resources is None:
        return True
    if resources.everything:
        return not resources.inverted
    if not request.resource:
        return None
    try:
        return resources.matches(request.resource, context)
    except UnmodelledKeyError:
        return None
