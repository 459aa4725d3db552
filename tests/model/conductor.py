"""Work side by side of which one piece runs at a time: each until its next call to AWS.

What would run in parallel in the engine and the provider is run here in an order that a seed
decides, so that a failure can be repeated. A wait costs no time: when everybody waits, the clock
is moved to the first who wakes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from greenlet import getcurrent, greenlet

from tests.model.clock import SimulatedClock


class Dead(BaseException):
    """Raised in work whose process was killed."""


@dataclass(eq=False)
class Task:
    """One piece of work, and where it stands."""

    work: Callable[[], None]
    wakes: datetime | None = None
    finished: bool = False
    killed: bool = False
    error: BaseException | None = None
    green: greenlet | None = None


class Conductor:
    """Runs tasks by turns."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._random = Random(0)  # noqa: S311 -- luck that can be repeated
        self._running: Task | None = None
        self.tasks: list[Task] = []
        self.stopped = False

    def seed(self, seed: int) -> None:
        """Decide the order of turns."""
        self._random.seed(seed)

    def add(self, work: Callable[[], None]) -> Task:
        """Add a task; it begins when its turn comes."""
        task = Task(work)
        self.tasks.append(task)
        return task

    def run(self) -> None:
        """Give turns until all tasks are finished, or somebody stopped the run.

        Raises:
            BaseException: whatever a task let out.
        """
        self.stopped = False
        while not self.stopped and (living := [task for task in self.tasks if not task.finished]):
            self.give(self._next(living))
        for task in self.tasks:
            if task.error is not None:
                error, task.error = task.error, None
                raise error

    def give(self, task: Task) -> None:
        """Let *task* run to its next pause."""
        if task.green is None:
            task.green = greenlet(self._live)
        before, self._running = self._running, task
        task.green.parent = getcurrent()
        task.green.switch(task)
        self._running = before

    def pause(self) -> None:
        """Let others run; from what is no task, do nothing."""
        task = self._running
        if task is None or task.green is None:
            return
        parent = task.green.parent
        if parent is not None:
            parent.switch()
        if task.killed:
            raise Dead

    def sleep(self, seconds: float) -> None:
        """Let others run for *seconds*."""
        task = self._running
        if task is None:
            self._clock.advance(seconds)
            return
        task.wakes = self._clock() + timedelta(seconds=seconds)
        self.pause()
        task.wakes = None

    def kill(self, task: Task) -> None:
        """End *task* where it stands."""
        task.killed = True
        if task.green is None:
            task.finished = True
        while not task.finished and task is not self._running:
            self.give(task)

    @property
    def current(self) -> Task | None:
        """The task whose turn it is."""
        return self._running

    def clear(self) -> None:
        """Forget the tasks that are finished."""
        self.tasks = [task for task in self.tasks if not task.finished]

    def _next(self, living: list[Task]) -> Task:
        now = self._clock()
        awake = [task for task in living if task.wakes is None or task.wakes <= now]
        if not awake:
            first = min(living, key=lambda task: task.wakes or now)
            self._clock.advance(((first.wakes or now) - now).total_seconds())
            awake = [first]
        return self._random.choice(awake)

    def _live(self, task: Task) -> None:
        try:
            if not task.killed:
                task.work()
        except Dead:
            pass
        except BaseException as error:  # noqa: BLE001 -- the conductor raises it again
            task.error = error
        finally:
            task.finished = True
