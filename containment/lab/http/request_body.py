"""Read the JSON body of a control request: objects, texts and numbers that mean something."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, cast

from containment.errors import SpecError

if TYPE_CHECKING:
    from containment.lab.protocol.call import Call

# A day of lag, latency or delivery delay is more than AWS ever shows.
LONGEST_S = 86400.0


class MalformedBodyError(ValueError):
    """The body of a control request is not what that request takes."""


def parse(call: Call) -> object:
    """Return the JSON document that *call* carries.

    Raises:
        MalformedBodyError: it carries none.
    """
    try:
        return json.loads(call.body)
    except (ValueError, RecursionError) as error:
        raise MalformedBodyError from error


def parse_object(call: Call) -> dict[str, Any]:
    """Return the JSON object that *call* carries.

    Raises:
        MalformedBodyError: it carries none.
    """
    document = parse(call)
    if not isinstance(document, dict):
        raise MalformedBodyError
    return cast("dict[str, Any]", document)


def text(document: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return the text under *name*.

    Raises:
        MalformedBodyError: there is none, or something else.
    """
    value = document.get(name, default)
    if not isinstance(value, str):
        raise MalformedBodyError
    return value


def number(value: object, name: str, *, least: float = 0, most: float) -> float:
    """Return *value* where it is a finite number from *least* to *most*.

    Raises:
        SpecError: it is not; names the number.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        # Compared before it is converted: an integer may be too great for a float.
        or not (least <= value <= most)
        or not math.isfinite(value)
    ):
        raise SpecError(
            f"{name} cannot be {_shortened(value)}",
            remedy=f"give a number from {least:g} to {most:g}",
        )
    return float(value)


def whole(value: object, name: str, *, most: int) -> int:
    """Return *value* where it is a whole number from 0 to *most*.

    Raises:
        SpecError: it is not; names the number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not (0 <= value <= most):
        raise SpecError(
            f"{name} cannot be {_shortened(value)}", remedy=f"give a whole number from 0 to {most}"
        )
    return value


def _shortened(value: object) -> str:
    shown, longest = repr(value), 40
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
