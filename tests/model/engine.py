"""A stand-in for the engine that keeps its measured rules, and can be struck dead at any moment.

It drives the provider's own servicer in this process. What it does in which order, what it writes
into the state and what it forgets is that of the engine, version 3.259; recorded conversations of
real runs hold it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.model.checkpoint import Backend, Checkpoint
from tests.model.cloud import Cloud
from tests.model.conductor import Conductor, Dead, Task
from tests.model.program import urn_of
from tests.model.provider import Provider
from tests.model.run import Options, Run

Victim = Literal["provider", "cli", "machine", "interrupt"]


@dataclass(frozen=True)
class Blow:
    """Who is struck, and at which moment of a command: its number, or its name."""

    moment: int | str
    victim: Victim


@dataclass
class Outcome:
    """How a command ended.

    *hit* names the moment at which the blow fell. *moments* are all there were, to strike at.
    """

    ok: bool
    errors: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    hit: str | None = None
    killed: bool = False
    applied: bool = False

    @property
    def words(self) -> str:
        return "\n".join((*self.errors, *self.messages))


@dataclass
class Orphan:
    """Providers whose engine is gone, and the calls they were at."""

    providers: list[Provider]
    tasks: list[Task]


@dataclass
class Engine:
    """The engine at work on one stack of a project in *directory*."""

    cloud: Cloud
    conductor: Conductor
    directory: Path
    stack: str
    backend: Backend = field(default_factory=Backend)
    orphans: list[Orphan] = field(default_factory=list)
    conversations: list[list[Any]] = field(default_factory=list)
    blow: Blow | None = None
    is_dead: bool = False
    interrupted: bool = False
    hit: str | None = None
    moments: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def state(self) -> Checkpoint:
        """The state as it lies in the backend."""
        return self.backend.state

    def preview(self) -> Outcome:
        """Show what an ``up`` would do."""
        return self._command(lambda: self._phase(Options(dry=True)))

    def up(
        self,
        *,
        preview: bool = True,
        replace: Iterable[str] = (),
        target: Iterable[str] = (),
        continue_on_error: bool = True,
    ) -> Outcome:
        """Apply the program, after a preview unless that is skipped."""
        options = Options(
            replace=frozenset(replace),
            target=frozenset(target),
            continue_on_error=continue_on_error,
        )
        return self._command(lambda: self._previewed(options, preview=preview))

    def destroy(
        self,
        *,
        preview: bool = True,
        target: Iterable[str] = (),
        continue_on_error: bool = True,
    ) -> Outcome:
        """Delete everything, from the state alone."""
        options = Options(
            program=False, target=frozenset(target), continue_on_error=continue_on_error
        )
        return self._command(lambda: self._previewed(options, preview=preview))

    def refresh(self, *, preview: bool = True) -> Outcome:
        """Read everything into the state."""
        options = Options(program=False, deletes=False, refresh_all=True)
        return self._command(lambda: self._previewed(options, preview=preview))

    def import_snapshot(self, *, label: str, principal: str) -> Outcome:
        """Take a snapshot over from what is live, as ``pulumi import --protect=false`` does."""
        urn = urn_of(self.stack, "PrincipalSnapshot", label)
        resource_id = f"{self.stack}/{principal}"
        return self._command(lambda: self._imported(urn, label, resource_id))

    def taint(self, urn: str) -> None:
        """Mark a resource for replacement."""
        self._edit(urn, "taint")

    def protect(self, urn: str) -> None:
        """Mark a resource as not to be deleted."""
        self._edit(urn, "protect")

    def lose_state(self) -> None:
        """Start from an empty backend."""
        self.backend.write(Checkpoint())

    def restore(self, steps: int) -> None:
        """Bring back the state that was there *steps* writes ago, as from a backup."""
        if self.backend.written:
            self.backend.write(self.backend.written[-min(steps, len(self.backend.written))])

    def orphans_write(self) -> None:
        """Let what orphans have sent arrive now; they start nothing new."""
        for orphan in self._orphans():
            for provider in orphan.providers:
                provider.cancelled.set()
            self._let(orphan)

    def orphans_finish(self) -> None:
        """Let orphans finish what they were asked for, all of it."""
        for orphan in self._orphans():
            self._let(orphan)

    def orphans_die(self) -> None:
        """End them before anything of theirs arrives."""
        for orphan in self._orphans():
            for task in orphan.tasks:
                self.conductor.kill(task)
            for provider in orphan.providers:
                provider.close()

    def moment(self, label: str, provider: Provider | None = None) -> None:
        """Be struck here, if this is where the blow falls."""
        number = len(self.moments)
        self.moments.append(label)
        if self.blow is None or self.blow.moment not in {number, label} or self.hit is not None:
            return
        self.hit = label
        run = self.runs[-1]
        if self.blow.victim == "provider":
            for struck in [provider] if provider else run.providers:
                struck.dead = True
        elif self.blow.victim == "interrupt":
            self.interrupted = True
            for each in run.providers:
                each.cancel()
        else:
            self._die(run, everything=self.blow.victim == "machine", inside=provider is not None)

    def _die(self, run: Run, *, everything: bool, inside: bool) -> None:
        self.is_dead = self.conductor.stopped = True
        if everything:
            for provider in run.providers:
                provider.dead = True
            raise Dead
        if not inside:
            raise Dead
        # On its way to AWS or back, and nobody is left to be told.
        self.conductor.pause()

    def _command(self, work: Callable[[], object]) -> Outcome:
        self.moments, self.hit, self.is_dead, self.interrupted = [], None, False, False
        self.runs, self.conversations = [], []
        self.cloud.clock.advance(1)
        try:
            work()
        except Dead:
            if not self.is_dead:
                raise
        blow, self.blow = self.blow, None
        if self.is_dead:
            self._orphan(self.runs[-1])
        errors = [error for run in self.runs for error in run.errors]
        if self.interrupted:
            errors.append("update canceled")
        failed = bool(errors) or self.is_dead
        return Outcome(
            ok=not failed,
            errors=tuple(errors),
            messages=tuple(message for run in self.runs for message in run.messages),
            moments=tuple(self.moments),
            hit=self.hit,
            killed=self.is_dead and blow is not None,
            applied=any(not run.options.dry for run in self.runs),
        )

    def _previewed(self, options: Options, *, preview: bool) -> None:
        if preview and not self._phase(options.as_preview()):
            return
        self._phase(options)

    def _phase(self, options: Options) -> bool:
        run = Run(self, options)
        self.runs.append(run)
        return run.go()

    def _imported(self, urn: str, label: str, resource_id: str) -> None:
        run = Run(self, Options(program=False, deletes=False))
        self.runs.append(run)
        run.take_over(urn, label, resource_id)

    def _edit(self, urn: str, flag: str) -> None:
        state = self.state.copy()
        for item in state.resources:
            if item.urn == urn:
                setattr(item, flag, True)
        self.backend.write(state)

    def _orphan(self, run: Run) -> None:
        tasks = []
        for task in self.conductor.tasks:
            if task.finished:
                continue
            calling = run.calling.get(id(task))
            if calling is None or calling.dead:
                self.conductor.kill(task)
            else:
                tasks.append(task)
        self.conductor.tasks = []
        self.orphans.append(Orphan(run.providers, tasks))
        if not tasks:
            self.orphans_die()

    def _orphans(self) -> list[Orphan]:
        orphaned, self.orphans = self.orphans, []
        return orphaned

    def _let(self, orphan: Orphan) -> None:
        kept, self.conductor.tasks = self.conductor.tasks, orphan.tasks
        self.conductor.run()
        self.conductor.tasks = kept
        for provider in orphan.providers:
            provider.close()
