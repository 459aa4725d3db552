"""Where the actions of one engine run work: clients, caller, clock and folder, made once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from containment.actions import ACTIONS
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.aws.endpoint import banner
from containment.clock import utc_now
from containment.facets import decisions
from containment.facets.decisions import Decisions
from containment.identities import parse_principal
from containment.ledger import Ledger, LedgerSettings, open_store
from containment.lifecycle.context import Context
from containment.provider.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

# What AWS's own credential helpers export ("aws configure export-credentials --format env").
_EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"


@dataclass(frozen=True, slots=True)
class Settings:
    """The provider's configuration; credentials come from the environment alone.

    *role* may hold ``{account}``, which stands for the account of the principal.
    """

    region: str | None = None
    role: str | None = None
    ledger: LedgerSettings = field(default_factory=LedgerSettings)


class Workplace:
    """Makes the context that an action is handed, on the first time it is needed."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:  # noqa: TID251 -- an edge
        self.cancelled = Event()
        self.engine = Engine(None)
        self.directory = Path.cwd()
        self.declared: set[str] = set()
        self.held: set[str] = set()
        self._environ = environ
        self._settings = Settings()
        self._decisions = Decisions()
        self._made: dict[str | None, Context] = {}
        self._ledger = self._kept()
        self._lock = Lock()

    def configure(self, settings: Settings) -> None:
        """Use *settings* from now on, and what the environment says was decided.

        Raises:
            SpecError: a decision is not understood.
        """
        decided = decisions.parse(self._environ.get(decisions.VARIABLE, ""))
        with self._lock:
            self._decisions = decided
            self._settings = settings
            self._ledger = self._kept()
            self._made.clear()

    def context(self, urn: str, *, account: str | None, incident: str | None) -> Context:
        """Return a context for *account* whose voice is heard at *urn*.

        Raises:
            AccessError: there are no credentials.
        """
        template = self._settings.role
        role = template.replace("{account}", account or "") if template else None
        with self._lock:
            if role not in self._made:
                self._made[role] = self._make(role, incident)
            made = self._made[role]
        return Context(
            clients=made.clients,
            who=made.who,
            now=made.now,
            directory=self.directory,
            credentials_expire_at=made.credentials_expire_at,
            permissions=made.permissions,
            declared=self.declared,
            say=partial(self.engine.say, urn=urn),
            ledger=self._ledger,
            decisions=self._decisions,
        )

    def require_known(self, principal: str) -> None:
        """Refuse to lift *principal* while a decision is about somebody the stack does not hold.

        Raises:
            SpecError: it is; the engine reads every resource before it deletes the first.
        """
        self._decisions.require_known(parse_principal(arn) for arn in {*self.held, principal})

    def _kept(self) -> Ledger:
        return Ledger(
            partial(open_store, self._settings.ledger, self.directory),
            now=utc_now,
            say=lambda message: self.engine.say("warning", message),
        )

    def _make(self, role: str | None, incident: str | None) -> Context:
        clients = connect(
            incident=incident,
            region=self._settings.region,
            role_arn=role,
            cancelled=self.cancelled,
        )
        if clients.emulated:
            self.engine.say("info", banner(clients.endpoint))
        return Context(
            clients=clients,
            who=cache(partial(identify, clients.sts)),
            now=utc_now,
            directory=self.directory,
            credentials_expire_at=_moment(self._environ.get(_EXPIRATION)),
            permissions={action.resource: action.permissions for action in ACTIONS},
        )


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
