"""The fact index: for every log file, what it says about identities, and a way to find it again.

A file's facts are kept packed, beside the checksums of every name in it. A question unpacks only
the files whose checksums meet its names; a checksum that meets by chance costs time, never truth,
for the facts themselves are compared by name.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from containment.trail.facts import Fact, FileFacts, Use, caller_tokens, fact_tokens
from containment.trail.files import FileReport  # noqa: TC001 -- msgspec reads it at run time
from containment.trail.inflate import crc32, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

_facts = msgspec.msgpack.Decoder(FileFacts)
_FEW = 32
_AT_HAND = 128  # files; a few hundred kilobytes each
_SMALL = 1 << 20  # packed; some 100,000 records


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One file in the index."""

    report: FileReport
    stamp: tuple[int, int, int]  # size and times before it was read
    names: bytes  # sorted checksums, four bytes each
    packed: bytes
    places: list[tuple[str, str]]


@dataclass(slots=True)
class Found:
    """What a lookup brought."""

    facts: list[Fact]
    uses: list[Use]


def entry_of(report: FileReport, stamp: tuple[int, int, int], facts: FileFacts) -> Entry:
    """Pack *facts* of the file that *report* is about."""
    names: set[str] = set()
    callers = {use.caller for use in facts.uses}
    callers.update([fact.caller for fact in facts.facts])
    for caller in callers:
        names.update(caller_tokens(caller))
    for fact in facts.facts:
        names.update(fact_tokens(fact))
    sums = array("I", sorted(_checksums(names)))
    return Entry(
        report=report,
        stamp=stamp,
        names=sums.tobytes(),
        packed=pack(msgspec.msgpack.encode(facts)),
        places=facts.places,
    )


def checksum(name: str) -> int:
    """Return the four-byte checksum under which *name* is looked up."""
    return crc32(name.encode("utf-8", "backslashreplace"))


def _checksums(names: AbstractSet[str]) -> set[int]:
    """Return the checksum of each of *names*, encoded at one go where none has a NUL in it."""
    encoded = "\0".join(names).encode("utf-8", "backslashreplace").split(b"\0")
    return set(map(crc32, encoded)) if len(encoded) == len(names) else set(map(checksum, names))


class Store:
    """All files of a trace, in the order of their paths."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.report.path)
        self._open: dict[int, dict[str, list[Fact | Use]]] = {}
        self._sums = [memoryview(entry.names).cast("I") for entry in self.entries]

    def files_with(self, names: AbstractSet[str]) -> list[int]:
        """Return the numbers of the files that may hold one of *names*."""
        sums = {checksum(name) for name in names}
        if len(sums) > _FEW:
            return [i for i, held in enumerate(self._sums) if not sums.isdisjoint(held)]
        return [i for i, held in enumerate(self._sums) if any(_in(held, one) for one in sums)]

    @property
    def small(self) -> bool:
        """Whether all of it fits in memory with ease, so that nothing need be looked up."""
        return sum(len(entry.packed) for entry in self.entries) <= _SMALL

    def everything(self) -> Found:
        """Return every fact and use."""
        found = Found([], [])
        for entry in self.entries:
            facts = _facts.decode(unpack(entry.packed))
            found.facts += facts.facts
            found.uses += facts.uses
        return found

    def lookup(self, names: AbstractSet[str]) -> Found:
        """Return every fact and use that bears one of *names*."""
        facts: dict[int, Fact] = {}
        uses: dict[int, Use] = {}
        for number in self.files_with(names):
            held = self._opened(number)
            for name in held.keys() & names:
                for item in held[name]:
                    if isinstance(item, Fact):
                        facts[id(item)] = item
                    else:
                        uses[id(item)] = item
        return Found(list(facts.values()), list(uses.values()))

    def _opened(self, number: int) -> dict[str, list[Fact | Use]]:
        """Return what a file contributes by name; those asked for last are kept at hand."""
        held = self._open.pop(number, None)
        if held is None:
            held = _by_name(_facts.decode(unpack(self.entries[number].packed)))
        self._open[number] = held
        if len(self._open) > _AT_HAND:
            del self._open[next(iter(self._open))]
        return held


def _by_name(contributed: FileFacts) -> dict[str, list[Fact | Use]]:
    held: dict[str, list[Fact | Use]] = {}
    for use in contributed.uses:
        for name in caller_tokens(use.caller):
            held.setdefault(name, []).append(use)
    for fact in contributed.facts:
        for name in caller_tokens(fact.caller) + fact_tokens(fact):
            held.setdefault(name, []).append(fact)
    return held


def _in(held: memoryview, one: int) -> bool:
    at = bisect_left(held, one)
    return at < len(held) and held[at] == one
