"""Everything the demo starts, and the one place that ends it: the lab, the attacker, the commands.

All of it lives in a temporary folder: the project by links, its stacks, Pulumi's state, home and
logs. Nothing is written into the checkout or the user's own files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cli.demo.attacker import Attacker
from containment.engine import layout
from containment.errors import ContainmentError, UnavailableError
from containment.lab import runtime
from containment.lab.scenario.access import AccessProbe
from containment.lab.scenario.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OWN_VARIABLES = ("AWS_", "PULUMI_", "CONTAINMENT_")
_GRACE_S = 20.0
# The ids in the README come out of this: everywhere else a lab's secrets are random.
_SEED = 42


class EndedError(ContainmentError):
    """A command ended with a failure."""


class Stage:
    """A lab of its own, and projects beside it. Use it in a ``with`` block."""

    def __init__(self, environ: Mapping[str, str], *, keep: bool) -> None:
        self._environ = environ
        self._keep = keep
        self._attacker: Attacker | None = None
        self._command: subprocess.Popen[str] | None = None
        self._lab: runtime.RunningLab | None = None
        self._folder = Path()
        self.world: World

    def __enter__(self) -> Self:
        """Start the lab and lay out the project."""
        self._folder = Path(tempfile.mkdtemp(prefix="containment-demo-"))
        try:
            noted = runtime.directory(
                self._environ if self._keep else {"XDG_RUNTIME_DIR": str(self._folder)}
            )
            self._lab = runtime.start_detached(noted, 0)
            layout.lay_out(self.project)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End everything; a kept lab only where nothing went wrong."""
        if kind is not None:
            self._keep = False
        self._end()

    @property
    def lab(self) -> runtime.RunningLab:
        """The lab that everything here happens in."""
        if self._lab is None:
            raise LookupError("the stage is not set: use it in a with block")
        return self._lab

    @property
    def project(self) -> Path:
        """The project's folder: the program by links, the specs its own."""
        return self._folder / "project"

    @property
    def workforce(self) -> AccessProbe:
        """The company's people in the lab."""
        return AccessProbe(self.lab.endpoint, self.world.region, self.world.bucket)

    def begin(self) -> World:
        """Start over: a fresh company, no specs, no stacks."""
        for folder in (self.project / "stacks", self._folder / "state", self._folder / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        seeded = self.lab.control("seed", {"world": "company", "seed": _SEED})
        self.world = World.from_json(seeded)
        if self._keep:
            self.lab.keep_world(seeded)
        return self.world

    def attacker(self) -> Attacker:
        """Let the attacker loose with the leaked key."""
        self._attacker = Attacker(self.world.leaked, self.lab.endpoint, self.world.region)
        return self._attacker

    def run(self, command: Sequence[str]) -> Iterator[str]:
        """Run one of the project's commands as the responder and yield its lines.

        Raises:
            EndedError: it ended with a failure; what it said is in the message.
            UnavailableError: there is no such command.
        """
        program, *arguments = command
        candidates = (place / program for place in self._programs)
        path = next((path for path in candidates if path.exists()), None)
        if path is None:
            raise UnavailableError(f"there is no {program}", remedy="run 'make setup' once")
        process = self._command = subprocess.Popen(  # noqa: S603 -- our own commands
            [str(path), *arguments],
            cwd=self.project,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        lines: list[str] = []
        with process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                yield lines[-1]
        self._command = None
        if process.returncode:
            raise EndedError(
                f"'{' '.join(command)}' ended with {process.returncode}:",
                rows=lines,
                remedy="run the demo again; if it stays so, run 'make test ARGS=\"-m engine\"'",
            )

    def dismiss_attacker(self) -> None:
        """End the attacker."""
        if self._attacker is not None:
            self._attacker.stop()
            self._attacker = None

    @property
    def _programs(self) -> tuple[Path, ...]:
        """Where the project's own programs are."""
        return (self.project / layout.TOOLS / "bin", Path(sys.prefix) / "bin")

    def _variables(self) -> dict[str, str]:
        """Return the responder's environment, and nothing of the user's own AWS or Pulumi."""
        kept = {
            name: value
            for name, value in self._environ.items()
            if not name.startswith(_OWN_VARIABLES)
        }
        path = os.pathsep.join([*map(str, self._programs), kept.get("PATH", os.defpath)])
        return {
            **kept,
            "PATH": path,
            "TMPDIR": str(self._folder / "tmp"),
            "NO_COLOR": "1",
            "NO_PROXY": runtime.HOST,
            "no_proxy": runtime.HOST,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self.lab.endpoint,
            "AWS_REGION": self.world.region,
            "AWS_DEFAULT_REGION": self.world.region,
            "PULUMI_HOME": str(self._folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self._folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            **self.world.responder.env(),
        }

    def _end(self) -> None:
        """End what runs, in an order in which nobody waits for somebody who is gone already."""
        # A second Ctrl-C must not leave half of it running; every wait below is bounded.
        ignored = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
        try:
            if self._command is not None:
                _interrupt(self._command)
            self.dismiss_attacker()
            if self._lab is not None and not self._keep:
                _stop(self._lab)
            shutil.rmtree(self._folder, ignore_errors=True)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _stop(lab: runtime.RunningLab) -> None:
    """End the lab, and do not return before it is gone: it closes its port first."""
    with contextlib.suppress(ContainmentError, ProcessLookupError):
        runtime.stop(lab)
    deadline = time.monotonic() + _GRACE_S
    with contextlib.suppress(ChildProcessError):  # it was waited for already
        while os.waitpid(lab.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(lab.pid, signal.SIGKILL)
            time.sleep(0.02)


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Ask a command to end as Ctrl-C does; after a grace end it and all that it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
