"""Which ``pulumi`` this project runs: the versions it supports, and where to look for one.

A program counts only if it answers ``pulumi version``; a file that is merely there may be half of
a download.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containment.engine.layout import LAUNCHER_MARK
from containment.errors import UnavailableError

_NOTE = Path(sys.prefix) / "share" / "containment" / "engine"
PROVIDED = "3.259.0"
OLDEST = (3, 259, 0)
BEYOND = (4, 0, 0)
_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$")


class SetupError(UnavailableError):
    """The engine cannot be provided: what is wrong, and what to do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy=remedy)


@dataclass(frozen=True)
class Engine:
    """A ``pulumi`` that answered, and what it said its version is."""

    path: Path
    version: str

    @property
    def supported(self) -> bool:
        """Whether the project is known to work with this version."""
        parts = _VERSION.match(self.version)
        if parts is None:
            return False
        number = (int(parts[1]), int(parts[2]), int(parts[3]))
        # By semantic versioning a pre-release comes before the release that it names.
        too_early = number == OLDEST and parts[4] is not None
        return OLDEST <= number < BEYOND and not too_early


def ask(path: Path) -> Engine | None:
    """Return the engine at *path* with the version it reports, or None if it does not run."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = subprocess.run(
            [path, "version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    lines = answer.stdout.split()
    if answer.returncode != 0 or not lines or not _VERSION.match(lines[0]):
        return None
    return Engine(path, lines[0].removeprefix("v"))


def on_path(search_path: str) -> list[Engine]:
    """Return every ``pulumi`` on *search_path* that runs, our own launchers excepted, in order.

    A folder that is not named from the root on does not count: it would be another one wherever
    the search is made.
    """
    engines = [
        _recorded_engine(path) for path in _programs("pulumi", search_path) if not is_launcher(path)
    ]
    return [engine for engine in engines if engine is not None]


def provided() -> Engine | None:
    """Return the engine that a set-up put into the user's cache, if it runs."""
    engine = _recorded_engine(cache() / "bin" / "pulumi")
    return engine if engine is not None and engine.version == PROVIDED else None


def current(search_path: str) -> Engine | None:
    """Return the engine that this project runs: a supported one on *search_path*, or our own."""
    supported = (engine for engine in on_path(search_path) if engine.supported)
    return next(supported, None) or provided() or _remembered()


def remember(engine: Engine) -> None:
    """Note for this environment which engine it was set up with: HOME may be another one later."""
    with suppress(OSError):
        _NOTE.parent.mkdir(parents=True, exist_ok=True)
        _NOTE.write_text(str(engine.path), encoding="utf-8")


def _remembered() -> Engine | None:
    try:
        path = Path(_NOTE.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    engine = _recorded_engine(path) if path.is_absolute() else None
    return engine if engine is not None and engine.supported else None


def _recorded_engine(path: Path) -> Engine | None:
    """Return the engine at *path* as `ask` does, without starting one that answered before.

    To start it takes longer than all else that a short command does. The record is this user's
    alone, and says of a program only what its version is.
    """
    try:
        file_status = path.stat()
    except OSError:
        return None
    stamp = [file_status.st_ino, file_status.st_size, file_status.st_mtime_ns]
    record = _record()
    kept = record.get(str(path))
    if isinstance(kept, list) and kept[:-1] == stamp and _VERSION.match(str(kept[-1])):
        return Engine(path, str(kept[-1]))
    engine = ask(path)
    if engine is not None:
        _write_record({**record, str(path): [*stamp, engine.version]})
    return engine


def _record() -> dict[str, Any]:
    try:
        file = os.open(_record_file(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}
    try:
        if os.fstat(file).st_uid != os.getuid():
            return {}
        record = json.loads(os.read(file, 1 << 20))
    except (OSError, ValueError):
        return {}
    finally:
        os.close(file)
    return record if isinstance(record, dict) else {}


def _write_record(record: dict[str, Any]) -> None:
    file = _record_file()
    new = file.with_name(f".{file.name}-{os.getpid()}")
    with suppress(OSError):  # then the engine is asked each time
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(record), encoding="utf-8")
        new.replace(file)


def _record_file() -> Path:
    return _NOTE.with_name("versions.json")


def is_launcher(path: Path) -> bool:
    """Whether *path* is a launcher of this project, in this checkout or another."""
    try:
        with path.open("rb") as program:
            return LAUNCHER_MARK.encode() in program.read(400)
    except OSError:
        return False


def cache() -> Path:
    """Where the provided engine lives: outside every checkout, keyed by version and platform."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification asks for relative values to be ignored.
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    system = f"{platform.system()}-{platform.machine()}".lower()
    return base / "containment" / "pulumi" / f"v{PROVIDED}" / system


def _programs(name: str, search_path: str) -> list[Path]:
    folders = (Path(folder) for folder in search_path.split(os.pathsep) if folder.startswith("/"))
    return [folder / name for folder in folders if _runs(folder / name)]


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
