"""Who holds a stack, and whether that process still lives.

A state is locked by a file ``{pid, username, hostname, timestamp}`` beside it, which a process that
was killed leaves behind. ``pulumi cancel`` removes it, also under a run that is alive, which then
overwrites the state: so a lock is removed only where its process is gone from this machine.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from containment.aws import state_bucket
from containment.clock import isoformat, utc_now
from containment.errors import ConflictError, ContainmentError
from containment.run.project import NAME
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

Holder = Literal["alive", "gone", "elsewhere"]

# What holds a lock: the engine, or this program before it starts the engine.
_HOLDERS = ("pulumi", "containment")
_MEMBERS = {"pid", "username", "hostname", "timestamp"}
_FOLDER = f".pulumi/locks/organization/{NAME}"
_LOCKED = re.compile(r"the stack is currently locked by \d+ lock")


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a stack: whose it is, since when, and the file that it is where there is one."""

    user: str
    host: str
    pid: int
    since: str
    file: Path | None = None

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
            step = (
                f"run 'containment up {stack}' or 'containment lift {stack}', which takes it away"
                f" and goes on; with the engine alone, 'pulumi cancel --yes --stack {stack}'"
            )
            what = f"{stack} is locked by a run that was cut off ({self.owner})"
            return f"{what}; its process is gone", step
        return (
            f"{stack} is locked from another machine ({self.owner})",
            f"ask {self.user}; only if that run has ended, run 'pulumi cancel --stack {stack}'",
        )


def is_complaint(text: str) -> bool:
    """Tell whether the engine says in *text* that the stack is locked.

    Whose locks they are is not read there: whoever can write one chooses what it says.
    """
    return _LOCKED.search(text) is not None


def read_locks(backend: str, stack: str) -> Iterator[Lock]:
    """Yield the locks of *stack* where its state is in files (``file://…``) or in S3.

    Raises:
        ConflictError: a link leads to the locks' folder.
        ContainmentError: the bucket cannot be looked into.
    """
    if backend.startswith("file:"):
        base = _file_at(backend)
        folder = base / _FOLDER / stack
        if folder.resolve() != base.resolve() / _FOLDER / stack:
            raise ConflictError(
                f"{folder} is or is behind a link, so its locks may be files of another place",
                remedy="see who put it there, and remove it",
            )
        for file in sorted(folder.glob("*.json")):
            if file.is_symlink() or not file.is_file():
                yield _read("", file)
                continue
            try:
                yield _read(file.read_text(encoding="utf-8", errors="replace"), file)
            except FileNotFoundError:
                continue  # given back between the two looks
    if backend.startswith("s3:"):
        for _, text in state_bucket.texts(backend, f"{_FOLDER}/{stack}"):
            yield _read(text)


@contextmanager
def taken(backend: str, stack: str) -> Generator[bool]:
    """Hold the lock of *stack* as the engine does for the length of a block; yield whether it is.

    It is not where somebody else has it, or where the state is neither in files nor in S3. The lock
    is written first and looked around after that, so that of two who come at once one sees the
    other. Source: Pulumi v3.259, ``backend/diy/lock.go``.
    """
    own = {
        "pid": os.getpid(),
        "username": getpass.getuser(),
        "hostname": socket.gethostname(),
        "timestamp": isoformat(utc_now()),
    }
    name = f"{_FOLDER}/{stack}/{uuid4()}.json"
    try:
        take_away = _put(backend, name, json.dumps(own))
    except (OSError, ContainmentError):
        yield False
        return
    try:
        yield _is_alone(backend, stack, os.getpid())
    finally:
        take_away()


def _is_alone(backend: str, stack: str, own: int) -> bool:
    """Tell whether nobody but process *own* holds the stack; what a dead run left is taken away."""
    try:
        others = [
            lock
            for lock in read_locks(backend, stack)
            if (lock.pid, lock.host) != (own, socket.gethostname())
        ]
    except ContainmentError:
        return False
    return all(lock.holder == "gone" and remove(lock) for lock in others)


def _put(backend: str, name: str, text: str) -> Callable[[], None]:
    """Write a lock where *backend* keeps its locks; return what takes it away again.

    Raises:
        OSError: it cannot be written there.
        ContainmentError: the bucket does not take it.
    """
    if backend.startswith("file:"):
        base = _file_at(backend)
        file = base / name
        if not base.is_dir() or file.parent.resolve() != base.resolve() / Path(name).parent:
            raise NotADirectoryError(base)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
        return partial(file.unlink, missing_ok=True)
    if backend.startswith("s3:"):
        return state_bucket.put(backend, name, text)
    raise FileNotFoundError(backend)


def remove(lock: Lock) -> bool:
    """Remove *lock* if its process is gone from this machine; tell whether that was done.

    One file goes, and not all that are there: another responder may have come in between. It goes
    only where it holds what the engine writes into a lock.
    """
    if lock.file is None or lock.holder != "gone":
        return False
    try:
        if lock.file.is_symlink() or _read(lock.file.read_text("utf-8"), lock.file) != lock:
            return False
    except (OSError, UnicodeDecodeError):
        return False
    lock.file.unlink(missing_ok=True)
    return True


def _file_at(place: str) -> Path:
    parts = urlsplit(place)
    return Path(parts.netloc + parts.path).expanduser()


def _read(text: str, file: Path | None = None) -> Lock:
    try:
        document: Any = json.loads(text)
        words = [document[name] for name in ("username", "hostname", "timestamp")]
        pid = document["pid"]
        if (
            set(document) == _MEMBERS
            and type(pid) is int
            and all(type(word) is str for word in words)
        ):
            user, host, since = (plain(word)[:80] for word in words)
            return Lock(user, host, pid, since, file)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return Lock("somebody", "an unknown host", 0, "an unknown time", file)


def _lives(pid: int) -> bool:
    if pid <= 0:
        return True  # the engine wrote no such lock
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    # A process id is used again: on Linux the name tells whether it is still the engine, or us.
    name = Path(f"/proc/{pid}/comm")
    try:
        return any(word in name.read_text(encoding="utf-8") for word in _HOLDERS)
    except OSError:
        return True
