"""Running ``pulumi``: its output shown live, its change in flight never cut off by us.

On a terminal the engine has the terminal to itself, and Ctrl-C reaches it from there. In a pipe it
runs in a process group of its own and gets one signal for each that we get; its lines pass through
us, so that a reader who goes away (``| head -1``) does not kill it and leave a lock behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from containment.errors import UnavailableError
from containment.messages import VARIABLE, MessageFile
from containment.run import events, failures

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import FrameType

    from containment.messages import Message
    from containment.run.events import Events

    Say = Callable[[str], None]


# Shows --event-log, which Pulumi's own Automation API is built on.
_FLAGS = {"PULUMI_DEBUG_COMMANDS": "true"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command that shows nothing came back with."""

    code: int
    out: str
    err: str
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """How a run that was shown live ended.

    *complaint* is what the engine said against it, *messages* what the provider and the program
    said, of which the engine passes on the text alone.
    """

    code: int
    events: Events
    complaint: str = ""
    stopped: bool = False
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """The ``pulumi`` executable at work in a project."""

    program: Path
    root: Path
    environ: Mapping[str, str]

    def ask(self, *arguments: str) -> Answer:
        """Run a command that only asks, or changes nothing but the state; show nothing."""
        with TemporaryDirectory(prefix="containment-") as folder:
            messages = MessageFile.make(Path(folder))
            try:
                done = subprocess.run(  # noqa: S603 -- the project's own launcher
                    [self.program, *arguments, "--non-interactive"],
                    cwd=self.root,
                    env=self._environ(messages),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    check=False,
                )
            except OSError as error:
                raise _cannot_start(self.program, error) from error
            return Answer(done.returncode, done.stdout, done.stderr, messages.read())

    def document(self, *arguments: str, doing: str, stack: str) -> Any:
        """Return the JSON document that a command prints.

        Raises:
            ContainmentError: what the command failed with.
        """
        return self.heard(*arguments, doing=doing, stack=stack)[0]

    def heard(self, *arguments: str, doing: str, stack: str) -> tuple[Any, tuple[Message, ...]]:
        """Return the JSON document that a command prints, and what was said meanwhile.

        Raises:
            ContainmentError: what the command failed with.
        """
        answer = self.ask(*arguments)
        try:
            # A command that refuses prints what it got to, so only a good end counts.
            found = json.loads(answer.out) if answer.code == 0 else None
        except ValueError:
            found = None
        if found is None:
            failed = failures.raised(answer.messages, stack=stack)
            if failed is not None:
                raise failed
            raise failures.refused(answer.err or answer.out, doing=doing, stack=stack)
        return found, answer.messages

    def stacks(self) -> tuple[list[str], str | None]:
        """Return the names of the project's stacks in the backend, and the selected one."""
        found = self.document(
            "stack", "ls", "--output", "json", doing="listing the stacks", stack=""
        )
        names = [str(item["name"]).rpartition("/")[2] for item in found]
        current = (str(item["name"]).rpartition("/")[2] for item in found if item.get("current"))
        return names, next(current, None)

    def backend(self) -> str:
        """Return where the state is, as a URL; empty where that cannot be told."""
        answer = self.ask("whoami", "--verbose", "--json")
        try:
            return str(json.loads(answer.out)["url"]) if answer.code == 0 else ""
        except (ValueError, KeyError, TypeError):
            return ""

    def run(self, *arguments: str, terminal: bool, out: Say, err: Say) -> Run:
        """Run a command that changes AWS and show it live; return how it ended.

        Args:
            arguments: the command and its options.
            terminal: give the engine the terminal; else its lines go to *out*.
            out: takes a line of its output.
            err: takes a line of its warnings; complaints are kept for the error of ours.

        Raises:
            BrokenPipeError: nobody reads *out* any more; the engine came to its end all the same.
            UnavailableError: the engine cannot be started.
        """
        plain = () if terminal else ("--non-interactive", "--suppress-progress", "--color=never")
        with TemporaryDirectory(prefix="containment-") as folder:
            log = Path(folder) / "events.json"
            messages = MessageFile.make(Path(folder))
            command = [self.program, *arguments, *plain, f"--event-log={log}"]
            shown = _Relay(out)
            warned = _Relay(err, hold=True)
            environ = self._environ(messages)
            with _started(command, self.root, environ, terminal=terminal) as (process, stopped):
                threads = [
                    threading.Thread(target=relay.drain, args=(stream,), daemon=True)
                    for relay, stream in ((shown, process.stdout), (warned, process.stderr))
                    if stream is not None
                ]
                for thread in threads:
                    thread.start()
                code = process.wait()
                for thread in threads:
                    thread.join()
            heard = messages.read()
            lines = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if shown.broken or warned.broken:
            raise BrokenPipeError
        found = events.read(lines.splitlines())
        halted = stopped.is_set() or found.cancelled
        return Run(code, found, "\n".join(warned.held), halted, heard)

    def _environ(self, messages: MessageFile) -> dict[str, str]:
        return {**self.environ, **_FLAGS, VARIABLE: str(messages.path)}


@contextmanager
def _started(
    command: list[Any], root: Path, environ: Mapping[str, str], *, terminal: bool
) -> Generator[tuple[subprocess.Popen[str], threading.Event], None, None]:
    """Start the engine and pass on what we are told to stop with."""
    stopped = threading.Event()
    # A closed terminal kills the engine at once and leaves its lock; we ask it to stop instead.
    hangup = signal.getsignal(signal.SIGHUP)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = subprocess.Popen(  # noqa: S603 -- the project's own launcher
            command,
            cwd=root,
            env=environ,
            stdin=None if terminal else subprocess.DEVNULL,
            stdout=None if terminal else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            bufsize=1,
            process_group=None if terminal else 0,
        )
    except OSError as error:
        raise _cannot_start(command[0], error) from error
    finally:
        if in_main:
            signal.signal(signal.SIGHUP, hangup)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        if number == signal.SIGINT and terminal:
            return  # the terminal has told the engine already, and twice would cut it off
        process.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if in_main else ()
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        with process:
            yield process, stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Relay:
    """Passes lines on as they come; with *hold* it keeps what follows the first complaint."""

    def __init__(self, say: Say, *, hold: bool = False) -> None:
        self._say = say
        self._hold = hold
        self.held: list[str] = []
        self.broken = False

    def drain(self, stream: IO[str]) -> None:
        for line in stream:
            text = line.rstrip("\n")
            if self._hold and (self.held or events.plain(text).startswith("error:")):
                self.held.append(events.plain(text))
            elif not self.broken:
                self._pass(text)

    def _pass(self, text: str) -> None:
        try:
            self._say(text)
            sys.stdout.flush()
        except OSError:
            # The reader, or the terminal, is gone; the engine is read to its end all the same.
            self.broken = True


def _cannot_start(program: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"the engine at {program} cannot be started: {error.strerror or error}",
        remedy="run 'make setup'",
    )


def open_engine(program: Path, root: Path, environ: Mapping[str, str]) -> Engine:
    """Return the engine at *program*, to be run in *root* with the settings of *environ*."""
    # The engine starts plugins and the program by name, so ours come first.
    path = os.pathsep.join([str(program.parent), environ.get("PATH", os.defpath)])
    return Engine(program, root, {**environ, "PATH": path})
