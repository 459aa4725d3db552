"""Keep when each principal last used each service: every authenticated call, allowed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Use:
    """The last call to a service."""

    time: datetime
    region: str


_uses: dict[str, dict[str, Use]] = {}


def note(principal_arn: str, service: str, *, time: datetime, region: str) -> None:
    """Remember a call."""
    _uses.setdefault(principal_arn, {})[service] = Use(time, region)


def by_service(principal_arn: str) -> Mapping[str, Use]:
    """Return what a principal has used, by service."""
    return dict(_uses.get(principal_arn, {}))


def clear() -> None:
    """Forget it all."""
    _uses.clear()
