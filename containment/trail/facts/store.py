"""The fact index: for every log file, what it says about identities, and a way to find it again.

A file's facts are kept packed, beside the checksums of every name in it. A question unpacks only
the files whose checksums meet its names; a checksum that meets by chance costs time, never truth,
for the facts themselves are compared by name.
"""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from containment.errors import UnavailableError
from containment.trail.facts.fact import Fact, FileFacts, Use, caller_tokens, fact_tokens
from containment.trail.logs.files import FileReport  # noqa: TC001 -- msgspec reads it at run time
from containment.trail.logs.inflate import crc32, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

_facts = msgspec.msgpack.Decoder(FileFacts)
_FEW = 32
_IN_MEMORY = 1 << 23
_AT_HAND = 128  # files; a few hundred kilobytes each
_SMALL = 1 << 20  # packed; some 100,000 records


# What the index of entries begins with; another number for another shape of them.
VERSION = b"containment-trail-index 7\n"


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One file in the index."""

    report: FileReport
    stamp: tuple[int, int, int]  # size and times before it was read
    names: bytes  # sorted checksums, four bytes each
    packed: bytes
    places: list[tuple[str, str]]


@dataclass(slots=True)
class Contributions:
    """The facts and uses that a lookup returned."""

    facts: list[Fact]
    uses: list[Use]


def entry_of(report: FileReport, stamp: tuple[int, int, int], facts: FileFacts) -> Entry:
    """Pack *facts* of the file that *report* is about."""
    names: set[str] = set()
    # A caller is one object in each of its records; to compare it costs more than to look it up.
    callers = {id(use.caller): use.caller for use in facts.uses}
    callers.update([(id(fact.caller), fact.caller) for fact in facts.facts])
    for caller in callers.values():
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


@dataclass(slots=True)
class Kept:
    """What is kept in memory of a file's entry; the facts themselves are on disk."""

    report: FileReport
    places: list[tuple[str, str]]
    sums: memoryview
    offset: int
    size: int


class Store:
    """All files of a trace, in the order of their paths; close it when it is not needed any more.

    Raises:
        UnavailableError: there is no room for the facts.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        # Closed by close(): it lives as long as the store does.
        self._packed = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            _IN_MEMORY, prefix="containment-trail-"
        )
        self._open: dict[int, dict[str, list[Fact | Use]]] = {}
        kept: dict[str, Kept] = {}
        try:
            for entry in entries:
                kept[entry.report.path] = self._keep(entry)
        except BaseException:
            self.close()
            raise
        self.files = [kept[path] for path in sorted(kept)]

    def _keep(self, entry: Entry) -> Kept:
        offset = self._packed.tell()
        try:
            self._packed.write(entry.packed)
        except OSError as error:
            raise UnavailableError(
                f"the facts cannot be kept in {tempfile.gettempdir()}: {error.strerror}",
                remedy="free some room, or name another folder in TMPDIR",
            ) from error
        sums = memoryview(entry.names).cast("I")
        return Kept(entry.report, entry.places, sums, offset, len(entry.packed))

    def close(self) -> None:
        """Remove the facts from disk."""
        self._packed.close()

    def files_with(self, names: AbstractSet[str]) -> list[int]:
        """Return the numbers of the files that may hold one of *names*."""
        sums = {checksum(name) for name in names}
        if len(sums) > _FEW:
            return [i for i, kept in enumerate(self.files) if not sums.isdisjoint(kept.sums)]
        return [i for i, kept in enumerate(self.files) if any(_in(kept.sums, one) for one in sums)]

    @property
    def small(self) -> bool:
        """True if all facts fit in memory with ease, so that nothing need be looked up."""
        return sum(kept.size for kept in self.files) <= _SMALL

    def everything(self) -> Contributions:
        """Return every fact and use."""
        contributions = Contributions([], [])
        for kept in self.files:
            facts = self._facts_of(kept)
            contributions.facts += facts.facts
            contributions.uses += facts.uses
        return contributions

    def lookup(self, names: AbstractSet[str]) -> Contributions:
        """Return every fact and use that bears one of *names*."""
        facts: dict[int, Fact] = {}
        uses: dict[int, Use] = {}
        for number in self.files_with(names):
            items = self._opened(number)
            for name in items.keys() & names:
                for item in items[name]:
                    if isinstance(item, Fact):
                        facts[id(item)] = item
                    else:
                        uses[id(item)] = item
        return Contributions(list(facts.values()), list(uses.values()))

    def _opened(self, number: int) -> dict[str, list[Fact | Use]]:
        """Return what a file contributes by name; those asked for last are kept at hand."""
        items = self._open.pop(number, None)
        if items is None:
            items = _by_name(self._facts_of(self.files[number]))
        self._open[number] = items
        if len(self._open) > _AT_HAND:
            del self._open[next(iter(self._open))]
        return items

    def _facts_of(self, kept: Kept) -> FileFacts:
        self._packed.seek(kept.offset)
        return _facts.decode(unpack(self._packed.read(kept.size)))


def _by_name(contributed: FileFacts) -> dict[str, list[Fact | Use]]:
    items: dict[str, list[Fact | Use]] = {}
    for use in contributed.uses:
        for name in caller_tokens(use.caller):
            items.setdefault(name, []).append(use)
    for fact in contributed.facts:
        for name in caller_tokens(fact.caller) + fact_tokens(fact):
            items.setdefault(name, []).append(fact)
    return items


def _in(sums: memoryview, one: int) -> bool:
    place = bisect_left(sums, one)
    return place < len(sums) and sums[place] == one
