"""Who holds a stack, and whether that process still lives.

A state in files is locked by a file ``{pid, username, hostname, timestamp}``, which a process that
was killed leaves behind. ``pulumi cancel`` removes it, also under a run that is alive, which then
overwrites the state: so nothing here ever does, and it is advised only where nobody can be there.
"""

from __future__ import annotations

import json
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from containment.run.project import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

Holder = Literal["alive", "gone", "elsewhere"]

_SAID = re.compile(
    r"created by (?P<user>[^@\s]+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)"
)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a stack: whose it is, and since when."""

    user: str
    host: str
    pid: int
    since: str

    @property
    def holder(self) -> Holder:
        """Whether the process that made it lives; ``elsewhere`` where that cannot be told."""
        if self.host != socket.gethostname():
            return "elsewhere"
        return "alive" if _lives(self.pid) else "gone"

    @property
    def owner(self) -> str:
        """The owner in words."""
        return f"{self.user}@{self.host}, process {self.pid}, since {self.since}"

    def explain(self, stack: str) -> tuple[str, str]:
        """Return what the lock means and the next step, in words."""
        if self.holder == "alive":
            return (
                f"{stack} is being changed right now ({self.owner})",
                f"wait until that run ends (or press Ctrl-C there once): see 'ps -p {self.pid}'",
            )
        if self.holder == "gone":
            return (
                f"{stack} is locked by a process that is gone ({self.owner})",
                f"run 'pulumi cancel --yes --stack {stack}', then 'containment status {stack}'",
            )
        return (
            f"{stack} is locked from another machine ({self.owner})",
            f"ask {self.user}; only if that run has ended, run 'pulumi cancel --stack {stack}'",
        )


def said(text: str) -> list[Lock]:
    """Return the locks that the engine complains of in *text*."""
    return [
        Lock(found["user"], found["host"], int(found["pid"]), found["since"])
        for found in _SAID.finditer(text)
    ]


def on_disk(backend: str, stack: str) -> Iterator[Lock]:
    """Yield the locks of *stack* where the state is in files, at ``file://…``."""
    if not backend.startswith("file:"):
        return
    place = urlsplit(backend)
    folder = Path(place.netloc + place.path).expanduser() / ".pulumi" / "locks" / "organization"
    for file in sorted((folder / NAME / stack).glob("*.json")):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            yield Lock(
                str(found["username"]),
                str(found["hostname"]),
                int(found["pid"]),
                str(found["timestamp"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            yield Lock("somebody", "an unknown host", 0, "an unknown time")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # A process id is used again: on Linux the name tells whether it is still the engine.
    name = Path(f"/proc/{pid}/comm")
    try:
        return "pulumi" in name.read_text(encoding="utf-8")
    except OSError:
        return True
