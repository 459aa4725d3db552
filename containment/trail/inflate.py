"""Bytes of a log file, inflated within bounds.

A gzip file may hold several members (CloudTrail's own does not, `cat a.gz b.gz` does), may end
early, and may be a bomb. Each is said in the answer; what was read before the fault still counts.
"""

from __future__ import annotations

import importlib
import zlib
from dataclasses import dataclass
from typing import Any

try:
    _zlib: Any = importlib.import_module("isal.isal_zlib")
except ImportError:  # the same interface, three times slower
    _zlib = zlib

_GZIP = b"\x1f\x8b"
_WINDOW = 1 << 24
_ANY_HEADER = 47  # zlib's wbits for "gzip or zlib, largest window"


@dataclass(frozen=True, slots=True)
class Inflated:
    """What came out, and what went wrong on the way (empty if nothing)."""

    content: bytes
    fault: str = ""


def inflate(raw: bytes, limit: int) -> Inflated:
    """Inflate every gzip member of *raw* up to *limit* bytes; plain content passes through."""
    if not raw.startswith(_GZIP):
        return Inflated(raw[:limit], _over(limit) if len(raw) > limit else "")
    pieces: list[bytes] = []
    size = 0
    rest: Any = raw
    while rest[:2] == _GZIP:
        stream = _zlib.decompressobj(_ANY_HEADER)
        data: Any = rest
        try:
            while not stream.eof:
                piece = stream.decompress(data, min(_WINDOW, limit - size + 1))
                data = stream.unconsumed_tail
                if not piece and not data:
                    break
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    return Inflated(b"".join(pieces)[:limit], _over(limit))
        except (zlib.error, _zlib.error) as error:
            return Inflated(b"".join(pieces), f"truncated or damaged gzip: {error}")
        if not stream.eof:
            return Inflated(b"".join(pieces), "truncated gzip: it ends inside a member")
        rest = stream.unused_data
    content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    # tar and object stores pad with zeros; anything else behind the last member is worth a word.
    trailing = rest.strip(b"\0")
    return Inflated(content, f"{len(trailing)} stray bytes after the gzip data" if trailing else "")


def _over(limit: int) -> str:
    return f"larger than {limit:,} bytes when inflated; the rest was not read"


def pack(content: bytes) -> bytes:
    """Compress what the index keeps, fast rather than small."""
    packed: bytes = _zlib.compress(content, 1)
    return packed


def unpack(packed: bytes) -> bytes:
    """Return what :func:`pack` was given."""
    content: bytes = _zlib.decompress(packed)
    return content
