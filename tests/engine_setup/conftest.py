"""A machine of our own making: its PATH holds what a test puts there, and no network is reached."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PULUMI = """#!/bin/sh
if [ "$1" = version ]; then echo "{version}"; exit {status}; fi
echo "engine {version} was asked: $*"
"""

GO = """#!/bin/sh
echo "$1" >>'{log}'
case "$1" in
  env) echo '{{"GOVERSION": "{version}", "GOTOOLCHAIN": "{toolchain}"}}'; exit 0 ;;
  list) {on_list}
    echo 'go: downloading example.com/one v1.0.0'; echo one; echo two ;;
  build) {on_build}
    while [ "$1" != -o ]; do shift; done
    mkdir -p "$(dirname "$2")"; cp '{built}' "$2"; echo one; echo two ;;
esac
"""


class Machine:
    """A PATH, a cache and a ``.venv``, all empty; `provide` runs the set-up of the engine on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.cache = folder / "cache"
        self.project = folder / "checkout of mine"
        self.venv = self.project / ".venv"
        self.go_log = folder / "go.log"
        for made in (self.programs, self.cache, self.venv / "bin"):
            made.mkdir(parents=True)
        for name in ("sh", "cat", "cp", "mkdir", "dirname", "sleep", "grep", "env", "sed", "uname"):
            program = shutil.which(name)
            assert program is not None
            (self.programs / name).symlink_to(program)
        self.env = {
            "PATH": str(self.programs),
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(self.cache),
        }

    def script(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def pulumi(self, version: str, *, status: int = 0, folder: Path | None = None) -> Path:
        path = (folder or self.programs) / "pulumi"
        return self.script(path, PULUMI.format(version=version, status=status))

    def go(
        self,
        version: str = "go1.26.0",
        *,
        toolchain: str = "local",
        on_list: str = ":",
        on_build: str = ":",
        built: str = "v3.259.0",
    ) -> None:
        result = self.pulumi(built, folder=self.folder / "built")
        text = GO.format(
            log=self.go_log,
            version=version,
            toolchain=toolchain,
            on_list=on_list,
            on_build=on_build,
            built=result,
        )
        self.script(self.programs / "go", text)

    @property
    def builds(self) -> int:
        return self.go_log.read_text().split().count("build") if self.go_log.exists() else 0

    @property
    def left_in_cache(self) -> list[str]:
        """What a set-up left in the cache, apart from its empty folders and its lock."""
        names = (path.name for path in self.cache.rglob("*") if path.is_file())
        return sorted(name for name in names if name not in {"lock", "versions.json"})

    def start(self, *before: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start the set-up; *before* are lines of Python that run once `provide` is imported."""
        lines = [
            "import sys",
            "from containment.engine import provide, versions",
            f"versions._NOTE = versions.Path({str(self.folder / 'note')!r})",
            *before,
            "sys.exit(provide.main())",
        ]
        return subprocess.Popen(
            [sys.executable, "-c", "\n".join(lines), self.project, "--venv", self.venv],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def provide(self, *before: str) -> tuple[int, str]:
        """Run the set-up and return its exit status and what it said."""
        process = self.start(*before)
        out, error = process.communicate(timeout=30)
        assert "Traceback" not in error
        assert out == ""
        return process.returncode, error

    def run_pulumi(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the launcher that the set-up has installed."""
        return subprocess.run(
            [self.venv / "bin" / "pulumi", *arguments],
            cwd=self.project,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
