"""A chain in one file (a ledger, a record): JSON Lines, only ever added to, under a lock.

A write that was cut off (a crash, a full disk) leaves a line without its end. Whoever writes next
ends that line first and goes on behind it; its bytes stay and are part of the chain.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from containment import files
from containment.ledger import chain
from containment.ledger.chain import Head
from containment.ledger.store import LEDGER, LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

# A writer holds the lock for milliseconds; one that was stopped in between must stop nobody else.
_LOCK_WAIT_S = 2.0
_LOCK_POLL_S = 0.002
_PIECE = 1 << 20


class FileStore:
    """The ledger at *path*; its folder is made when the first line is written.

    A ledger that is a link, or has a second name, is not opened: it would be written to wherever
    that leads. *within* is the folder below which the same goes for folders; *noun* is what an
    error calls the chain.
    """

    def __init__(
        self, path: Path, shown: str = "", *, within: Path | None = None, noun: str = LEDGER
    ) -> None:
        self._noun = noun
        self._path = path
        self._within = within
        self._shown = shown or str(path)
        self._mutex = Lock()
        self._file: tuple[int, int] = (0, 0)
        self._head = Head()
        self._read_to = 0

    @property
    def location(self) -> str:
        return self._shown

    def lines(self) -> Sequence[bytes] | None:
        try:
            descriptor = self._open(os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable("read", error) from error
        try:
            with self._locked(descriptor, fcntl.LOCK_SH):
                size = self._size(descriptor)
                content = _read(descriptor, 0, size)
        except OSError as error:
            raise self._unavailable("read", error) from error
        finally:
            os.close(descriptor)
        return _split(content)

    def append(self, make: Callable[[Head], bytes]) -> Head:
        with self._mutex:
            try:
                return self._append(make)
            except OSError as error:
                raise self._unavailable("written", error) from error

    def concerns(self) -> list[str]:
        return []

    def locked(self) -> bool:
        """Return False: whoever may write the file can write it anew."""
        return False

    def _append(self, make: Callable[[Head], bytes]) -> Head:
        new = not self._path.exists()
        descriptor = self._open(os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            with self._locked(descriptor, fcntl.LOCK_EX):
                length, head = self._caught_up(descriptor)
                size = self._size(descriptor)
                added = _read(descriptor, length, size)
                if length == 0 and added and not _begins_as_ledger(added):
                    raise OSError(f"{self._shown} holds something else than a {self._noun}")
                for earlier in _split(added):
                    head = chain.following(head, earlier)
                written = make(head)
                end = b"" if not added or added.endswith(b"\n") else b"\n"
                _write(descriptor, end + written + b"\n")
                os.fsync(descriptor)
                # Only now: after a failure all is read again from the last safe line.
                self._head = chain.following(head, written)
                self._read_to = size + len(end) + len(written) + 1
        finally:
            os.close(descriptor)
        if new:
            _sync_folder(self._path.parent)
        return self._head

    def _caught_up(self, descriptor: int) -> tuple[int, Head]:
        """Return how far this file is known already, and the head there."""
        status = os.fstat(descriptor)
        same = (status.st_dev, status.st_ino) == self._file
        self._file = (status.st_dev, status.st_ino)
        if not same or status.st_size < self._read_to:
            return 0, Head()
        return self._read_to, self._head

    def _open(self, flags: int) -> int:
        """Open the file, and below *within* no folder that is a link: it may lead anywhere.

        Folders that are not there are made where the file may be.
        """
        if self._within is not None:
            return files.open_below(self._within, self._path.relative_to(self._within), flags)
        if flags & os.O_CREAT:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        return files.open_below(self._path.parent, Path(self._path.name), flags)

    def _size(self, descriptor: int) -> int:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{self._shown} is no regular file")
        if status.st_nlink > 1:
            raise OSError(f"{self._shown} has another name elsewhere")
        return status.st_size

    @contextmanager
    def _locked(self, descriptor: int, how: int) -> Generator[None]:
        until = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise OSError(f"another process has held it for {_LOCK_WAIT_S:g} s") from error
                time.sleep(_LOCK_POLL_S)
        yield  # closing the file unlocks it

    def _unavailable(self, deed: str, error: OSError) -> LedgerUnavailableError:
        if files.is_of_link(error):
            return LedgerUnavailableError(
                f"the {self._noun} {self._shown} cannot be {deed}: it {files.LINK}",
                remedy="see who put it there, and remove it",
            )
        return LedgerUnavailableError(
            f"the {self._noun} {self._shown} cannot be {deed} ({error.strerror or error})",
            remedy="make room, mend its permissions, or name another 'ledger' in containment.yaml"
            if self._noun == LEDGER
            else "make room, or mend its permissions",
        )


def _begins_as_ledger(content: bytes) -> bool:
    """Tell whether *content* begins with an entry, or with one that a crash cut off."""
    first, _, _ = content.partition(b"\n")
    entry = chain.parse(first)
    if entry is None:
        return first.startswith(b'{"a')  # every entry's first member is "after" or "at"
    return {"n", "prev"} <= entry.keys()


def _read(descriptor: int, start: int, end: int) -> bytes:
    pieces: list[bytes] = []
    while start < end and (piece := os.pread(descriptor, min(_PIECE, end - start), start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _split(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n") if content else []


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    """Make the new file's name outlive a crash as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
