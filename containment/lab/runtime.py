"""Labs that run beside us: where they note themselves, and how they are reached.

Each lab has a directory named after its port, readable by its owner alone. It holds ``lab.json``
(process and port), ``world.json`` (credentials of the seeded world) and ``state`` (a Pulumi
backend).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from containment.errors import NotContainedError, SpecError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST = "127.0.0.1"
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 10.0
# No proxy may stand between us and loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def directory(environ: Mapping[str, str]) -> Path:
    """Return where this user's labs note themselves, and make it."""
    base = environ.get("XDG_RUNTIME_DIR")
    home = Path(base) if base else Path(environ.get("HOME", "~")).expanduser() / ".cache"
    path = home / "containment" / "lab"
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


@dataclass(frozen=True, slots=True)
class RunningLab:
    """A lab that has noted itself."""

    port: int
    pid: int
    path: Path

    @property
    def endpoint(self) -> str:
        """The URL to point AWS clients at."""
        return f"http://{HOST}:{self.port}"

    @property
    def world_file(self) -> Path:
        """Where the seeded world's credentials are."""
        return self.path / "world.json"

    @property
    def backend(self) -> Path:
        """A directory for Pulumi's state, as private as the credentials."""
        path = self.path / "state"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def world(self) -> dict[str, Any] | None:
        """Return the seeded world, None where nothing was seeded."""
        try:
            return cast("dict[str, Any]", json.loads(self.world_file.read_text()))
        except FileNotFoundError:
            return None

    def keep_world(self, world: Mapping[str, Any]) -> None:
        """Write the seeded world for this user's eyes only."""
        descriptor = os.open(self.world_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(world, file, indent=2)

    def control(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make a control request: GET without a *body*, POST with one.

        Raises:
            UnavailableError: the lab does not answer.
            SpecError: it refuses the request.
        """
        request = urllib.request.Request(  # noqa: S310 -- the URL is ours and http
            f"{self.endpoint}/_lab/{name}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=30) as answer:
                return cast("dict[str, Any]", json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                refusal = error.read().decode("utf-8", "replace")
            raise SpecError(
                f"the lab refused {name}: {refusal}", remedy="see docs/lab.md for control requests"
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"the lab on {self.endpoint} does not answer: {error}",
                remedy="start one with 'containment lab start --detach'",
            ) from error

    def alive(self) -> bool:
        """Tell whether the very process that noted itself answers on the port."""
        try:
            return bool(self.control("status")["pid"] == self.pid)
        except (UnavailableError, SpecError, KeyError):
            return False


def note(path: Path, port: int) -> RunningLab:
    """Note a lab of this process, in place of one that is gone."""
    own = path / str(port)
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(mode=0o700)
    (own / "lab.json").write_text(json.dumps({"pid": os.getpid(), "port": port}))
    return RunningLab(port, os.getpid(), own)


def forget(lab: RunningLab) -> None:
    """Remove what a lab noted, its world's credentials with it."""
    shutil.rmtree(lab.path, ignore_errors=True)


def noted(path: Path) -> Iterator[RunningLab]:
    """Yield the labs that noted themselves, by port, alive or not."""
    for file in sorted(path.glob("*/lab.json")):
        with contextlib.suppress(ValueError, KeyError, OSError):
            note = json.loads(file.read_text())
            yield RunningLab(int(note["port"]), int(note["pid"]), file.parent)


def find(path: Path, port: int | None = None) -> RunningLab:
    """Return the lab on *port*, or the only one there is; notes of dead labs are removed.

    Raises:
        UnavailableError: there is none.
        SpecError: there are several and *port* does not say which.
    """
    living: list[RunningLab] = []
    for lab in noted(path):
        if lab.alive():
            living.append(lab)
        else:
            forget(lab)
    chosen = [lab for lab in living if port is None or lab.port == port]
    if not chosen:
        where = "is running" if port is None else f"runs on port {port}"
        raise UnavailableError(
            f"no lab {where}", remedy="start one with 'containment lab start --detach'"
        )
    if len(chosen) > 1:
        ports = ", ".join(str(lab.port) for lab in chosen)
        raise SpecError(f"labs run on ports {ports}", remedy="say which with --port")
    return chosen[0]


def start_detached(path: Path, port: int) -> RunningLab:
    """Start a lab that outlives us, and wait until it answers.

    Raises:
        UnavailableError: it did not come up.
    """
    log = path / f"start-{os.getpid()}.log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 -- our own module
            [sys.executable, "-P", "-m", "containment.lab", str(path), str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_TIMEOUT_S
    try:
        while time.monotonic() < deadline:
            for lab in noted(path):
                if lab.pid == process.pid and lab.alive():
                    return lab
            if process.poll() is not None:
                break
            time.sleep(0.05)
        message = log.read_text().strip() or "it said nothing"
        if process.poll() is None:
            process.kill()
        raise UnavailableError(
            f"the lab did not start: {message}", remedy="give another port, or none for a free one"
        )
    finally:
        log.unlink(missing_ok=True)


def stop(lab: RunningLab) -> None:
    """End a lab and remove its notes.

    Raises:
        NotContainedError: it did not end.
    """
    os.kill(lab.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        if not lab.alive():
            forget(lab)
            return
        time.sleep(0.05)
    raise NotContainedError(
        f"the lab (process {lab.pid}) does not end", remedy=f"end it with 'kill -9 {lab.pid}'"
    )
