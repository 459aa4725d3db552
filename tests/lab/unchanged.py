"""A digest of everything that the emulated accounts hold, to show that a refused call left it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.iam.models import AWSManagedPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.lab.http.gate import Gate

SERVICES = ("iam", "organizations", "s3", "cloudtrail", "athena", "kms", "sqs", "sns")
# What AWS observes of a refused call too.
_OBSERVED = frozenset({"last_used", "password_last_used", "last_accessed_jobs"})
_NO_STATE = (FunctionType, MethodType, BuiltinFunctionType, ModuleType, type, Iterator)


def contents(gate: Gate, services: Iterable[str] = SERVICES) -> str:
    """Return a digest of the state of *services* in every account, and of every session."""
    text: list[str] = []
    for service in services:
        matches: Any = get_backend(service)  # type: ignore[call-overload]
        for account in sorted(matches) if isinstance(matches, BackendDict) else ():
            regions: Any = matches[account]
            for region in sorted(regions):
                text += [service, account, region]
                _walk(regions[region], text, {})
    _walk([vars_of(session) for session in gate.sessions], text, {})
    _walk([rule.as_json() for rule in gate.faults.rules], text, {})
    return hashlib.sha256("\n".join(text).encode()).hexdigest()


def vars_of(thing: Any) -> dict[str, Any]:
    """Return the attributes of *thing*, whichever way its class keeps them."""
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    attributes = {name: getattr(thing, name) for name in names if hasattr(thing, name)}
    return attributes | getattr(thing, "__dict__", {})


def _walk(value: Any, text: list[str], observed: dict[int, tuple[int, Any]]) -> None:
    if value is None or isinstance(value, str | bytes | int | float | date | Enum):
        text.append(repr(value))
        return
    if isinstance(value, (*_NO_STATE, AWSManagedPolicy)) or id(value) in observed:
        text.append(f"<{observed[id(value)][0]}>" if id(value) in observed else "")
        return
    # The value itself is kept: an id is somebody else's as soon as its object is gone.
    observed[id(value)] = len(observed), value
    if isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            if key not in _OBSERVED:
                text.append(repr(key))
                _walk(value[key], text, observed)
    elif isinstance(value, list | tuple):
        text.append(f"[{len(value)}]")
        for item in value:
            _walk(item, text, observed)
    elif isinstance(value, set | frozenset):
        text.append(repr(sorted(map(repr, value))))
    elif not isinstance(value, (AccountSpecificBackend, BackendDict)):
        text.append(type(value).__name__)
        _walk(vars_of(value), text, observed)
