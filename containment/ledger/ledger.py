"""The ledgers of one place, one an incident: what the actions are handed."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from containment.clock import isoformat, utc_now
from containment.ledger import entries
from containment.ledger.journal import Journal
from containment.ledger.store import Nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from containment.aws.recording import Change, Outcome
    from containment.clock import Clock
    from containment.ledger.store import Store


class Ledger:
    """Keeps the record of every change, and answers what was before it.

    Where it is not *believed* it keeps the record and answers nothing.
    """

    def __init__(
        self,
        open_store: Callable[[str], Store],
        *,
        now: Clock,
        say: Callable[[str], None],
        believed: bool = True,
        patient: bool = False,
    ) -> None:
        self._believed = believed
        self._patient = patient
        self._open_store = open_store
        self._now = now
        self._say = say
        self._journals: dict[str, Journal] = {}
        self._lock = Lock()

    def journal_of(self, incident: str) -> Journal:
        """Return the ledger of *incident*."""
        with self._lock:
            if incident not in self._journals:
                store = self._open_store(incident)
                self._journals[incident] = Journal(
                    store,
                    incident,
                    now=self._now,
                    say=self._say,
                    believed=self._believed,
                    patient=self._patient,
                )
            return self._journals[incident]

    def open_snapshots(self, incident: str) -> list[entries.Open]:
        """Return the snapshots of *incident* that no release followed, oldest first.

        None of them where its ledger is missing, broken or shorter than the state remembers.
        """
        evidence = self.journal_of(incident).evidence()
        return entries.open_snapshots(evidence.entries) if evidence else []

    def prior(
        self, incident: str, unique_id: str, facet: str, snapshot_id: str | None = None
    ) -> str | None:
        """Return what *facet* of a principal was before *incident* changed anything.

        A facet is named by the functions of :mod:`containment.aws.recording`: a key's status, an
        attachment (``attached`` or ``detached``), the trust policy. None where the ledger is
        missing, broken, shorter than the state remembers, or does not say.

        Args:
            incident: whose ledger is asked.
            unique_id: the principal's.
            facet: which facet.
            snapshot_id: by which snapshot; the last one that was taken where it is None.
        """
        evidence = self.journal_of(incident).evidence()
        if evidence is None:
            return None
        return entries.prior(evidence.entries, unique_id, facet, snapshot_id)

    def decide(self, incident: str, **what: str) -> None:
        """Write down a decision that somebody made, before it is carried out.

        Raises:
            RefusedError: it cannot be written.
        """
        self.journal_of(incident).write("decision", what, required=True)

    def recorder(
        self,
        incident: str,
        snapshot_id: str | None,
        operator: Callable[[], str],
        *,
        lifting: bool = False,
    ) -> IncidentRecorder:
        """Return what is told of changes made for *incident*.

        While *lifting* a change that cannot be written down is refused.
        """
        return IncidentRecorder(self.journal_of(incident), snapshot_id, operator, required=lifting)


def unkept() -> Ledger:
    """Return a ledger that keeps nothing, for work that nobody asked to record."""
    return Ledger(lambda _incident: Nowhere(), now=utc_now, say=lambda _message: None)


class IncidentRecorder:
    """Writes an intent before every change and its outcome after it."""

    def __init__(
        self,
        journal: Journal,
        snapshot_id: str | None,
        operator: Callable[[], str],
        *,
        required: bool,
    ) -> None:
        self._journal = journal
        self._snapshot_id = snapshot_id
        self._operator = operator
        self._required = required

    def begin(self, change: Change) -> Callable[[Outcome], None]:
        what: dict[str, Any] = {
            "operation": change.operation,
            "principal": change.principal,
            "unique_id": change.unique_id,
            "facet": change.facet,
            "after": change.after,
            "snapshot_id": self._snapshot_id,
            "operator": self._operator(),
        }
        if change.read:
            what["before"] = change.before
        number = self._journal.write("intent", what, required=self._required)
        return partial(self._finish, what, number)

    def _finish(self, what: Mapping[str, Any], number: int | None, outcome: Outcome) -> None:
        # Where the intent could not be written, its outcome says all that it would have said.
        entry: dict[str, Any] = {"of": number} if number is not None else dict(what)
        entry["result"] = outcome.result
        if outcome.code:
            entry["code"] = outcome.code
        if outcome.request_id:
            entry["request_id"] = outcome.request_id
        if outcome.answered_at:
            entry["aws_at"] = isoformat(outcome.answered_at)
        self._journal.write("outcome", entry, required=False)
