"""What the provider knows of one run of the engine, and the workplace of its actions."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from threading import Event, Lock, RLock
from typing import TYPE_CHECKING

from containment.actions import ACTIONS
from containment.aws.caller import expiry_of
from containment.aws.endpoint import banner
from containment.aws.recording import made_change
from containment.errors import kind_of
from containment.facets import decisions
from containment.identities import parse_principal
from containment.lifecycle.handover import Handover
from containment.lifecycle.oversight import admission_in, require_admitted
from containment.lifecycle.workplace import Settings, Workplace
from containment.messages import ANNOUNCED, MessageFile
from containment.provider.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containment.aws.clients import Clients
    from containment.aws.recording import Change, Outcome
    from containment.errors import ContainmentError
    from containment.lifecycle.context import Context
    from containment.messages import Call


class Deployment:
    """One run of the engine: its settings, its voice, and the principals it has named so far.

    *declared* are the principals of the spec in this run, *held* those that the stack holds.
    *handover* is what the command that started the engine did already.
    *failed* is how the snapshot of a principal failed, by the principal's name in the stack.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,  # noqa: TID251 -- an edge
        *,
        cancelled: Event | None = None,
    ) -> None:
        self.cancelled = cancelled or Event()
        self.engine = Engine(None)
        self.directory = Path.cwd()
        self.declared: set[str] = set()
        self.contained_arns: set[str] = set()
        self.messages = MessageFile.named_in(environ)
        self.handover = Handover.named_in(environ)
        self.failed: dict[str, type[ContainmentError]] = {}
        self._questions: dict[str, list[Callable[[], ContainmentError | None]]] = {}
        self._lacking: dict[str, ContainmentError | None] = {}
        self._environ = environ
        self._settings = Settings()
        self._decisions = decisions.Decisions()
        self._workplace: Workplace | None = None
        self._stack: str | None = None
        self._lock = Lock()
        self._asking = RLock()

    def configure(self, stated: Mapping[str, object], urn: str = "") -> None:
        """Use the project's profile from now on, and what the environment says was decided.

        What the engine has *stated* (at a lift, that is what the state says) decides nothing: where
        it differs from the profile, that is said, and a lift widens nothing.

        Raises:
            SpecError: the profile, or a decision, is not understood.
        """
        settings = Settings.resolve(self.directory, stated, "the stack's settings or its state")
        decided = decisions.parse(self._environ.get(decisions.VARIABLE, ""))
        with self._lock:
            self._stack = _stack(urn)
            self._decisions = decided
            self._settings = settings
            self._workplace = None
        for words in settings.disagreements:
            self.engine.say("warning", words)

    def attach(self, engine_address: str | None) -> None:
        """Speak to the engine at *engine_address* from now on."""
        self.engine = Engine(engine_address, self.messages)

    def context(
        self,
        urn: str,
        *,
        account: str | None,
        incident: str | None,
        call: Call = "",
        lifting: bool = False,
        reading: bool = False,
    ) -> Context:
        """Return a context for *account* whose voice is heard at *urn*, to contain or to lift.

        What it says was said during *call*. While *reading*, no role has to be assumed.

        Raises:
            AccessError: there are no credentials.
        """
        with self._lock:
            if self._workplace is None:
                self._workplace = self._make(incident)
            workplace = self._workplace
            # A run is of one stack, whatever the state calls what is in it.
            stack = self._stack = self._stack or _stack(urn)
        say = partial(self.engine.say, urn=urn, call=call)
        return workplace.context(
            account, say, lifting=lifting, reading=reading, stack=stack, made=self._note
        )

    def _note(self, change: Change, outcome: Outcome) -> None:
        """Hand the verb what was changed, which it shows when the run has ended."""
        self.messages.add_change(made_change(change, outcome))

    def ask_before_change(
        self, principal: str, lacking: Callable[[], ContainmentError | None]
    ) -> None:
        """Have *lacking* asked, once, before anything of *principal* is changed in this run."""
        self._questions.setdefault(principal, []).append(lacking)

    def lacking(self, principal: str) -> ContainmentError | None:
        """Return why *principal* cannot be changed at all with the rights in use, if that is so."""
        with self._asking:
            if principal not in self._lacking:
                answers = (ask() for ask in self._questions.get(principal, ()))
                self._lacking[principal] = next((one for one in answers if one is not None), None)
            return self._lacking[principal]

    def require_allowed(self, principal: str) -> None:
        """Refuse to change *principal* where nothing could be done to it.

        Raises:
            ContainmentError: why that is so.
        """
        error = self.lacking(principal)
        if error is not None:
            raise kind_of(error)(error.message, remedy=error.remedy)

    def require_admitted(self, context: Context) -> None:
        """Refuse to contain in a run that was let begin by nothing, where the profile asks for it.

        Raises:
            RefusedError: it was.
        """
        journal = context.ledger.journal_of(self._stack or "")
        require_admitted(context.profile, journal, context.admission)

    def require_known(self, principal: str) -> None:
        """Refuse to lift *principal* while a decision is about somebody the stack does not hold.

        Raises:
            SpecError: it is; the engine reads every resource before it deletes the first.
        """
        self._decisions.require_known(
            parse_principal(arn) for arn in {*self.contained_arns, principal}
        )

    def _make(self, incident: str | None) -> Workplace:
        return Workplace(
            self.directory,
            ACTIONS,
            incident or "",
            self._settings,
            self._decisions,
            self.cancelled,
            patient=False,
            warn=lambda message: self.engine.say("warning", message),
            connected=self._connected,
            declared=self.declared,
            contained_arns=self.contained_arns,
            # The state is not written meanwhile: what was not foreseen goes on record as well.
            recorded=self.handover.is_whole,
            credentials_expire_at=expiry_of(self._environ),
            admission=admission_in(self._environ),
        )

    def _connected(self, clients: Clients) -> None:
        if clients.emulated and ANNOUNCED not in self._environ:
            self.engine.say("info", banner(clients.endpoint))


def _stack(urn: str) -> str | None:
    """Return the stack that *urn* is of: ``urn:pulumi:<stack>::<project>::…``."""
    return urn.partition("::")[0].rpartition(":")[2] or None
