"""The resources that the traced calls named, and whose they are.

An owner comes from the inventory that was handed in, else from a tag that the trail shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from containment.trail.policies_in_events import account_of
from containment.trail.result import Resource, TracedCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.trail.resources import Touched

_OWNER_TAGS = ("owner", "team", "contact", "application", "app", "service", "costcenter")


def affected(calls: Iterable[TracedCall], inventory: Mapping[str, str]) -> Iterator[Resource]:
    """Yield every resource the calls touched, sorted by type and name."""
    touches: defaultdict[str, list[tuple[TracedCall, Touched]]] = defaultdict(list)
    for traced in calls:
        for thing in traced.call.resources:
            touches[thing.id].append((traced, thing))
    found = [_resource(name, touched, inventory) for name, touched in touches.items()]
    yield from sorted(found, key=lambda resource: (resource.type, resource.id))


def _resource(
    name: str, touched: list[tuple[TracedCall, Touched]], inventory: Mapping[str, str]
) -> Resource:
    times = [traced.call.time for traced, _ in touched]
    tags = {key: value for _, thing in touched for key, value in thing.tags}
    return Resource(
        id=name,
        type=next((thing.type for _, thing in touched if thing.type), _type_of(name)),
        account=account_of(name)
        if name.startswith("arn:") and account_of(name)
        else _account(touched),
        regions=tuple(sorted({traced.call.region for traced, _ in touched if traced.call.region})),
        tags=tags,
        owner=inventory.get(name) or _owner(tags),
        first_touched=min(times),
        last_touched=max(times),
        classes=dict(Counter(traced.call.klass for traced, _ in touched).most_common()),
        credentials=tuple(sorted({traced.credential for traced, _ in touched})),
    )


def _account(touched: list[tuple[TracedCall, Touched]]) -> str:
    named = (thing.account for _, thing in touched if thing.account)
    return next(named, touched[0][0].call.account)


def _type_of(name: str) -> str:
    parts = name.split(":", 5)
    if len(parts) < 6:  # noqa: PLR2004
        return ""
    kind = parts[5].replace(":", "/").split("/", 1)[0] if "/" in parts[5] or ":" in parts[5] else ""
    return f"{parts[2]}:{kind}" if kind else parts[2]


def _owner(tags: Mapping[str, str]) -> str:
    lowered = {key.lower().replace("-", "").replace("_", ""): value for key, value in tags.items()}
    return next((lowered[name] for name in _OWNER_TAGS if lowered.get(name)), "")
