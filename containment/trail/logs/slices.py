"""Cut the content of a log file, however large, into documents that fit a processor's cache.

Each slice is complete by itself: the head of the file's document, some whole records, and the
brackets that close it. Where to cut is guessed, at a record that begins as the first one does;
decoding tells whether the guess was right: where every slice is JSON, the file is, and holds just
these records. A slice that is not JSON is had again, wider, until it is or is too large to be true.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from containment.trail.logs.tables import header_of, holds_records, is_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How much is looked at to tell the form, and how wide a slice may get: no record of CloudTrail has
# more than 1 MB (CloudTrail User Guide, "Quotas").
LEAST, MOST = 1 << 16, 1 << 22
_BLANK = b" \t\r\n\0"


class Slice(NamedTuple):
    """A document of its own out of a file; *final* if it reaches to the file's end."""

    document: bytes
    final: bool


class Slices:
    """Iterate for the slices of what *pieces* are when joined."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = _as_utf8(iter(pieces))
        # What has been read and not been cut off, its last piece apart: it is copied once only.
        self._kept, self._last = b"", b""
        self._more = True
        self._wider = False
        # Whether more stands on a line than is read of one.
        self.is_cut = False

    def widen(self) -> bool:
        """Have the last slice again with more behind it; False if it is as wide as it gets."""
        self._wider = self._size < MOST
        return self._wider

    @property
    def _size(self) -> int:
        return len(self._kept) + len(self._last)

    def __iter__(self) -> Iterator[Slice]:
        """Yield slice after slice."""
        self._fill(LEAST)
        self._join()
        form = form_of(self._kept)
        if form is None:
            if holds_records(self._kept):  # on one line, with other text between
                self._fill(MOST)
                self._join()
                self.is_cut = self._more
            yield Slice(self._kept, final=True)
            return
        prefix, first = b"", True  # the first slice has the head of the file's document in it
        while self._more:
            end, following = (0, 0) if form.table else form.cut(self._last)
            if not end:
                self._join()
                end, following = form.cut(self._kept)
                self._kept, self._last = b"", self._kept
            if not end and self._size < MOST:
                self._fill(2 * self._size)
                continue
            whole = bool(end)
            if not whole:  # another document perhaps, on another line
                end = following = self._last.rfind(b"\n") + 1 or len(self._last)
            parts = (
                prefix,
                self._kept,
                memoryview(self._last)[:end],
                form.suffix if whole else b"",
            )
            yield Slice(b"".join(parts), final=False)
            del parts
            if self._wider:
                self._wider = False
                self._join()
                self._fill(2 * self._size)
                continue
            self._kept, self._last = self._last[following:], b""
            prefix, first = form.prefix, False
            self._fill(LEAST)
            if not whole:
                self._join()
                form, prefix = form_of(self._kept) or _UNCUT, b""
        self._join()
        if first or self._kept.strip(_BLANK):
            yield Slice(prefix + self._kept, final=True)

    def _fill(self, least: int) -> None:
        """Read on until there are *least* bytes, or no more."""
        parts, size = [self._kept, self._last], self._size
        while size < least and self._more:
            piece = next(self._pieces, None)
            if piece is None:
                self._more = False
            else:
                parts.append(piece)
                size += len(piece)
        self._last = parts.pop()
        self._kept = b"".join(parts)

    def _join(self) -> None:
        self._kept, self._last = self._kept + self._last, b""


@dataclass(frozen=True, slots=True)
class Form:
    """How the records of a file follow each other, and what makes some of them a document.

    *mark* is how a record begins; empty where each line is one. In a *table* a line may go on
    within quotes.
    """

    prefix: bytes = b""
    suffix: bytes = b""
    mark: bytes = b""
    table: bool = False

    def cut(self, content: bytes) -> tuple[int, int]:
        """Return where the last whole record ends and where the next begins; zeros for nowhere."""
        if not self.mark:
            end = content.rfind(b"\n")
            while self.table and end > 0 and content.count(b'"', 0, end) % 2:
                end = content.rfind(b"\n", 0, end)
            return (end, end + 1) if end > 0 else (0, 0)
        begins = content.rfind(self.mark)
        while begins > 0:
            ends = begins - 1
            while ends > 0 and content[ends] in _BLANK:
                ends -= 1
            if content[ends] == _COMMA:
                return ends, begins
            begins = content.rfind(self.mark, 0, begins)
        return 0, 0


_COMMA = 0x2C
TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[{}\[\]]', re.DOTALL)
_BEGINNING = re.compile(rb'\[?\s*\{\s*"[^"\\]*"\s*:')
_ROW = re.compile(rb'\[\s*"')
_HEADER = re.compile(rb'\s*\{\s*"Data"\s*:\s*\[\s*\{\s*"VarCharValue"')
_USUAL = re.compile(rb'\s*(?:\{\s*"[^"\\]*"\s*:\s*)?\[\s*(?=\{)')


def form_of(head: bytes) -> Form | None:
    """Return how a file that begins with *head* goes on; None if that is no form of a log."""
    begun = head.lstrip(_BLANK)
    line, newline, _ = begun.partition(b"\n")
    if begun[:1] in (b"{", b"["):
        if newline and _is_json(line):
            return Form()
        return _list_in(head) or (Form() if newline else _UNCUT)
    if is_table(begun):
        return Form(prefix=header_of(begun), table=True)
    return Form() if newline and holds_records(begun) else None


_UNCUT = Form(mark=b"\n\0")  # nothing in JSON begins so


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def _list_in(head: bytes) -> Form | None:
    """Find the list of objects that goes on where *head* ends; None if there is none."""
    usual = _USUAL.match(head)
    if usual and (begins := _BEGINNING.match(head, usual.end())):
        suffix = b"]}" if b"{" in usual.group() else b"]"
        return Form(usual.group(), suffix, begins.group())
    opened: list[tuple[bytes, int, bytes]] = []  # bracket, where its content begins, first item
    for token in TOKENS.finditer(head):
        bracket = token.group()
        if bracket in (b"{", b"["):
            if opened and opened[-1][0] == b"[" and not opened[-1][2]:
                begins = _BEGINNING.match(head, token.start()) or _ROW.match(head, token.start())
                opened[-1] = (b"[", opened[-1][1], begins.group() if begins else b"")
            opened.append((bracket, token.end(), b""))
        elif bracket in (b"}", b"]") and opened:
            opened.pop()
    for depth, (_, start, mark) in enumerate(opened):
        if mark:
            closing = [b"}" if one == b"{" else b"]" for one, *_ in opened[: depth + 1]]
            return Form(head[: _header(head, start)], b"".join(reversed(closing)), mark)
    return None


def _header(head: bytes, start: int) -> int:
    """Return where the rows begin of the list at *start*, behind its header if it has one.

    The first row of an answer of Athena's GetQueryResults holds the names of the columns.
    """
    if not _HEADER.match(head, start):
        return start
    depth = 0
    for token in TOKENS.finditer(head, start):
        bracket = token.group()
        depth += (bracket in (b"{", b"[")) - (bracket in (b"}", b"]"))
        if not depth and bracket == b"}":
            comma = head.find(b",", token.end())
            return comma + 1 if comma > 0 else start
    return start


def _as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Bring UTF-16 and UTF-32, with a mark or without, to UTF-8."""
    first = next(pieces, b"")
    coding = json.detect_encoding(first)
    if coding.startswith("utf-8"):
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(coding)("replace")
    yield decoder.decode(first).encode("utf-8", "backslashreplace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "backslashreplace")
    yield decoder.decode(b"", final=True).encode("utf-8", "backslashreplace")
