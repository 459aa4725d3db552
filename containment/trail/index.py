"""The fact index on disk: what was read once need not be read again.

A folder of segments, each written whole under another name and then renamed, so that a crash
leaves the previous ones intact. A file counts as known while its size and modification time are
what they were.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from containment.errors import UnavailableError
from containment.trail.scan import stamp_of
from containment.trail.store import Entry

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

_MAGIC = b"containment-trail-index 3\n"
_decoder = msgspec.msgpack.Decoder(Entry)
_LENGTH = 4


class Index:
    """The segments of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segment: BinaryIO | None = None
        self._name = ""

    @contextlib.contextmanager
    def open(self) -> Generator[Index]:
        """Keep what is added until the end of the block, then make it durable.

        Raises:
            UnavailableError: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UnavailableError(
                f"the fact index cannot be kept in {self._folder}: {error.strerror}",
                remedy="name another folder with --index, or go without by --no-index",
            ) from error
        try:
            yield self
        except BaseException:
            self._drop()
            raise
        self._keep()

    def known(self, paths: Sequence[str]) -> list[Entry]:
        """Return the entries of those *paths* that have not changed since they were read."""
        asked = set(paths)
        latest: dict[str, Entry] = {}
        for segment in sorted(self._folder.glob("*.facts")):
            for entry in _entries(segment):
                if entry.report.path in asked:
                    latest[entry.report.path] = entry
        return [entry for path, entry in latest.items() if entry.stamp == stamp_of(path)]

    def add(self, entry: Entry) -> None:
        """Remember *entry*; one without a stamp was not readable and is tried again next time."""
        if entry.stamp == (0, 0) or entry.report.status == "unreadable":
            return
        if self._segment is None:
            number, self._name = tempfile.mkstemp(dir=self._folder, suffix=".new")
            self._segment = os.fdopen(number, "wb")
            self._segment.write(_MAGIC)
        packed = msgspec.msgpack.encode(entry)
        self._segment.write(len(packed).to_bytes(_LENGTH, "big") + packed)

    def _keep(self) -> None:
        if self._segment is not None:
            self._segment.flush()
            os.fsync(self._segment.fileno())
            self._segment.close()
            taken = [int(path.stem) for path in self._folder.glob("*.facts") if path.stem.isdigit()]
            Path(self._name).rename(self._folder / f"{max(taken, default=0) + 1:08}.facts")
            self._segment = None

    def _drop(self) -> None:
        if self._segment is not None:
            self._segment.close()
            Path(self._name).unlink(missing_ok=True)
            self._segment = None


def _entries(segment: Path) -> Iterator[Entry]:
    """Yield what a segment holds; a damaged one ends early, and its files are read again."""
    with segment.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return
        while len(head := file.read(_LENGTH)) == _LENGTH:
            packed = file.read(int.from_bytes(head, "big"))
            try:
                yield _decoder.decode(packed)
            except msgspec.DecodeError:
                return
