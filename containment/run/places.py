"""AWS as the responder sees it from here: one set of clients for each account that is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from containment.aws.caller import Caller, identify
from containment.aws.clients import Clients, connect
from containment.aws.faults import explained
from containment.clock import utc_now
from containment.facets.decisions import Decisions
from containment.ledger import Ledger, LedgerSettings, open_store
from containment.ledger.places import settings_of
from containment.lifecycle.context import Context, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from threading import Event

    from containment.run.state import StackState


def _silent(message: str) -> None:
    """Leave it to whoever asks how the ledger stands."""
    del message


@dataclass(slots=True)
class Places:
    """Makes clients as the provider does, with the same settings of the stack.

    *role* may hold ``{account}``, as in the stack's configuration ``containment:role``. Once
    *cancelled* is set, no change is sent any more. The ledger is *believed* unless it stands in for
    the state, which it must not bear out itself; what is wrong with it is told to *warn*.
    """

    root: Path
    incident: str
    region: str | None = None
    role: str | None = None
    kept: LedgerSettings = field(default_factory=LedgerSettings)
    decisions: Decisions = field(default_factory=Decisions)
    cancelled: Event | None = None
    believed: bool = True
    warn: Callable[[str], None] = _silent
    _made: dict[str | None, tuple[Clients, Caller]] = field(
        default_factory=dict[str | None, tuple[Clients, Caller]]
    )
    _ledger: Ledger | None = None
    _lock: Lock = field(default_factory=Lock)

    def at(self, account: str | None = None) -> tuple[Clients, Caller]:
        """Return the clients and the caller for *account*; the responder's own where it is None.

        Raises:
            AccessError: there are no credentials, or AWS does not accept them.
            UnavailableError: nobody answers at the endpoint.
        """
        role = self.role.replace("{account}", account) if self.role and account else None
        with self._lock:
            if role not in self._made:
                with explained("looking for credentials"):
                    clients = connect(
                        incident=self.incident,
                        region=self.region,
                        role_arn=role,
                        cancelled=self.cancelled,
                    )
                self._made[role] = (clients, identify(clients.sts))
            return self._made[role]

    def context(self, account: str, say: Callable[[Severity, str], None]) -> Context:
        """Return what an action needs to look at *account*; it is told nothing else."""
        clients, caller = self.at(account)
        return Context(
            clients=clients,
            who=lambda: caller,
            now=utc_now,
            directory=self.root,
            say=say,
            ledger=self.ledger(),
            decisions=self.decisions,
        )

    def ledger(self) -> Ledger:
        """Return the ledgers of this project."""
        with self._lock:
            if self._ledger is None:
                self._ledger = Ledger(
                    partial(open_store, self.kept, self.root),
                    now=utc_now,
                    say=self.warn,
                    believed=self.believed,
                    patient=True,
                )
            return self._ledger

    def know(self, state: StackState | None) -> None:
        """Hold the ledger against what the snapshots of *state* remember of it."""
        for item in state.resources if state else ():
            head = getattr(item.state, "ledger", None)
            if head is not None:
                self.ledger().of(item.state.incident).expect(head.remembered)


def places(
    root: Path,
    incident: str,
    settings: Mapping[str, str],
    *,
    warn: Callable[[str], None] = _silent,
) -> Places:
    """Return the places of *incident* under the stack's *settings*.

    Raises:
        SpecError: a setting of the ledger cannot be used.
    """
    return Places(
        root,
        incident,
        settings.get("region"),
        settings.get("role"),
        settings_of(settings),
        warn=warn,
    )
