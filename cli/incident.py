"""What every verb on a stack begins with: project, engine, stack and caller."""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from cli import render
from cli.progress import EngineOutput, progress
from containment.actions import ACTIONS
from containment.engine.settings import SKIP_CHECKPOINTS
from containment.errors import ContainmentError, kind_of
from containment.facets import decisions
from containment.lifecycle.workplace import Settings, Workplace
from containment.profile import FILE, load
from containment.run import failures, locks, project, report, state
from containment.run.engine import Engine, open_engine
from containment.spec import waves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.aws.caller import Caller
    from containment.facets.decisions import Decisions
    from containment.profile import Profile
    from containment.run.locks import Lock
    from containment.run.project import Project
    from containment.run.result import Run
    from containment.run.state import StackState
    from containment.spec import IncidentSpec

_APART_S = (0.5, 2.5)
_BACKEND = "PULUMI_BACKEND_URL"


@dataclass(frozen=True, slots=True)
class Incident:
    """One stack and what it is worked on with; once *cancelled* is set, nothing more is changed."""

    project: Project
    engine: Engine
    stack: str
    workplace: Workplace
    cancelled: Event = field(default_factory=Event)

    def run(self, verb: str, *options: str, verbose: bool = False) -> Run:
        """Run the engine to its end; its own output is shown with *verbose* only.

        A lock that a dead run left on this machine is taken away first, and never another.
        """
        run = self._run(verb, *options, verbose=verbose)
        if not locks.is_complaint(run.complaint):
            return run
        stack_locks = self._locks()
        if stack_locks and any(lock.holder == "alive" for lock in stack_locks):
            # Of two that come at one instant, the engine may refuse both.
            time.sleep(random.uniform(*_APART_S))  # noqa: S311 -- so that they part
        elif stack_locks and not self._unlocked(stack_locks):
            return replace(run, locks=stack_locks)
        # Somebody has written the state meanwhile: what was decided by the old one counts no more.
        environ = {k: v for k, v in self.engine.environ.items() if k != SKIP_CHECKPOINTS}
        engine = replace(self.engine, environ=environ)
        run = self._run(verb, *options, verbose=verbose, engine=engine)
        if not locks.is_complaint(run.complaint):
            return run
        return replace(run, locks=self._locks())

    def _locks(self) -> tuple[Lock, ...]:
        """Return who holds the stack, as far as its backend can be looked into."""
        try:
            return tuple(locks.read_locks(self.engine.backend(), self.stack))
        except ContainmentError as error:
            render.tell(f"warning: {error}")
            return ()

    def deciding(self, made: Decisions) -> Incident:
        """Return this incident with an engine and a workplace that go by the decisions *made*."""
        environ = {**self.engine.environ, decisions.VARIABLE: str(made)}
        return replace(
            self,
            engine=replace(self.engine, environ=environ),
            workplace=replace(self.workplace, decisions=made),
        )

    def in_waves(
        self, spec: IncidentSpec, wave: int | None, stack_state: StackState
    ) -> tuple[Incident, IncidentSpec]:
        """Return this incident with an engine that applies waves up to *wave*, and their spec.

        A wave of which somebody is contained has begun, and is not left out.

        Raises:
            SpecError: no target is in a wave so early.
        """
        last = None
        if wave is not None:
            pinned = report.pin_by_state(spec, stack_state).targets
            last = max(wave, waves.begun(pinned, stack_state.principals))
            if last > wave:
                render.tell(f"wave {last} has begun, and is applied as well", style="yellow")
        environ = {**self.engine.environ, waves.VARIABLE: "" if last is None else str(last)}
        engine = replace(self.engine, environ=environ)
        return replace(self, engine=engine), waves.up_to(spec, last)

    def settled(self, stack_state: StackState) -> StackState:
        """Have the engine forget the interrupted creates in *stack_state*, repeated since.

        Call it after a run that came to a good end. Returns what the state says then.
        """
        if not any(item.operation == "creating" for item in stack_state.pending):
            return stack_state
        answer = self.engine.ask(
            *("refresh", "--yes", "--skip-preview", "--clear-pending-creates"),
            *("--stack", self.stack),
        )
        if answer.code != 0:
            return stack_state  # it stays there to be seen, and does no harm
        for item in stack_state.pending:
            render.tell(f"settled: the interrupted {item.operation} of {item.where}")
        return state.load(self.engine, self.stack) or stack_state

    def _unlocked(self, stack_locks: Sequence[Lock]) -> bool:
        if any(lock.holder != "gone" for lock in stack_locks):
            return False
        removed = True
        for lock in stack_locks:
            render.tell(f"taking away the lock of a run that was cut off ({lock.owner})")
            removed &= locks.remove(lock)
        if removed:
            return True
        # In a bucket the engine alone can: it takes all locks of the stack.
        return self.engine.ask("cancel", "--yes", "--stack", self.stack).code == 0

    def _run(self, verb: str, *options: str, verbose: bool, engine: Engine | None = None) -> Run:
        confirmed = () if verb == "preview" else ("--yes",)
        output = EngineOutput(f"{self.stack}-{verb}", is_shown=verbose)
        failed = True
        try:
            with progress(f"pulumi {verb}", output) as take:
                run = (engine or self.engine).run(
                    *(verb, "--stack", self.stack, *confirmed, *options), out=take, err=self._warn
                )
            failed = run.code != 0
        finally:
            output.close(keep=failed)
            if failed:
                render.tell(f"the engine's own output is in {output.path}", style="dim")
        return run

    def _warn(self, line: str) -> None:
        # The launcher says it of every run; a verb has said it once, before all else.
        if not line.startswith("EMULATED: "):
            render.tell(line)

    def ensure_stack(self) -> bool:
        """Create the stack in the backend if it is missing; return whether that was done.

        Raises:
            ContainmentError: what the engine's complaint means.
        """
        if state.exists(self.engine, self.stack):
            return False
        key = self.workplace.settings.profile.secrets
        kept = ("--secrets-provider", key) if key else ()
        answer = self.engine.ask("stack", "init", self.stack, *kept)
        if answer.code != 0:
            raise failures.refused(
                answer.err or answer.out, doing=f"creating stack {self.stack}", stack=self.stack
            )
        return True


def begin(named: str | None) -> Incident:
    """Return the incident that is meant.

    Raises:
        NotFoundError: this is no project, or nobody says which stack.
        UnavailableError: the engine is missing.
    """
    this_project = project.find(Path.cwd())
    environ = with_backend(load(this_project.root), os.environ)  # noqa: TID251 -- an edge
    engine = open_engine(this_project.root, environ)
    incidents = this_project.incidents
    selected = engine.stacks()[1] if not named and len(incidents) != 1 else None
    stack = project.choose(named, incidents, selected)
    settings = settings_of(this_project, stack)
    for words in settings.disagreements:
        render.tell(f"warning: {words}", style="yellow")
    cancelled = Event()
    place = Workplace(this_project.root, ACTIONS, stack, settings, cancelled=cancelled)
    return Incident(this_project, engine, stack, place, cancelled)


def project_stacks() -> tuple[str, ...]:
    """Return the incidents of this project: those that have a spec, and those that have a stack.

    Raises:
        NotFoundError: this is no project.
        UnavailableError: the engine is missing, or the backend does not answer.
    """
    this_project = project.find(Path.cwd())
    environ = with_backend(load(this_project.root), os.environ)  # noqa: TID251 -- an edge
    names, _ = open_engine(this_project.root, environ).stacks()
    return tuple(dict.fromkeys((*this_project.incidents, *names)))


def settings_of(this_project: Project, stack: str) -> Settings:
    """Return the settings of the project, and where those of *stack* say otherwise.

    Raises:
        SpecError: the profile, or the stack's configuration, cannot be used.
    """
    return Settings.resolve(
        this_project.root, this_project.settings(stack), f"stacks/Pulumi.{stack}.yaml"
    )


def with_backend(profile: Profile, ambient: Mapping[str, str]) -> Mapping[str, str]:
    """Return *ambient* as the engine's environment: stacks are where the *profile* says."""
    environ = dict(ambient)
    if profile.state is None:
        return environ
    stated = environ.setdefault(_BACKEND, profile.state)
    if stated != profile.state:
        render.tell(
            f"warning: {_BACKEND} is {stated} and 'state' in {FILE} is {profile.state};"
            " the environment's is used",
            style="yellow",
        )
    return environ


def begin_directly(named: str | None, cancelled: Event) -> tuple[Project, str, Workplace]:
    """Return the project, the stack that is meant, and what to change AWS with by ourselves.

    Raises:
        NotFoundError: this is no project, or nobody says which stack.
    """
    this_project = project.find(Path.cwd())
    stack = project.choose(named, this_project.incidents, None)
    settings = settings_of(this_project, stack)
    return (
        this_project,
        stack,
        Workplace(
            this_project.root,
            ACTIONS,
            stack,
            settings,
            cancelled=cancelled,
            patient=False,  # nobody is contained meanwhile
            warn=render.tell,
        ),
    )


def on_terminal() -> bool:
    """Tell whether somebody sits there, who can read and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def place_document(workplace: Workplace) -> dict[str, object]:
    """Return where and as whom *workplace* works, as a part of a JSON document."""
    clients = workplace.clients()
    return {
        "emulated": clients.emulated,
        "endpoint": clients.endpoint,
        "caller": workplace.caller().arn,
    }


def error_document(error: ContainmentError) -> dict[str, object]:
    """Return *error* as a part of a JSON document, by the kind that it counts as."""
    kind = kind_of(error)
    return {
        "kind": kind.__name__,
        "message": error.message,
        "remedy": error.remedy,
        "exit_code": kind.exit_code,
    }


def ended(error: ContainmentError | None) -> int:
    """Return the exit code after a document that holds *error*, which people are told as well."""
    if error is None:
        return 0
    render.tell(f"error: {error}", style="red")
    return kind_of(error).exit_code


def caller_of(incident: Incident) -> Caller:
    """Return who is calling, so that missing credentials are told before anything starts."""
    return incident.workplace.caller()
