"""``containment up`` before its engine is started: contain at once, and hand it over."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cli import render
from cli.stopping import stopped_by_signals
from containment.aws.recording import made_change
from containment.engine.layout import ForeignProjectError
from containment.engine.ownership import ForeignStateError
from containment.engine.settings import SKIP_CHECKPOINTS, backend
from containment.errors import ContainmentError, NotContainedError, RefusedError, StoppedError
from containment.lifecycle.handover import hand_over
from containment.provider.stack_lock import StackLock
from containment.run import before_engine, locks, state

if TYPE_CHECKING:
    from collections.abc import Generator

    from cli.incident import Incident
    from containment.aws.recording import Change, Outcome
    from containment.lifecycle.context import Severity
    from containment.messages import MadeChange
    from containment.run.direct import Applied
    from containment.run.state import StackState
    from containment.spec import IncidentSpec


@dataclass
class Ahead:
    """What was done before the engine, and with what the engine is to be run.

    Attributes:
        incident: the one to go on with: its engine is handed what was done.
        options: for the engine's ``up``.
        lines: what there was to say of it.
        changes: what was changed in AWS.
    """

    incident: Incident
    options: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list[str])
    changes: list[MadeChange] = field(default_factory=list["MadeChange"])


@contextmanager
def contained_ahead(incident: Incident, spec: IncidentSpec) -> Generator[Ahead]:
    """Contain what *spec* adds to the state; yield what the engine is to catch up with.

    Nothing is done where somebody else changes the stack, where it cannot be locked or read, or
    where the spec is refused: the engine then says so, or contains alone.

    Raises:
        StoppedError: somebody asked to stop meanwhile.
    """
    advance = Ahead(incident)
    with TemporaryDirectory(prefix="containment-") as folder:
        results, stack_state = _contain(advance, spec)
        states = before_engine.to_hand_over(results, stack_state)
        if states:
            whole = before_engine.is_whole(results, stack_state)
            named = hand_over(Path(folder), states, is_whole=whole)
            environ = {**incident.engine.environ, **named}
            if whole:
                environ[SKIP_CHECKPOINTS] = "true"
            advance.incident = replace(incident, engine=replace(incident.engine, environ=environ))
        if results and not stack_state.resources and not any(item.error for item in results):
            # All that a preview refuses was looked for before the first change.
            advance.options = ("--skip-preview",)
        try:
            yield advance
        except (ForeignStateError, ForeignProjectError):
            raise  # then all is contained without the engine, and that is told
        except ContainmentError as error:
            if not advance.changes:
                raise
            for line in advance.lines:
                render.tell(f"  {line}")
            raise not_in_state(error, incident.stack) from error


def not_in_state(error: ContainmentError, stack: str) -> ContainmentError:
    """Return *error*, which kept what was changed before the engine out of the state.

    A refusal is none any more: it would say that nothing has been changed.
    """
    kind = NotContainedError if isinstance(error, RefusedError) else type(error)
    first, *rows = error.message.split("\n")
    return kind(
        first,
        rows=[
            *rows,
            "what was changed before the engine stays, is on record, and is not in the state yet",
        ],
        remedy=f"{error.remedy}, then run 'containment up {stack}', which takes it in",
    )


def _contain(advance: Ahead, spec: IncidentSpec) -> tuple[tuple[Applied, ...], StackState]:
    incident = advance.incident
    nothing = (), state.StackState()

    def say(severity: Severity, message: str) -> None:
        if severity == "warning":
            render.tell(f"warning: {message}", style="yellow")
        else:
            advance.lines.append(message)

    def note(change: Change, outcome: Outcome) -> None:
        advance.changes.append(made_change(change, outcome))

    workplace = replace(incident.workplace, made=note)
    place = f"urn:pulumi:{incident.stack} {workplace.clients().endpoint}"
    stack_lock = StackLock(engine=os.getpid(), patience_s=0)
    with (
        stopped_by_signals(incident.cancelled),
        locks.taken(backend(incident.engine.environ), incident.stack) as is_locked,
    ):
        try:
            # One that was cut off may still lift, and be late.
            if not is_locked or stack_lock.holder(
                place, wait=lambda _words: None, cancelled=incident.cancelled
            ):
                return nothing
            stack_state = state.read(incident.engine, incident.stack)
            if stack_state is None:
                return nothing
            spec_file = f"stacks/{incident.stack}.yaml"
            results = before_engine.contain(
                spec, workplace, stack_state, spec_file=spec_file, say=say
            )
        finally:
            stack_lock.release()
    if incident.cancelled.is_set():
        raise StoppedError(
            "stopped before the engine was started: what was changed by then is on record",
            remedy=f"run 'containment up {incident.stack}' to finish, or 'containment lift"
            f" {incident.stack}' after that",
        )
    return results, stack_state
