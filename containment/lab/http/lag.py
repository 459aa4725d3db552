"""Delay enforcement: reads are current at once, decisions follow later.

AWS's own words are "eventual consistency": a change shows in reads before every enforcing machine
has it. Every kind of state lags, since decisions read nothing but entities: key status, deletion
of keys, users and roles, policies, boundaries, groups, trust policies, tags, control policies.
Each entry lags by itself, from the moment of its change, on the lab's clock.

A ``lag`` rule (see :mod:`containment.lab.http.faults`) gives ``seconds``, a ``scope`` (``iam``,
``scp`` or both) and whose changes lag: everybody's, or those of ``principal`` alone, which is the
worst case for the responder.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from containment.lab.state import facts as live
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from containment.lab.authn.callers import Caller
    from containment.lab.http.faults import Faults, Rule
    from containment.lab.protocol.operations import Operation
    from containment.lab.state.facts import Entity, Entry, Item

_LAGGING = frozenset({"iam", "organizations"})


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that decisions still see as it was."""

    seen_at: datetime
    item: Item
    entry: Entry
    before: str | None


class Lag:
    """Facts as the enforcing side has them."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._pending: list[Change] = []

    def __call__(self, item: Item) -> Entity:
        """Return an item as decisions see it now."""
        entity = live.read(item)
        if not self._pending:
            return entity
        now = moto_state.clock()
        self._pending = [change for change in self._pending if change.seen_at > now]
        hidden = [change for change in self._pending if change.item == item]
        if not hidden:
            return entity
        enforced = dict(entity)
        for change in reversed(hidden):
            if change.before is None:
                enforced.pop(change.entry, None)
            else:
                enforced[change.entry] = change.before
        return enforced

    def clear(self) -> None:
        """Let everything be seen at once."""
        self._pending = []

    @contextmanager
    def watching(self, operation: Operation, caller: Caller) -> Generator[None]:
        """Note what a call changes. The gate's lock is held, so that nobody else's is noted."""
        rules = [rule for rule in self._faults.rules if rule.kind == "lag"]
        if operation.service.prefix not in _LAGGING or not (rules or self._pending):
            yield
            return
        before = _everything()
        yield
        self._note(before, _everything(), [r for r in rules if r.about(operation, caller)])

    def _note(
        self,
        before: Mapping[Item, Entity],
        after: Mapping[Item, Entity],
        rules: list[Rule],
    ) -> None:
        now = moto_state.clock()
        for item in before.keys() | after.keys():
            was, became = before.get(item, {}), after.get(item, {})
            for entry in was.keys() | became.keys():
                if was.get(entry) == became.get(entry):
                    continue
                seconds = max(
                    (r.seconds for r in rules if r.scope in {"*", _scope(item)}), default=0.0
                )
                if seconds > 0:
                    seen_at = now + timedelta(seconds=seconds)
                    self._pending.append(Change(seen_at, item, entry, was.get(entry)))
                else:
                    # Seen at once, whatever an earlier change of the same entry was waiting for.
                    self._pending = [c for c in self._pending if (c.item, c.entry) != (item, entry)]


def _everything() -> dict[Item, Entity]:
    return {item: dict(live.read(item)) for item in live.every_item()}


def _scope(item: Item) -> str:
    return "scp" if item[0] in {"target", "control policy"} else "iam"
