"""The form of a ledger: one JSON document a line, each with the hash of the line before.

A line is canonical JSON (ASCII, sorted keys, no white space), holds its own number ``n`` and, as
``prev``, the SHA-256 of the bytes of the line before it: 64 zeros in the first. So nothing can be
changed, put in, taken out or moved without a break that names the place; what was cut off the end
shows to whoever remembers a length and a hash.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Entry = dict[str, Any]

NOTHING = "0" * 64
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many lines it has, and the hash of the last."""

    length: int = 0
    sha256: str = NOTHING

    def __str__(self) -> str:
        """Return it for people, the hash shortened."""
        return f"{self.length} entries, head {self.sha256[:_SHOWN]}"


def line(entry: Mapping[str, Any], after: Head) -> bytes:
    """Return *entry* as the line that follows *after*, without its end."""
    numbered = {**entry, "n": after.length + 1, "prev": after.sha256}
    return json.dumps(numbered, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def following(after: Head, written: bytes) -> Head:
    """Return the head once the line *written* stands behind *after*."""
    return Head(after.length + 1, sha256(written).hexdigest())


@dataclass(frozen=True, slots=True)
class Chain:
    """A ledger as it was read.

    Attributes:
        entries: those up to the first break.
        heads: the head after every line; one more than there are lines.
        torn: numbers of lines that a crash cut off while they were written; no change follows from
            them, because a change is sent after its line is safe.
        broken: which entry does not follow from the one before and what differs; None if all do.
    """

    entries: tuple[Entry, ...] = ()
    heads: tuple[Head, ...] = (Head(),)
    torn: tuple[int, ...] = ()
    broken: str | None = None

    @property
    def head(self) -> Head:
        """The end of the chain, broken or not."""
        return self.heads[-1]

    def lacks(self, remembered: Head) -> str | None:
        """Return what of a ledger that once ended with *remembered* is not here, if anything."""
        if remembered.length > self.head.length:
            return (
                f"it has {self.head.length} entries and had {remembered.length}:"
                f" {remembered.length - self.head.length} were cut off its end"
            )
        here = self.heads[remembered.length]
        if here.sha256 != remembered.sha256:
            return (
                f"entry {remembered.length} has the hash {here.sha256[:_SHOWN]}… and had"
                f" {remembered.sha256[:_SHOWN]}…: it was replaced from there or earlier on"
            )
        return None


def read(lines: Iterable[bytes]) -> Chain:
    """Return the chain that *lines* are, read to their end whatever is in them."""
    entries: list[Entry] = []
    heads = [Head()]
    torn: list[int] = []
    broken: str | None = None
    for written in lines:
        before = heads[-1]
        heads.append(following(before, written))
        entry = parse(written)
        if entry is None:
            torn.append(heads[-1].length)
        elif broken is None and (broken := _break(entry, before)) is None:
            entries.append(entry)
    return Chain(tuple(entries), tuple(heads), tuple(torn), broken)


def parse(written: bytes) -> Entry | None:
    """Return the entry that a line holds, or None if it holds none."""
    try:
        entry = json.loads(written)
    except (ValueError, RecursionError):
        return None
    return cast("Entry", entry) if isinstance(entry, dict) else None


def _break(entry: Entry, before: Head) -> str | None:
    expected = before.length + 1
    if entry.get("n") != expected:
        return (
            f"entry {expected} says it is entry {entry.get('n')}: something before it was taken"
            " out or put in"
        )
    if entry.get("prev") != before.sha256:
        stated = str(entry.get("prev"))[:_SHOWN]
        return (
            f"entry {expected} follows a line with the hash {stated}… and line {before.length} has"
            f" {before.sha256[:_SHOWN]}…: line {before.length} was changed, or {expected} put there"
        )
    return None
