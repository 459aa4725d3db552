"""One incident's stack, without the engine: up and down in the engine's order, on any ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from containment.clock import utc_now
from containment.facets.decisions import parse
from containment.lab.state import moto_state
from containment.ledger import Ledger, LedgerSettings, open_store
from tests.support.workbench import write_spec

if TYPE_CHECKING:
    from containment.actions import Action
    from tests.support.workbench import Bench


def keep_ledgers(bench: Bench) -> None:
    """Have *bench* put every change on record in its folder."""
    store = partial(open_store, LedgerSettings("ledger"), bench.directory)
    messages = bench.messages
    ledger = Ledger(store, now=utc_now, say=lambda message: messages.append(("warning", message)))
    bench.context = replace(bench.context, ledger=ledger)


def older_key(bench: Bench, user: str) -> str:
    """Make another key of *user*, older than the compromise, as collateral is."""
    made: str = bench.admin().create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    for key in moto_state.iam(bench.lab.world.account).get_user(user).access_keys:
        if key.access_key_id == made:
            key.create_date = key.create_date.replace(year=key.create_date.year - 1)
    return made


@dataclass
class Party:
    """An incident on one principal, and what its state would hold."""

    bench: Bench
    incident: str
    principal: str
    leaked: tuple[str, ...] = ()
    disposition: str = "suspected"
    which: str = "all"
    scope: str | None = "all"
    closed: bool = False
    states: dict[str, Any] = field(default_factory=dict[str, Any])

    def up(self) -> None:
        """Contain, or repair."""
        bench = self._at_work()
        write_spec(bench, self.principal)
        if "snapshot" not in self.states:
            self.states["snapshot"] = bench.snapshot(self.principal)
        taken = self.states["snapshot"]
        if self.scope is not None:
            inputs = bench.deny_inputs(taken, self.scope)
            self._apply("deny", bench.deny_action(), inputs)
        if ":user/" in self.principal:
            self._apply("keys", bench.keys_action(), bench.keys_inputs(taken, self.which))
        if self.closed:
            self._apply("trust", bench.trust_action(), bench.trust_inputs(taken))

    def down(self, decisions: str = "") -> None:
        """Lift; what was lifted before a refusal is lifted no second time."""
        bench = self._at_work()
        write_spec(bench, self.principal)
        bench.context = replace(bench.context, decisions=parse(decisions))
        for name in ("trust", "deny", "keys", "snapshot"):
            if name in self.states:
                live_state = self._action(name).read(self.states[name])
                if live_state is not None:
                    self._action(name).delete(live_state)
                del self.states[name]
        bench.context = replace(bench.context, decisions=parse(""))

    def _apply(self, name: str, action: Action[Any, Any], inputs: Any) -> None:
        if name not in self.states:
            self.states[name] = action.create(inputs, preview=False)
            return
        live_state = action.read(self.states[name])
        self.states[name] = action.update(live_state, inputs, preview=False)

    def _action(self, name: str) -> Any:
        return getattr(self.bench, f"{name}_action")()

    def _at_work(self) -> Bench:
        bench = self.bench
        bench.incident, bench.leaked = self.incident, self.leaked
        bench.disposition = self.disposition
        return bench
