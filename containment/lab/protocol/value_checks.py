"""Length, range, pattern and enumeration of parameters, by the service's own model.

Query services answer a violation with ``ValidationError`` and a sentence of fixed form.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any


@cache
def _pattern(java: str) -> re.Pattern[str]:
    text = java.replace(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]", r"[\w\s.:/=+\-@]")
    text = re.sub(r"\\p\{\w+\}", r"\\w", text)
    return re.compile(text, re.ASCII if r"\w" in java else 0)


def violations(shape: Any, parameters: dict[str, Any]) -> list[str]:
    """Return every violation of *shape*'s constraints, in AWS's words."""
    problems = [
        f"Value null at '{_member(name)}' failed to satisfy constraint: Member must not be null"
        for name in shape.required_members
        if name not in parameters
    ]
    for name, value in parameters.items():
        member = shape.members.get(name)
        if member is not None and value is not None:
            problems += _of_value(member, value, _member(name))
    return problems


def sentence(problems: list[str]) -> str:
    """Return the violations as one message."""
    plural = "" if len(problems) == 1 else "s"
    return f"{len(problems)} validation error{plural} detected: " + "; ".join(problems)


def _member(name: str) -> str:
    return name[:1].lower() + name[1:]


def _of_value(shape: Any, value: Any, where: str) -> list[str]:
    if shape.type_name == "list" and isinstance(value, list):
        problems = _of_length(shape, len(value), value, where)
        for number, item in enumerate(value, 1):
            problems += _of_value(shape.member, item, f"{where}.{number}.member")
        return problems
    if shape.type_name == "structure" and isinstance(value, dict):
        return [
            violation
            for name, item in value.items()
            if name in shape.members
            for violation in _of_value(shape.members[name], item, f"{where}.{_member(name)}")
        ]
    if shape.type_name == "string":
        return _of_string(shape, str(value), where)
    if shape.type_name in {"integer", "long"}:
        return _of_number(shape, int(value), where)
    return []


def _of_string(shape: Any, value: str, where: str) -> list[str]:
    problems = _of_length(shape, len(value), value, where)
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        problems.append(
            f"Value '{_shortened(value)}' at '{where}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {pattern}"
        )
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        problems.append(
            f"Value '{_shortened(value)}' at '{where}' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        )
    return problems


def _of_length(shape: Any, length: int, value: Any, where: str) -> list[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    start = f"Value '{_shortened(str(value))}' at '{where}' failed to satisfy constraint: "
    if least is not None and length < int(least):
        return [f"{start}Member must have length greater than or equal to {least}"]
    if most is not None and length > int(most):
        return [f"{start}Member must have length less than or equal to {most}"]
    return []


def _of_number(shape: Any, value: int, where: str) -> list[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    start = f"Value '{value}' at '{where}' failed to satisfy constraint: "
    if least is not None and value < int(least):
        return [f"{start}Member must have value greater than or equal to {least}"]
    if most is not None and value > int(most):
        return [f"{start}Member must have value less than or equal to {most}"]
    return []


def _shortened(value: str) -> str:
    limit = 100
    return value if len(value) <= limit else value[:limit] + "..."
