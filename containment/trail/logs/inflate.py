"""Bytes of a log file, inflated within bounds, a piece at a time.

A gzip file may hold several members (CloudTrail's own does not, `cat a.gz b.gz` does), may end
early, and may be a bomb. Each is said in the end; what was read before the fault still counts.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

try:
    _zlib: Any = importlib.import_module("isal.isal_zlib")
except ImportError:  # the same interface, three times slower
    _zlib = zlib

crc32: Callable[[Buffer], int] = _zlib.crc32

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
# Fed little, what comes out is in the processor's cache until it has been read. A bomb gives 1,032
# times what it is fed, so what comes out at once has a bound of its own.
_FED = 1 << 16
_PIECE = 1 << 22
_PLAIN = 1 << 17
_ANY_HEADER = 47  # zlib's wbits for "gzip or zlib, largest window"


class Content:
    """Iterate once for the content, inflated if it is gzip; then ask what was found on the way.

    Reads *size* bytes of *file* at most, so that one that grows meanwhile has an end, and yields
    *limit* bytes at most.
    """

    def __init__(self, file: BinaryIO, size: int, limit: int) -> None:
        self._file = file
        self._remaining = min(size, limit)
        self._whole = size <= limit
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0
        self.fault = "" if self._whole else _over(limit)
        self.packed = False

    @property
    def sha256(self) -> str:
        """The digest of the file as it is stored; empty if it was not read to its end."""
        return self._hash.hexdigest() if self._whole else ""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content in pieces."""
        first = self._chunk()
        self.packed = first.startswith(_GZIP)
        chunks = self._chunks(first)
        if self.packed:
            yield from self._inflated(chunks)
        else:
            for chunk in chunks:
                for start in range(0, len(chunk), _PLAIN):
                    yield chunk[start : start + _PLAIN]
        for _ in chunks:  # the digest is of the whole file, also where its content was not wanted
            pass

    def _chunk(self) -> bytes:
        chunk = self._file.read(min(_CHUNK, self._remaining))
        self._remaining -= len(chunk)
        self.size += len(chunk)
        self._hash.update(chunk)
        return chunk

    def _chunks(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            yield chunk
            chunk = self._chunk()

    def _inflated(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        stream: Any = None
        size = 0
        fed = _fed(chunks)
        for data in fed:
            rest, is_full = data, False
            while rest or is_full:
                if stream is None:
                    if rest[:1] != _GZIP[:1]:  # no other member begins here
                        self._stray(chain((rest,), fed))
                        return
                    stream = _zlib.decompressobj(_ANY_HEADER)
                try:
                    piece = stream.decompress(rest, _PIECE)
                except (zlib.error, _zlib.error) as error:
                    self.fault = f"truncated or damaged gzip: {error}"
                    return
                size += len(piece)
                if size > self._limit:
                    self.fault = _over(self._limit)
                    yield piece[: self._limit - size]
                    return
                is_full = len(piece) == _PIECE and not stream.eof  # and there may be more in it
                yield piece
                del piece
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
                stream = None if stream.eof else stream
        if stream is not None:
            self.fault = self.fault or "truncated gzip: it ends inside a member"

    def _stray(self, rest: Iterator[bytes]) -> None:
        # tar and object stores pad with zeros; anything else behind the last member is told.
        if any(some.strip(b"\0") for some in rest):
            self.fault = "stray bytes after the gzip data"


def _fed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _FED):
            yield chunk[start : start + _FED]


def _over(limit: int) -> str:
    return f"larger than {limit:,} bytes; the rest was not read"


def pack(content: bytes) -> bytes:
    """Compress what the index keeps, fast rather than small."""
    packed: bytes = _zlib.compress(content, 1)
    return packed


def unpack(packed: bytes) -> bytes:
    """Return what :func:`pack` was given."""
    content: bytes = _zlib.decompress(packed)
    return content
