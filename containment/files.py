"""Open files where others may write: without following a link, and nothing but a regular file.

Whoever may put a link into a project (a change may hold one, for git keeps them) would otherwise
decide what the responder reads, or writes over. A path that begins at the root is its user's own
word for where something is; below the folder that a relative one begins in no folder may be a link.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from containment.errors import UnavailableError
from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Generator

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
LINK = "is, or is behind, a link"
NO_FILE = "is not a file"


class NoRegularFileError(OSError):
    """It is a link, behind one, or something else than a file."""


def open_below(folder: Path, below: Path, flags: int) -> int:
    """Return a descriptor of *below* in *folder*, with no link on the way.

    With ``O_CREAT`` folders that are not there are made.

    Raises:
        OSError: it cannot be opened; with ``ELOOP`` or ``ENOTDIR`` where it is behind a link.
    """
    flags |= os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    *folders, name = below.parts
    if flags & os.O_CREAT:
        folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, _FOLDER)
    try:
        for part in folders:
            if flags & os.O_CREAT:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=place)
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        return os.open(name, flags, 0o600, dir_fd=place)
    finally:
        os.close(place)


def read(path: Path, limit: int, *, within: Path | None = None) -> bytes:
    """Return the first *limit* bytes of *path*, which is no link, nor behind one below *within*.

    Raises:
        FileNotFoundError: there is none.
        NoRegularFileError: it is a link, behind one, or no file.
        OSError: it cannot be read.
    """
    folder = path.parent if within is None else within
    try:
        descriptor = open_below(folder, path.relative_to(folder), os.O_RDONLY)
    except OSError as error:
        if is_of_link(error):
            raise NoRegularFileError(error.errno, LINK) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoRegularFileError(errno.EINVAL, NO_FILE)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit)


def is_of_link(error: OSError) -> bool:
    """Tell whether *error* is that of :func:`open_below` for a link."""
    return error.errno in {errno.ELOOP, errno.ENOTDIR}


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Give a draft that takes the place of *path* at the end, whole or not at all.

    Raises:
        UnavailableError: *path* cannot be written, or is something else than a file.
    """
    draft: Path | None = None
    try:
        _require_plain(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".", suffix=path.suffix, delete=False
        ) as made:
            draft = Path(made.name)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise UnavailableError(
            f"{plain(str(path))} cannot be written: {error.strerror}",
            remedy="name a folder you may write to",
        ) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _require_plain(path: Path) -> None:
    """Refuse to take the place of *path* where that is a link, behind one, a device or a pipe.

    Raises:
        UnavailableError: it is.
    """
    folders = () if path.is_absolute() else path.parents
    is_linked = path.is_symlink() or any(folder.is_symlink() for folder in folders)
    if is_linked or (path.exists() and not path.is_file()):
        raise UnavailableError(
            f"{plain(str(path))} {LINK if is_linked else NO_FILE}, and nothing is written there",
            remedy="see who put it there, or name another file",
        )
