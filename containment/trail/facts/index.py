"""Keep the fact index on disk, so that a file that was read need not be read again.

A folder of segments, each written whole under another name and then renamed, so that a crash costs
one segment at most, and several traces may write at once. A file counts as known while its size
and times are what they were. What is damaged, or of another version, is read from the logs again.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, Protocol, TypeVar

import msgspec

from containment.errors import UnavailableError
from containment.trail.facts.scan import NO_STAMP, stamp_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from containment.trail.logs.files import FileReport

_WORD = 4  # an entry is its length, its checksum and itself
_SEGMENT = 1 << 23


class Indexed(Protocol):
    """What is kept of one file: what became of it, and its size and times before it was read."""

    report: FileReport
    stamp: tuple[int, int, int]


EntryKind = TypeVar("EntryKind", bound=Indexed)


class Index(Generic[EntryKind]):
    """The segments of one folder, which hold a *kind* of entry and begin with *version*."""

    def __init__(self, folder: Path, kind: type[EntryKind], version: bytes) -> None:
        self._folder = folder
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._version = version
        self._segment: BinaryIO | None = None
        self._name = ""

    @contextlib.contextmanager
    def open(self) -> Generator[Index[EntryKind]]:
        """Keep what is added until the end of the block, then make it durable.

        Raises:
            UnavailableError: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._unavailable(error) from error
        try:
            yield self
        except BaseException:
            with contextlib.suppress(OSError):  # what was read before still need not be read again
                self._keep()
            self._drop()
            raise
        try:
            self._keep()
        except OSError as error:
            raise self._unavailable(error) from error

    def unchanged(self, paths: Sequence[str]) -> Iterator[EntryKind]:
        """Yield the entries of those *paths* that have not changed since they were read."""
        stamps = {path: stamp_of(path) for path in paths}
        for segment in sorted(self._folder.glob("*.facts")):
            # Another process may clear the folder meanwhile.
            with contextlib.suppress(OSError):
                for entry in self._entries(segment):
                    if stamps.get(entry.report.path) == entry.stamp:
                        yield entry

    def add(self, entry: EntryKind) -> None:
        """Remember *entry*; what could not be read is tried again next time.

        Raises:
            UnavailableError: the folder cannot be written any more.
        """
        if entry.stamp == NO_STAMP or entry.report.status == "unreadable":
            return
        packed = msgspec.msgpack.encode(entry)
        try:
            if self._segment is None:
                number, self._name = tempfile.mkstemp(dir=self._folder, suffix=".new")
                self._segment = os.fdopen(number, "wb")
                self._segment.write(self._version)
            self._segment.write(_word(len(packed)) + _word(zlib.crc32(packed)) + packed)
            if self._segment.tell() > _SEGMENT:
                self._keep()
        except OSError as error:
            raise self._unavailable(error) from error

    def _keep(self) -> None:
        if self._segment is not None:
            self._segment.flush()
            os.fsync(self._segment.fileno())
            self._segment.close()
            taken = [int(path.stem[:8]) for path in self._folder.glob("[0-9]*.facts")]
            new = Path(self._name)
            # Two may take one number at once, but not one name.
            new.rename(self._folder / f"{max(taken, default=0) + 1:08}-{new.stem}.facts")
            self._segment = None

    def _drop(self) -> None:
        if self._segment is not None:
            with contextlib.suppress(OSError):
                self._segment.close()
            Path(self._name).unlink(missing_ok=True)
            self._segment = None

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(
            f"the fact index cannot be kept in {self._folder}: {error.strerror}",
            remedy="name another folder with --index, or go without by --no-index",
        )

    def _entries(self, segment: Path) -> Iterator[EntryKind]:
        """Yield what a segment holds; a damaged one ends early, and its files are read again."""
        with segment.open("rb") as file:
            if file.read(len(self._version)) != self._version:
                return
            while len(head := file.read(2 * _WORD)) == 2 * _WORD:
                packed = file.read(int.from_bytes(head[:_WORD], "big"))
                if zlib.crc32(packed) != int.from_bytes(head[_WORD:], "big"):
                    return
                try:
                    yield self._decoder.decode(packed)
                except msgspec.DecodeError:
                    return


def _word(number: int) -> bytes:
    return number.to_bytes(_WORD, "big")
