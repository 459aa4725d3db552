"""Which ``pulumi`` this project runs: the versions it supports, and where to look for one.

A program counts only if it answers ``pulumi version``; a file that is merely there may be half of
a download.
"""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROVIDED = "3.259.0"
OLDEST = (3, 259, 0)
BEYOND = (4, 0, 0)
LANGUAGE_HOST = "pulumi-language-python"
LAUNCHER_MARK = "containment's launcher"
_VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$")


class SetupError(Exception):
    """The engine cannot be provided: what is wrong, and what to do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")


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
    """Return every ``pulumi`` on *search_path* that runs, our own launchers excepted, in order."""
    found = [ask(path) for path in _programs("pulumi", search_path) if not is_launcher(path)]
    return [engine for engine in found if engine is not None]


def is_launcher(path: Path) -> bool:
    """Whether *path* is a launcher of this project, in this checkout or another."""
    try:
        with path.open("rb") as program:
            return LAUNCHER_MARK.encode() in program.read(400)
    except OSError:
        return False


def official_language_host(engine: Engine, search_path: str) -> Path | None:
    """Return the Python language host that came with *engine*, or one on *search_path*."""
    beside = [engine.path.parent / LANGUAGE_HOST, engine.path.resolve().parent / LANGUAGE_HOST]
    candidates = [*(path for path in beside if _runs(path)), *_programs(LANGUAGE_HOST, search_path)]
    return next((path for path in candidates if not is_launcher(path)), None)


def cache() -> Path:
    """Where the provided engine lives: outside every checkout, keyed by version and platform."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification asks for relative values to be ignored.
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    system = f"{platform.system()}-{platform.machine()}".lower()
    return base / "containment" / "pulumi" / f"v{PROVIDED}" / system


def _programs(name: str, search_path: str) -> list[Path]:
    folders = (Path(folder) for folder in search_path.split(os.pathsep) if folder)
    return [folder / name for folder in folders if _runs(folder / name)]


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
