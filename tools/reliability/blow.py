"""One interruption of a run: at which call, before or after it, to whom, and by what.

A blow is struck from within the relay, while the provider waits for AWS: so it is certain what had
been carried out by then. That it hit is written down: the call that the relay saw, the processes
that were alive, and afterwards that they are gone.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.support.relay import Passing

Who = Literal["cli", "engine", "host", "provider", "machine", "nobody"]
How = Literal[
    "SIGKILL",
    "SIGTERM",
    "SIGHUP",
    "SIGINT",
    "SIGINT twice",
    "SIGPIPE",
    "disk full",
    "state gone",
    "state refused",
    "nothing",
]
Point = Literal["before", "after"]
# One that is "held" passes when what was begun beside it has ended.
Fate = Literal["passes", "dropped", "lost", "late", "held"]

# By a word of the command line; the host is the project's own, or came with the engine.
PROGRAMS = {
    "engine": ("bin/pulumi\0up",),  # of a verb of ours
    "host": ("language_host", "pulumi-language-python"),
    "provider": ("containment.provider.server", "pulumi-resource-containment"),
}
LATE_S = 2.0
_HELD_AT_MOST_S = 120.0
_BETWEEN_TWO_S = 0.3
_DIES_WITHIN_S = 45.0


@dataclass(frozen=True, slots=True)
class Blow:
    """What is done, and when.

    Attributes:
        operation: the call at which it is struck.
        nth: which of the calls of that name, from 1.
        point: while the call is on its way, or when AWS has carried it out and nobody knows.
        who: whom it hits; the machine is all of them at once.
        how: the signal, or what happens to the place where the state is kept.
        fate: what becomes of the call.
    """

    operation: str
    nth: int = 1
    point: Point = "after"
    who: Who = "machine"
    how: How = "SIGKILL"
    fate: Fate = "passes"

    def __str__(self) -> str:
        """Return it in words, for a row of the table."""
        count = f" {self.nth}" if self.nth > 1 else ""
        fate = "" if self.fate == "passes" else f", {self.fate}"
        striker = "" if self.who == "nobody" else f"{self.who} "
        return f"{striker}{self.how} {self.point} {self.operation}{count}{fate}"


@dataclass
class Run:
    """A run of the engine, its processes, and what it says; its reader may go away."""

    process: subprocess.Popen[str]
    output_chunks: list[bytes] = field(default_factory=list[bytes])
    _reader_gone: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        """Begin to read."""
        assert self.process.stdout is not None  # noqa: S101 -- how Project starts it
        self._thread = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._thread.start()

    @property
    def output(self) -> str:
        """What it said so far."""
        return b"".join(self.output_chunks).decode("utf-8", "replace")

    def leave(self) -> None:
        """Close the reading end of its output, as ``| head`` does."""
        self._reader_gone.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def end(self, timeout_s: float = 120.0) -> int:
        """Wait until it is over and return its exit code."""
        code = self.process.wait(timeout=timeout_s)
        if self._thread is not None:
            self._thread.join(timeout=1)
        self._reader_gone.set()
        return code

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for its end, but no longer than that."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
        return self.process.returncode is not None

    def pids(self, who: Who) -> dict[str, int]:
        """Return the processes of *who* that are alive, by name."""
        names = ("cli", "host", "provider") if who == "machine" else (who,)
        pids: dict[str, int] = {}
        for name in names:
            if name == "cli" and self.process.poll() is None:
                pids[name] = self.process.pid
            elif name in PROGRAMS and (pid := child_of(self.process.pid, *PROGRAMS[name])):
                pids[name] = pid
        return pids

    def _read(self, stream: IO[str]) -> None:
        with stream:
            while not self._reader_gone.is_set():
                if not select([stream], [], [], 0.05)[0]:
                    continue
                chunk = os.read(stream.fileno(), 1 << 16)
                if not chunk:
                    return
                self.output_chunks.append(chunk)


@dataclass
class Strike:
    """A blow on its way to a run, and the proof that it hit."""

    blow: Blow
    state: Path
    run: Run | None = None
    alive: dict[str, int] = field(default_factory=dict[str, int])
    started: dict[str, int] = field(default_factory=dict[str, int])
    hit: bool = False
    refuses: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    _calls_passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arriving(self, passing: Passing) -> bool:
        """Strike before the call is carried out, if this is the one; tell whether it passes."""
        if self.blow.point != "before" or not self._is_it(passing):
            return True
        self._strike()
        if self.blow.fate == "late":
            time.sleep(LATE_S)
        if self.blow.fate == "held":
            self.released.wait(_HELD_AT_MOST_S)
        return self.blow.fate != "dropped"

    def answered(self, passing: Passing) -> bool:
        """Strike after the call was carried out, if this is the one."""
        if self.blow.point != "after" or not self._is_it(passing):
            return True
        self._strike()
        return self.blow.fate != "lost"

    def writing(self, passing: Passing) -> bool:
        """See a call to the bucket that holds the state; refuse from the checkpoint on."""
        if (
            passing.method == "PUT"
            and "/stacks/" in passing.path
            and self.blow.how == "state refused"
        ):
            with self._lock:
                self._calls_passed += self.run is not None
                strikes = self.run is not None and self._calls_passed == self.blow.nth
            if strikes:
                self._strike()
        return not self.refuses

    def wait_until_hit(self, run: Run) -> None:
        """Wait until it has struck *run*, or that is over."""
        while not self.hit and not run.has_ended_within(0.02):
            pass

    def missed(self) -> str:
        """Return why the blow did not hit as it was meant to, or nothing if it did."""
        if not self.hit:
            return f"the relay never saw {self.blow.operation} {self.blow.nth}"
        processes = {"cli", "provider"} if self.blow.who == "machine" else {self.blow.who}
        lacking = processes - self.alive.keys() - {"nobody"}
        if lacking:
            return f"{', '.join(sorted(lacking))} was not alive at {self.blow.operation}"
        alive = self.settled()
        return f"{', '.join(alive)} is still alive" if alive else ""

    def settled(self) -> list[str]:
        """Wait until all that the run started is gone; return what is not."""
        deadline = time.monotonic() + _DIES_WITHIN_S
        started = {**self.alive, **self.started}
        while alive := [f"{name} {pid}" for name, pid in started.items() if is_alive(pid)]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return alive

    def _is_it(self, passing: Passing) -> bool:
        if self.run is None or passing.operation != self.blow.operation:
            return False
        with self._lock:
            self._calls_passed += 1
            return self._calls_passed == self.blow.nth

    def _strike(self) -> None:
        run = self.run
        if run is None:
            return
        self.started = run.pids("machine")
        self.alive = run.pids(self.blow.who)
        if self.blow.how == "disk full":
            resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (1, 1))
        elif self.blow.how == "state gone":
            take_away(self.state)
        elif self.blow.how == "state refused":
            self.refuses = True
        elif self.blow.how == "SIGPIPE" and self.blow.who == "cli":
            run.leave()
        elif self.blow.how != "nothing":
            number = signal.Signals[self.blow.how.partition(" ")[0]]
            for again in range(2 if self.blow.how.endswith("twice") else 1):
                time.sleep(_BETWEEN_TWO_S if again else 0)
                for pid in self.alive.values():
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
        self.hit = True


def take_away(state: Path) -> None:
    """Make the place where the state is kept unreachable, as an unmounted share is."""
    state.rename(state.with_name("away"))
    state.write_text("nothing is mounted here", encoding="utf-8")


def bring_back(state: Path) -> None:
    """Undo :func:`take_away`, where it was done."""
    away = state.with_name("away")
    if away.exists():
        state.unlink()
        away.rename(state)


def child_of(parent: int, *programs: str) -> int | None:
    """Return the process id of the one of *programs* that *parent* started, or None."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
            status = (folder / "status").read_text(encoding="ascii", errors="replace")
            if f"PPid:\t{parent}\n" in status and any(program in line for program in programs):
                return int(folder.name)
    return None


def is_alive(pid: int) -> bool:
    """Tell whether *pid* runs; one that nobody has buried yet does not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "State:\tZ" not in status
