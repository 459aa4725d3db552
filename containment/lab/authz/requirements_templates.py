"""ARN templates of the service authorization reference, filled from a call's parameters."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from containment.lab.protocol.services import action_details

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_MAKING = re.compile(r"^(Create|Run|Allocate|Import|Copy|Register)(\w*)$")
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
    values = _values(names[0], kind, action, parameters)
    made = _is_made(kind, action)
    if not values and made:
        values = [v for v in (_one("Name", kind, action, parameters),) if v] or ["*"]
    if not values and _names_nothing(prefix, action, parameters):
        values = ["*"]
    arns = [
        value if value.startswith("arn:") else text.replace(f"${{{names[0]}}}", value)
        for value in values
    ]
    # What follows the name is an id or a version, which a call that goes by the name leaves open.
    return [
        _PLACEHOLDER.sub(lambda match: _one(match[1], kind, action, parameters) or "*", arn)
        for arn in arns
    ]


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


def _values(name: str, kind: str, action: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return what the call gives for the placeholder *name* of a resource of this *kind*.

    That is the parameter of the name, or the list called after its plural; else one that is called
    after the same thing (``DBInstanceName`` is given as ``DBInstanceIdentifier``), or by a bare
    ``name``, ``id`` or ``arn`` where the action is about the kind.
    """
    lowered = {key.lower(): value for key, value in parameters.items()}
    exact = _texts_of(lowered.get(name.lower(), lowered.get(name.lower() + "s")))
    if exact:
        return exact
    plain = _plain(kind)
    stems = {_stem(name), _stem(plain)} - {""}
    for key, value in parameters.items():
        stem = _stem(key)
        own = stem in stems or (stem in _NAMELESS and plain in action.lower())
        texts = _texts_of(value) if own else []
        if texts:
            return texts
    return []


_SUFFIX = re.compile(r"(identifier|name|arn|id|key)s?$")
_PREFIX = re.compile(r"^(source|target|original|db)+(?=.)")
# Parameters that are called after what they hold, or after nothing.
_NAMELESS = frozenset({"", "resource", "family"})


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _stem(name: str) -> str:
    return _PREFIX.sub("", _SUFFIX.sub("", _plain(name)).rstrip("s"))


def _texts_of(value: Any) -> list[str]:
    each = value if isinstance(value, list) else [value]
    return [one for one in each if isinstance(one, str) and one]


def _one(name: str, kind: str, action: str, parameters: Mapping[str, Any]) -> str:
    return next(iter(_values(name, kind, action, parameters)), "")


def _is_made(kind: str, action: str) -> bool:
    """Tell whether the call makes a resource of this kind, which then has no id yet.

    AWS evaluates such a call on the kind with ``*`` in place of the id ("Actions, resources, and
    condition keys for Amazon EC2").
    """
    maker = _MAKING.match(action)
    if maker is None:
        return False
    plain, noun = _plain(kind), maker[2].lower()
    return maker[1] == "Run" or noun.rstrip("s") == plain or noun == plain


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
