"""The resources that the traced calls named, and whose they are.

An owner comes from the inventory that was handed in, else from a tag that the trail shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from containment.trail.answer.result import Resource, TracedCall
from containment.trail.facts.arns import arn_of, resource_identity
from containment.trail.facts.trust_policies import account_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.trail.facts.resources import Touched

_OWNER_TAGS = ("owner", "team", "contact", "application", "app", "service", "costcenter")


def affected(calls: Iterable[TracedCall], inventory: Mapping[str, str]) -> Iterator[Resource]:
    """Yield every resource the calls touched, sorted by type and name."""
    touches: defaultdict[str, list[tuple[TracedCall, Touched]]] = defaultdict(list)
    for traced in calls:
        for thing in traced.call.resources:
            touches[resource_identity(_arn(traced, thing), thing.id)].append((traced, thing))
    resources = [_resource(touched, inventory) for touched in touches.values()]
    yield from sorted(resources, key=lambda resource: (resource.type, resource.id))


def _arn(traced: TracedCall, thing: Touched) -> str:
    call = traced.call
    return arn_of(thing.id, thing.type, thing.account or call.account, call.region)


def _resource(touched: list[tuple[TracedCall, Touched]], inventory: Mapping[str, str]) -> Resource:
    # The plain name where a call gave one, and the longest ARN, which has the path.
    names = sorted({thing.id for _, thing in touched}, key=lambda n: (n.startswith("arn:"), n))
    arn = max((_arn(traced, thing) for traced, thing in touched), key=lambda a: (len(a), a))
    name = names[0]
    times = [traced.call.time for traced, _ in touched]
    tags = {key: value for _, thing in touched for key, value in thing.tags}
    return Resource(
        id=name,
        arn=arn,
        type=next((thing.type for _, thing in touched if thing.type), _type_of(arn)),
        account=account_of(arn) or _account(touched),
        regions=tuple(sorted({traced.call.region for traced, _ in touched if traced.call.region})),
        tags=tags,
        owner=next(filter(None, map(inventory.get, (arn, *names))), None) or _owner(tags),
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
