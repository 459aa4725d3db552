"""Run ``pulumi``: pass on what it says, and never cut off a change in flight.

It runs in a process group of its own and gets one signal for each that we get; its lines pass
through us, so that a reader who goes away (``| head -1``) does not kill it and leave a lock behind.
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
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from containment.aws.endpoint import configured, is_emulated
from containment.engine import layout, ownership, versions
from containment.engine.settings import settings
from containment.errors import UnavailableError
from containment.messages import ANNOUNCED, VARIABLE, MessageFile
from containment.run import events, failures
from containment.run.result import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from types import FrameType

    from containment.messages import Message

    Say = Callable[[str], None]
    Check = Callable[[str | None], None]


# Shows --event-log, which Pulumi's own Automation API is built on.
_STARTING = frozenset({"up", "preview", "destroy", "refresh", "import"})
_FLAGS = {"PULUMI_DEBUG_COMMANDS": "true"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command that shows nothing came back with."""

    code: int
    out: str
    err: str
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """The ``pulumi`` executable at work in a project.

    Before a command that starts the program or a provider, *check* is asked whether nothing but
    this project's would be started; it is given the stack.
    """

    program: Path
    root: Path
    environ: Mapping[str, str]
    check: Check | None = None

    def ask(self, *arguments: str) -> Answer:
        """Run a command that only asks, or changes nothing but the state; show nothing.

        Raises:
            RefusedError: it would start what is not this project's.
            UnavailableError: the engine cannot be started.
        """
        self._require_own(arguments)
        with TemporaryDirectory(prefix="containment-") as folder:
            messages = MessageFile.make(Path(folder))
            try:
                process = subprocess.run(  # noqa: S603 -- the engine
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
            return Answer(process.returncode, process.stdout, process.stderr, messages.read())

    def document(self, *arguments: str, doing: str, stack: str) -> Any:
        """Return the JSON document that a command prints.

        Raises:
            ContainmentError: what the command failed with.
        """
        answer = self.ask(*arguments)
        try:
            # A command that refuses prints what it got to, so only a good end counts.
            document = json.loads(answer.out) if answer.code == 0 else None
        except ValueError:
            document = None
        if document is None:
            failed = failures.raised(answer.messages, stack=stack)
            if failed is not None:
                raise failed
            raise failures.refused(answer.err or answer.out, doing=doing, stack=stack)
        return document

    def stacks(self) -> tuple[list[str], str | None]:
        """Return the names of the project's stacks in the backend, and the selected one."""
        stack_rows = self.document(
            "stack", "ls", "--output", "json", doing="listing the stacks", stack=""
        )
        names = [str(item["name"]).rpartition("/")[2] for item in stack_rows]
        current = (
            str(item["name"]).rpartition("/")[2] for item in stack_rows if item.get("current")
        )
        return names, next(current, None)

    def backend(self) -> str:
        """Return where the state is, as a URL; empty where that cannot be told."""
        answer = self.ask("whoami", "--verbose", "--json")
        try:
            return str(json.loads(answer.out)["url"]) if answer.code == 0 else ""
        except (ValueError, KeyError, TypeError):
            return ""

    def run(self, *arguments: str, out: Say, err: Say) -> Run:
        """Run a command that changes AWS and pass on its lines; return how it ended.

        Args:
            arguments: the command and its options.
            out: takes a line of its output.
            err: takes a line of its warnings; complaints are kept for the error of ours.

        Raises:
            BrokenPipeError: nobody reads *out* any more; the engine came to its end all the same.
            RefusedError: it would start what is not this project's.
            UnavailableError: the engine cannot be started.
        """
        self._require_own(arguments)
        plain = ("--non-interactive", "--suppress-progress", "--color=never")
        with TemporaryDirectory(prefix="containment-") as folder:
            log = Path(folder) / "events.json"
            messages = MessageFile.make(Path(folder))
            command = [self.program, *arguments, *plain, f"--event-log={log}"]
            shown = _Relay(out)
            warned = _Relay(err, hold=True)
            environ = self._environ(messages)
            with _started(command, self.root, environ) as (process, stopped):
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
            heard, changes = messages.read(), messages.changes()
            lines = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        if shown.broken or warned.broken:
            raise BrokenPipeError
        run_events = events.read(lines.splitlines())
        halted = stopped.is_set() or run_events.cancelled
        return Run(code, run_events, "\n".join(warned.kept_lines), halted, heard, changes)

    def _environ(self, messages: MessageFile) -> dict[str, str]:
        named = {VARIABLE: str(messages.path)}
        if is_emulated(configured(self.environ)):
            named[ANNOUNCED] = "1"  # every verb begins by saying so
        return {**self.environ, **_FLAGS, **named}

    def require_own(self, stack: str | None) -> None:
        """Refuse to work in a project, or by a state of *stack*, that is not this program's.

        Raises:
            ForeignStateError: the state is the reason.
            RefusedError: the project's files are.
        """
        if self.check is not None:
            self.check(stack)

    def _require_own(self, arguments: Sequence[str]) -> None:
        if arguments[0] not in _STARTING:
            return
        named = (value for name, value in pairwise(arguments) if name == "--stack")
        self.require_own(next(named, None))


@contextmanager
def _started(
    command: list[Any], root: Path, environ: Mapping[str, str]
) -> Generator[tuple[subprocess.Popen[str], threading.Event], None, None]:
    """Start the engine and pass on what we are told to stop with."""
    stopped = threading.Event()
    # A closed terminal kills the engine at once and leaves its lock; we ask it to stop instead.
    hangup = signal.getsignal(signal.SIGHUP)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = subprocess.Popen(  # noqa: S603 -- the engine
            command,
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            bufsize=1,
            process_group=0,
        )
    except OSError as error:
        raise _cannot_start(command[0], error) from error
    finally:
        if in_main:
            signal.signal(signal.SIGHUP, hangup)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        stopped.set()
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
        self.kept_lines: list[str] = []
        self.broken = False

    def drain(self, stream: IO[str]) -> None:
        for line in stream:
            text = line.rstrip("\n")
            if self._hold and (self.kept_lines or events.plain(text).startswith("error:")):
                self.kept_lines.append(events.plain(text))
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
        remedy="run 'make setup' or 'containment init'",
    )


def open_engine(root: Path, environ: Mapping[str, str]) -> Engine:
    """Return the engine that this program runs, to be run in the project *root*.

    It is found by PATH and in the user's cache, never in *root*, which may come from anywhere.

    Raises:
        RefusedError: a setting in *environ* keeps the engine from remembering what it does, or the
            project's files would have it start other programs.
        UnavailableError: there is none.
    """
    engine = versions.current(environ.get("PATH", os.defpath))
    if engine is None:
        raise UnavailableError(
            "the engine is missing: there is no pulumi of a supported version",
            remedy="run 'make setup' in a checkout, or 'containment init'",
        )
    # The engine reads the project's file for every command.
    layout.require_own(root)
    chosen = settings(environ).environ
    check = partial(ownership.require_own, engine.path, root, chosen)
    return Engine(engine.path, root, chosen, check)
