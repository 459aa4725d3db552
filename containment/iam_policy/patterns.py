"""Policy text that is matched against values: wildcards, policy variables and ARN segments.

Sources: IAM User Guide, "IAM policy elements: Variables and tags" and "IAM JSON policy elements:
Resource".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

# Keys are lower case: condition key names are not case-sensitive. A tuple is a multivalued key.
Context = Mapping[str, "str | tuple[str, ...]"]

_VARIABLE = re.compile(r"\$\{\s*([^},]+?)\s*(?:,\s*'([^'}]*)'\s*)?\}")
_ARN_SEGMENTS = 5  # colons before the resource part, which may hold colons of its own


@dataclass(frozen=True, slots=True)
class Glob:
    """Text in which ``*`` and ``?`` are wildcards."""

    text: str


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself, from ``${*}``, ``${?}`` or ``${$}``."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A context key to be put in, with the default the policy gives for its absence."""

    key: str
    default: str | None


Part = Glob | Literal | Variable


@lru_cache(maxsize=8192)
def split_variables(text: str) -> tuple[Part, ...]:
    """Return *text* cut at its policy variables."""
    parts: list[Part] = []
    position = 0
    for match in _VARIABLE.finditer(text):
        if match.start() > position:
            parts.append(Glob(text[position : match.start()]))
        name = match.group(1)
        parts.append(
            Literal(name) if name in {"*", "?", "$"} else Variable(name.lower(), match.group(2))
        )
        position = match.end()
    if position < len(text):
        parts.append(Glob(text[position:]))
    return tuple(parts)


def resolve(parts: tuple[Part, ...], context: Context) -> tuple[Glob | Literal, ...] | None:
    """Put the context's values in; None if a variable has neither a single value nor a default.

    A value put in is literal: wildcards in a user's path never widen a policy.
    """
    resolved: list[Glob | Literal] = []
    for part in parts:
        if not isinstance(part, Variable):
            resolved.append(part)
            continue
        value = context.get(part.key, part.default)
        if not isinstance(value, str):
            return None
        resolved.append(Literal(value))
    return tuple(resolved)


def plain_text(parts: tuple[Glob | Literal, ...]) -> str:
    """Return the text for an exact comparison, in which no character is a wildcard."""
    return "".join(part.text for part in parts)


@lru_cache(maxsize=16384)
def like(parts: tuple[Glob | Literal, ...]) -> re.Pattern[str]:
    """Compile for the ``…Like`` operators: wildcards match any characters."""
    return re.compile(
        "".join(
            re.escape(part.text)
            if isinstance(part, Literal)
            else re.escape(part.text).replace(r"\*", ".*").replace(r"\?", ".")
            for part in parts
        ),
        re.DOTALL,
    )


@lru_cache(maxsize=16384)
def resource(parts: tuple[Glob | Literal, ...]) -> re.Pattern[str]:
    """Compile for the Resource element.

    A wildcard stays within its colon-separated segment, except a ``*`` that ends its segment:
    that one "can expand to match beyond the colon boundaries".
    """
    return re.compile(_segmented(parts, crossing=True), re.DOTALL)


@lru_cache(maxsize=16384)
def arn(parts: tuple[Glob | Literal, ...]) -> re.Pattern[str]:
    """Compile for ArnEquals and ArnLike: each of the six components is matched separately."""
    return re.compile(_segmented(parts, crossing=False), re.DOTALL)


def _segmented(parts: tuple[Glob | Literal, ...], *, crossing: bool) -> str:
    pieces: list[str] = []
    colons = 0
    for number, part in enumerate(parts):
        if isinstance(part, Literal):
            pieces.append(re.escape(part.text))
            colons += part.text.count(":")
            continue
        last_part = number == len(parts) - 1
        for index, character in enumerate(part.text):
            within = colons < _ARN_SEGMENTS
            if character == "*":
                rest = part.text[index + 1 : index + 2]
                ends_segment = rest == ":" or (not rest and last_part)
                pieces.append("[^:]*" if within and not (crossing and ends_segment) else ".*")
            elif character == "?":
                pieces.append("[^:]" if within else ".")
            else:
                colons += character == ":"
                pieces.append(re.escape(character))
    return "".join(pieces)


@lru_cache(maxsize=16384)
def action(text: str) -> re.Pattern[str]:
    """Compile an Action: not case-sensitive, ``*`` and ``?`` anywhere, no variables."""
    pattern = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(pattern, re.IGNORECASE)
