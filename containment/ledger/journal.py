"""One incident's ledger as a run works with it: written to, inspected, asked.

Doubt about it never blocks containing: where it cannot be written, that is said once and the work
goes on. It blocks lifting: what is lifted has to be on record first. What it says is a hint that is
checked against live, and none at all where its chain is broken or shorter than the state remembers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from queue import Empty, Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from containment.clock import isoformat
from containment.errors import LIFT, RefusedError
from containment.ledger import chain, entries, shape
from containment.ledger.chain import Chain, Head
from containment.ledger.store import LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from containment.clock import Clock
    from containment.ledger.store import Store

Verdict = Literal["intact", "missing", "broken", "cut", "elsewhere", "unreadable"]
Answer = TypeVar("Answer")

# The next deny waits no longer than this, and only once: a place that did not answer is let be.
_PATIENCE_S = 2.0
# To read is to fetch every entry once; a place that is not there says so sooner by itself.
_PATIENCE_READING_S = 5.0
_PATIENCE_LIFTING_S = 15.0
_PATIENCE_STANDING_BY_S = 60.0
_REST_S = 60.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """Which ledger the state knows, and how far it had got."""

    location: str
    head: Head


@dataclass(frozen=True, slots=True)
class Inspection:
    """How a ledger stands against what the state remembers of it; only an intact one is evidence.

    Attributes:
        location: where it is.
        verdict: ``elsewhere`` is one that goes on for another, which the state knows.
        head: its length and the hash of its last line.
        why: what is wrong, in words; empty where nothing is.
        torn: lines that a crash cut off while they were written.
        unfinished: changes whose outcome nobody wrote down.
        concerns: what is wrong with the place it is in.
    """

    location: str
    verdict: Verdict
    head: Head = field(default_factory=Head)
    why: str = ""
    torn: tuple[int, ...] = ()
    unfinished: tuple[int, ...] = ()
    concerns: tuple[str, ...] = ()


class Journal:
    """The ledger of one incident, in one place; evidence only where it is *believed*.

    Who is *patient* waits longer to read it: nobody is contained meanwhile.
    """

    def __init__(
        self,
        store: Store,
        incident: str,
        *,
        now: Clock,
        say: Callable[[str], None],
        believed: bool = True,
        patient: bool = False,
    ) -> None:
        self._store = store
        self._believed = believed
        self._reading_s = _PATIENCE_STANDING_BY_S if patient else _PATIENCE_READING_S
        self._parsed: tuple[Sequence[bytes], Chain] = ((), Chain())
        self._strange: tuple[str, ...] = ()
        self._incident = incident
        self._now = now
        self._say = say
        self._lock = Lock()
        self._announced: set[str] = set()
        self._missed = 0
        self._no_write_until = 0.0
        self._no_read_until = 0.0
        self._remembered: Remembered | None = None
        self._last: Head | None = None
        self._begun = False
        self._beginning = Lock()
        self._looked_at_place = False

    @property
    def location(self) -> str:
        """Where it is kept."""
        return self._store.location

    def warn(self, message: str, *, about: str = "") -> None:
        """Say *message*, once in a run; of several *about* one thing, the first."""
        key = about or message
        with self._lock:
            new = key not in self._announced
            self._announced.add(key)
        if new:
            self._say(message)

    def write(self, kind: str, fields: Mapping[str, Any], *, required: bool) -> int | None:
        """Add an entry and return its number; None where it could not be written.

        Raises:
            RefusedError: it could not, and was *required*.
        """
        if not required and time.monotonic() < self._no_write_until:
            self._missed += 1
            return None
        try:
            self._begin(required=required)
            return self._append(kind, fields, required=required).length
        except LedgerUnavailableError as error:
            self._no_write_until = time.monotonic() + _REST_S
            self._missed += 1
            if required:
                raise RefusedError(
                    f"{error.message}, so the lift is not made: nobody could prove it later",
                    remedy=f"{error.remedy} (then 'pulumi up' before '{LIFT}')",
                ) from error
            self.warn(
                f"{error.message}: containing goes on without a record, and nothing is lifted"
                " until there is one"
            )
            return None

    def expect(self, remembered: Remembered) -> None:
        """Count this ledger as evidence only if it holds what the state remembers."""
        with self._lock:
            before = self._remembered
            if before is None or remembered.head.length >= before.head.length:
                self._remembered = remembered

    def inspect(self) -> Inspection:
        """Read it all and return how it stands."""
        return self.read()[0]

    def read(self) -> tuple[Inspection, Chain]:
        """Read it all and return how it stands, and what it says up to the first break."""
        location = self._store.location
        if time.monotonic() < self._no_read_until:
            why = f"the ledger {location} did not answer a moment ago"
            return Inspection(location, "unreadable", why=why), Chain()
        try:
            lines = self._bounded(self._store.lines, self._reading_s)
            concerns = tuple(self._bounded(self._store.concerns, self._reading_s))
        except LedgerUnavailableError as error:
            self._no_read_until = self._no_write_until = time.monotonic() + _REST_S
            return Inspection(location, "unreadable", why=error.message), Chain()
        if lines is None:
            return Inspection(location, "missing", why=self._missing(location)), Chain()
        if self._parsed[0] != lines:
            whole = chain.read(lines)
            # Several incidents may share one file; each is told what is its own.
            own = [entry for entry in whole.entries if entry.get("incident") == self._incident]
            proper, self._strange = shape.proper(own)
            self._parsed = (lines, replace(whole, entries=proper))
        read = self._parsed[1]
        verdict, why = self._judged(location, read)
        concerns = (*concerns, *self._strange, *_goes_on_for(read))
        concerns = (*concerns, *entries.contradictions(read.entries))
        unfinished = tuple(int(entry["n"]) for entry in entries.without_outcome(read.entries))
        return (
            Inspection(location, verdict, read.head, why, read.torn, unfinished, concerns),
            read,
        )

    def evidence(self) -> Chain | None:
        """Return the chain, or None where it is no evidence."""
        if not self._believed:
            return None
        inspection, read = self.read()
        return read if inspection.verdict == "intact" else None

    @property
    def locked(self) -> bool:
        """True where nobody can take an entry out or replace it: it is a witness of its own."""
        if not self._believed:
            return False
        try:
            return self._bounded(self._store.locked, self._reading_s)
        except LedgerUnavailableError:
            return False

    def remember(self) -> Remembered | None:
        """Return what the state is to remember of this ledger: its head, never an older one.

        Where it does not hold what the state remembers, that stands, and what is wrong is said.
        """
        inspection = self.inspect()
        for concern in inspection.concerns:
            self.warn(f"the ledger {inspection.location}: {concern}")
        if inspection.verdict == "intact":
            return Remembered(inspection.location, inspection.head)
        if inspection.why:
            self.warn(inspection.why, about=inspection.verdict)
        return self._remembered

    def written(self) -> Remembered | None:
        """Return what the state is to remember after a write, without reading anything."""
        if self._remembered is None and self._last is not None:
            return Remembered(self.location, self._last)
        return self._remembered

    def _begin(self, *, required: bool) -> None:
        """Write, where another ledger is known, which one this goes on for."""
        remembered = self._remembered
        if remembered is None:
            return
        with self._beginning:
            if not self._begun and not self._bounded(self._store.lines, self._reading_s):
                head = {"length": remembered.head.length, "head": remembered.head.sha256}
                continued = {"location": remembered.location, **head}
                self._append("continued", {"of": continued}, required=required)
            self._begun = True

    def _append(self, kind: str, fields: Mapping[str, Any], *, required: bool) -> Head:
        entry = {
            **fields,
            "kind": kind,
            "incident": self._incident,
            "at": isoformat(self._now()),
        }
        if missed := self._missed:
            entry["missed"] = missed
        head = self._bounded(
            lambda: self._store.append(lambda after: chain.line(entry, after)),
            _PATIENCE_LIFTING_S if required else _PATIENCE_S,
        )
        self._missed -= missed
        self._last = head
        if kind == "outcome" and not self._looked_at_place:
            self._look_at_place()
        return head

    def _look_at_place(self) -> None:
        """Say once what is wrong with the place, now that something is contained already."""
        self._looked_at_place = True
        try:
            concerns = self._bounded(self._store.concerns, _PATIENCE_S)
        except LedgerUnavailableError:
            return
        for concern in concerns:
            self.warn(f"the ledger {self.location}: {concern}")

    def _missing(self, location: str) -> str:
        if self._remembered is None:
            return ""
        remembered = self._remembered
        return (
            f"the ledger {remembered.location} ({remembered.head}) is not at {location}: it is on"
            " the machine that wrote it, or was deleted; a lift relies on the state and the claims"
        )

    def _judged(self, location: str, read: Chain) -> tuple[Verdict, str]:
        consequence = "it is no evidence, and a lift relies on the state and the claims alone"
        if read.broken:
            return "broken", f"the ledger {location} is broken: {read.broken}; {consequence}"
        remembered = self._remembered
        lack = read.lacks(remembered.head) if remembered else None
        if remembered is None or lack is None:
            return "intact", ""
        if read.entries and read.entries[0].get("kind") == "continued":
            return "elsewhere", (
                f"the ledger {location} goes on for one at {remembered.location}"
                f" ({remembered.head}) that is not here; {consequence}"
            )
        return (
            "cut",
            f"the ledger {location} is not what the state remembers: {lack}; {consequence}",
        )

    def _bounded(self, call: Callable[[], Answer], patience_s: float) -> Answer:
        """Return what *call* returns, if it does in time: a place may hang without an error."""
        answers: Queue[tuple[Answer | None, BaseException | None]] = Queue(1)

        def work() -> None:
            try:
                answers.put((call(), None))
            except BaseException as error:  # noqa: BLE001 -- raised again below
                answers.put((None, error))

        Thread(target=work, daemon=True).start()
        try:
            answer, error = answers.get(timeout=patience_s)
        except Empty:
            self._no_read_until = self._no_write_until = time.monotonic() + _REST_S
            raise LedgerUnavailableError(
                f"the ledger {self.location} does not answer within {patience_s:g} s",
                remedy="see what holds it up, or name another 'ledger' in containment.yaml",
            ) from None
        if error is not None:
            raise error
        return answer  # type: ignore[return-value]


def _goes_on_for(read: Chain) -> list[str]:
    first = read.entries[0] if read.entries else {}
    if first.get("kind") != "continued":
        return []
    continued = first.get("of") or {}
    other = f"the one of {continued.get('length')} entries that was at {continued.get('location')}"
    return [f"it goes on for {other} on another machine, and what that one says is not known here"]
