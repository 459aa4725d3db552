"""The record of one incident: read whole, added to, and concluded from only where it is intact.

Its chain is the ledger's (:mod:`containment.ledger.chain`), in a file of the project or in the
ledger's bucket. A chain does not show what was cut off its end, so every head that an addition made
is remembered in ``record.heads`` beside it. Whoever may write both can write both anew: only a
bucket with object lock holds against them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from containment import files
from containment.clock import isoformat
from containment.errors import ConflictError, UnavailableError
from containment.ledger import chain, open_record_store
from containment.ledger.chain import Head
from containment.ledger.places import RECORDS
from containment.ledger.store import LedgerUnavailableError
from containment.spec.fields import incident_id
from containment.spec.problems import WrongError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.clock import Clock
    from containment.ledger import LedgerSettings, Store
    from containment.ledger.chain import Chain, Entry

Verdict = Literal["none", "intact", "broken", "cut", "unreadable"]
_HEADS = "record.heads"
_HEAD = re.compile(r"([1-9][0-9]{0,8}) ([0-9a-f]{64})")
_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """A record as it was read.

    Attributes:
        location: where it is.
        verdict: ``none`` where nothing was ever noted; ``cut`` where it does not have what it had.
        why: what is wrong, in words; empty where nothing is.
        entries: what it says; nothing where something is wrong, for nothing follows from it then.
        head: its length and the hash of its last line.
        concerns: what is wrong with the place it is in.
    """

    location: str
    verdict: Verdict
    why: str = ""
    entries: tuple[Entry, ...] = ()
    head: Head = field(default_factory=Head)
    concerns: tuple[str, ...] = ()

    @property
    def is_evidence(self) -> bool:
        """True where something may be concluded from it, or from there being none."""
        return self.verdict in {"none", "intact"}


class Record:
    """The record of *incident* in *store*; *root* is the project's folder."""

    def __init__(self, store: Store, incident: str, root: Path, *, now: Clock) -> None:
        self._store = store
        self._incident = incident
        self._root = root
        self._now = now

    def read(self) -> Reading:
        """Read it all and return how it stands, and what it says if it is evidence."""
        location = self._store.location
        try:
            lines = self._store.lines()
            concerns = tuple(self._store.concerns())
            heads = self._remembered()
        except (LedgerUnavailableError, UnavailableError) as error:
            return Reading(location, "unreadable", error.message)
        read = chain.read(lines or ())
        if why := read.broken or self._foreign(read):
            return Reading(location, "broken", why, head=read.head, concerns=concerns)
        if why := next((lack for head in heads if (lack := read.lacks(head))), None):
            return Reading(location, "cut", why, head=read.head, concerns=concerns)
        if not lines:
            return Reading(location, "none", concerns=concerns)
        return Reading(location, "intact", "", read.entries, read.head, concerns)

    def add(self, fields: Mapping[str, Any]) -> int:
        """Add an entry of *fields* and return its number.

        Raises:
            ConflictError: the record is not what was written to it.
            UnavailableError: its place cannot be read or written.
        """
        require_evidence(reading := self.read())
        if reading.verdict == "none":
            self._remember_nothing()
        entry = {**fields, "incident": self._incident, "at": isoformat(self._now())}
        head = self._store.append(lambda after: chain.line(entry, after))
        self._remember(head)
        return head.length

    def _foreign(self, read: Chain) -> str | None:
        """Return, in words, which entry is of another incident, if one is."""
        for entry in read.entries:
            if entry.get("incident") != self._incident:
                return f"entry {entry.get('n')} is of another incident: {entry.get('incident')}"
        return None

    def _remembered(self) -> list[Head]:
        path = self._root / RECORDS / self._incident / _HEADS
        try:
            content = files.read(path, _MOST_BYTES, within=self._root)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._heads_unavailable("read", error) from error
        matches = map(_HEAD.fullmatch, content.decode("ascii", errors="replace").splitlines())
        return [Head(int(match[1]), match[2]) for match in matches if match]

    def _remember_nothing(self) -> None:
        """See that heads can be remembered, before the first entry is made."""
        self._append_head(b"")

    def _remember(self, head: Head) -> None:
        self._append_head(f"{head.length} {head.sha256}\n".encode())

    def _append_head(self, line: bytes) -> None:
        below = Path(RECORDS, self._incident, _HEADS)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            descriptor = files.open_below(self._root, below, flags)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._heads_unavailable("written", error) from error

    def _heads_unavailable(self, deed: str, error: OSError) -> UnavailableError:
        why = files.LINK if files.is_of_link(error) else error.strerror or str(error)
        return UnavailableError(
            f"{RECORDS}/{self._incident}/{_HEADS} cannot be {deed}: {why}",
            remedy="see who put it there, make room, or mend its permissions",
        )


def require_evidence(reading: Reading) -> None:
    """Refuse to go on where nothing may be concluded from *reading*.

    Raises:
        ConflictError: the record was changed.
        UnavailableError: it cannot be read.
    """
    if reading.is_evidence:
        return
    if reading.verdict == "unreadable":
        raise UnavailableError(reading.why, remedy="mend the place, and run it again")
    raise ConflictError(
        f"the record {reading.location} is {reading.verdict}: {reading.why}",
        remedy="put back what was written, or keep it aside with record.heads and note anew",
    )


def open_record(settings: LedgerSettings, root: Path, incident: str, *, now: Clock) -> Record:
    """Return the record of *incident* in the project at *root*.

    Raises:
        SpecError: *incident* can name none.
    """
    try:
        name = incident_id(incident)
    except WrongError as error:
        raise error.as_spec_error() from error
    return Record(open_record_store(settings, root, name), name, root, now=now)
