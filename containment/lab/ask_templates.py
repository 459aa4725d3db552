"""ARN templates of the service authorization reference, filled from a call's parameters."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from containment.lab.services import action_details

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_MAKING = re.compile(r"^(Create|Run|Allocate|Import|Copy)(\w*)$")
# Parameters that say how to answer, and nothing about what.
_PAGING = frozenset({"maxresults", "nexttoken", "maxitems", "marker", "limit", "dryrun", "filters"})


def filled(
    template: str,
    kind: str,
    *,
    prefix: str,
    action: str,
    parameters: Mapping[str, Any],
    account: str,
    region: str,
) -> list[str]:
    """Return the ARNs of one resource type that a call is about, none where it cannot be told."""
    text = template.replace("${Partition}", "aws").replace("${Region}", region)
    text = text.replace("${Account}", account)
    names = _PLACEHOLDER.findall(text)
    if not names:
        return [text]
    stated = list(_stated(text, parameters))
    if stated:
        return stated
    values = _values(names[0], parameters)
    made = _is_made(kind, action)
    if not values and made and len(names) == 1:
        values = [v for v in (_one("Name", parameters),) if v] or ["*"]
    if not values and _names_nothing(prefix, action, parameters):
        values = ["*"]
    arns = [text.replace(f"${{{names[0]}}}", value) for value in values]
    # What follows the name is an id or a version, which a call that goes by the name leaves open.
    return [_PLACEHOLDER.sub(lambda found: _one(found[1], parameters) or "*", arn) for arn in arns]


def _stated(text: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parameters that are ARNs of the template's form."""
    head = ":".join(text.split(":")[:3]) + ":"
    for value in _texts(parameters):
        if value.startswith(head) and _form(text).fullmatch(value):
            yield value


@cache
def _form(text: str) -> re.Pattern[str]:
    pieces = _PLACEHOLDER.split(text)
    return re.compile(
        "".join(".+" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    )


def _values(name: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return what the parameter called *name* holds, or the list called after its plural."""
    lowered = {key.lower(): value for key, value in parameters.items()}
    value = lowered.get(name.lower(), lowered.get(name.lower() + "s"))
    each = value if isinstance(value, list) else [value]
    return [one for one in each if isinstance(one, str) and one]


def _one(name: str, parameters: Mapping[str, Any]) -> str:
    return next(iter(_values(name, parameters)), "")


def _is_made(kind: str, action: str) -> bool:
    """Tell whether the call makes a resource of this kind, which then has no id yet.

    AWS evaluates such a call on the kind with ``*`` in place of the id ("Actions, resources, and
    condition keys for Amazon EC2").
    """
    found = _MAKING.match(action)
    if found is None:
        return False
    plain = re.sub(r"[^a-z0-9]", "", kind.lower())
    noun = found[2].lower()
    return found[1] == "Run" or noun.rstrip("s") == plain or noun == plain


def _names_nothing(prefix: str, action: str, parameters: Mapping[str, Any]) -> bool:
    """Tell whether a reading call asks about everything there is."""
    details = action_details(prefix, action) or {}
    reads = str(details.get("accessLevel")) in {"Read", "List"}
    return reads and not {key.lower() for key in parameters} - _PAGING


def _texts(parameters: Mapping[str, Any]) -> Iterator[str]:
    for value in parameters.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))
