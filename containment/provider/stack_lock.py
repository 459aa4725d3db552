"""Let one run of a stack change things at a time, so that no late write follows another's lift.

The engine's lock on a stack does not see to that. A provider whose engine was killed finishes the
call that it has in flight, and ``pulumi cancel`` takes the lock away from a run that is alive. So
the first change of a run waits until no other process here changes the same stack any more. The
kernel gives the lock back when its holder dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from containment.aws.cancellation import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable

# Longer than a provider takes to finish what it has in flight once its engine is gone.
PATIENCE_S = 60.0
_PAUSE_S = 0.05


def folder() -> Path:
    """Return where the locks are: this user's alone, and gone with the machine's next start."""
    return Path(tempfile.gettempdir()) / f"containment-{os.getuid()}"


@dataclass
class StackLock:
    """Held from the first change of a process until its end.

    *engine* is the process that started this one: a run may have several providers.
    """

    engine: int = field(default_factory=os.getppid)
    folder: Path = field(default_factory=folder)
    patience_s: float = PATIENCE_S
    _path: Path = field(default_factory=Path)
    _file: int | None = None
    _other: int | None = None
    _lock: Lock = field(default_factory=Lock)

    def holder(self, stack: str, *, wait: Callable[[str], None], cancelled: Event) -> int | None:
        """Return None once this process alone changes *stack*, or who still does.

        Args:
            stack: what nobody else may be changing.
            wait: told, once, whom we wait for.
            cancelled: ends the waiting.

        Raises:
            CancelledError: the engine asked to stop meanwhile.
        """
        with self._lock:
            if self._file is None and self._other is None:
                self._other = self._take(stack, wait, cancelled)
            return self._other

    def release(self) -> None:
        """Give the lock back, and leave no file behind."""
        if self._file is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._file)
            self._file = None

    def _take(self, stack: str, wait: Callable[[str], None], cancelled: Event) -> int | None:
        path = self.folder / f"{sha256(stack.encode()).hexdigest()[:20]}.lock"
        deadline = time.monotonic() + self.patience_s
        is_announced = False
        while True:
            try:
                descriptor = _open(path)
            except OSError:
                return None  # nowhere to put a lock, which is no reason not to contain
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                process, engine = _read(descriptor)
                os.close(descriptor)
                if engine == self.engine:
                    return None
                if time.monotonic() > deadline:
                    return process
                if not is_announced:
                    wait(f"another run still changes this stack (process {process}); waiting")
                    is_announced = True
                if cancelled.wait(_PAUSE_S):
                    raise CancelledError("the first change") from None
                continue
            if _is_at(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()} {self.engine}".encode(), 0)
                self._file, self._path = descriptor, path
                return None
            os.close(descriptor)  # its holder took the file away: there is a newer one


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.parent.lstat().st_uid != os.getuid():
        raise PermissionError(path.parent)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except OSError:
        return False


def _read(file: int) -> tuple[int, int]:
    words = os.pread(file, 64, 0).split()
    return (int(words[0]), int(words[1])) if len(words) > 1 else (0, 0)
