"""Giving principals back by the ledger alone: no engine runs, and nobody needs its state.

The ledger stands in for the state here, so it is one witness and cannot be its own second one. What
is marked as ours on the principal is taken away as a lift does it. What has no mark of its own, a
key's status and an attachment, comes back where the claim on the principal says the same; where the
claim is gone, somebody has to decide, for whoever may write one file must not switch keys on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.aws.faults import explain
from containment.errors import ConflictError, ContainmentError, NotFoundError
from containment.identities import parse_principal
from containment.ledger import entries
from containment.lifecycle import evidence
from containment.lifecycle.snapshot import Snapshot
from containment.run.state import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.facets.facet import Changes
    from containment.identities import Principal
    from containment.ledger import Journal
    from containment.ledger.chain import Entry
    from containment.ledger.entries import Open
    from containment.lifecycle.context import Severity
    from containment.lifecycle.workplace import Workplace

_ADOPT = " take the containment over with 'containment adopt' and lift that"

Result = Literal["given back", "gone", "nothing is live", "not given back"]


@dataclass(frozen=True, slots=True)
class Owed:
    """A principal whose release is not on record, and what a lift of it would do.

    Attributes:
        snapshot: how it was, in the words of the state.
        changed: what the ledger says was changed under the snapshot.
        is_deleted: True where its unique id is no more.
        will: what would be done, in words.
        conflicts: what would not, and why.
    """

    snapshot: Recorded
    changed: Changes = field(default_factory=dict[str, "Sequence[str | None]"])
    is_deleted: bool = False
    will: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def principal(self) -> str:
        """Its ARN when the snapshot was taken."""
        return self.snapshot.state.principal

    @property
    def idle(self) -> bool:
        """True where nothing is to be done but to put the release on record."""
        return not self.will and not self.conflicts


@dataclass(slots=True)
class Restoration:
    """What was done for one principal; *problem* says why it is not all."""

    owed: Owed
    result: Result
    lines: list[str] = field(default_factory=list[str])
    problem: ContainmentError | None = None


def verified_entries(journal: Journal) -> tuple[Entry, ...]:
    """Return the entries of a ledger that is whole.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is broken or shorter than a state remembers; says where.
        ContainmentError: it cannot be read.
    """
    inspection, read = journal.read()
    if inspection.verdict == "missing":
        raise NotFoundError(
            f"there is no ledger at {inspection.location}",
            remedy="name its place with '--from-ledger PLACE', or take the containment over with"
            " 'containment adopt'",
        )
    if inspection.verdict != "intact":
        raise ConflictError(
            inspection.why,
            remedy="restore the ledger from a copy, or take the containment over with"
            " 'containment adopt', which asks only what is live",
        )
    return read.entries


def by_ledger(workplace: Workplace) -> str:
    """Return the rest of a remedy: how to give back by the ledger alone, where it knows of some."""
    read = workplace.ledger().journal_of(workplace.incident).evidence()
    if read is None or not entries.open_snapshots(read.entries):
        return ""
    return (
        "; or, to give back by the ledger alone, run"
        f" 'containment restore --from-ledger --incident {workplace.incident}'"
    )


def principals(ledger_entries: Sequence[Entry]) -> list[Principal]:
    """Return everybody whose release is not on record."""
    return [parse_principal(item.principal) for item in entries.open_snapshots(ledger_entries)]


def owed(ledger_entries: Sequence[Entry], workplace: Workplace) -> list[Owed]:
    """Return every principal whose release is not on record, as it stands. Nothing is changed.

    Raises:
        ContainmentError: AWS cannot be asked, or an entry is of a version that is not known.
    """
    return [
        _owed(item, ledger_entries, workplace) for item in entries.open_snapshots(ledger_entries)
    ]


def give_back(item: Owed, workplace: Workplace) -> Restoration:
    """Lift what is ours on one principal, and put its release on record.

    What is done is reported as far as it came, whatever ends it.
    """
    restoration = Restoration(item, "not given back")

    def say(_severity: Severity, message: str) -> None:
        restoration.lines.append(message)

    state: Any = item.snapshot.state
    context = workplace.context(state.target.account, say)
    action = PrincipalSnapshot(context)
    try:
        action.finish(state, item.changed)
        action.released(state)
    except ContainmentError as error:
        restoration.problem = _here(error, state.incident)
    except (ClientError, BotoCoreError) as error:
        restoration.problem = explain(f"giving {item.principal} back", error)
    else:
        restoration.result = (
            "gone" if item.is_deleted else "nothing is live" if item.idle else "given back"
        )
    return restoration


def _here(error: ContainmentError, incident: str) -> ContainmentError:
    """Return *error* with the way out that this verb has: it lifts without the engine."""
    error.take_steps(
        {
            "lift": f"containment restore --from-ledger --incident {incident}",
            "apply-then-lift": "write it there as it was applied, or" + _ADOPT,
        }
    )
    return error


def _owed(item: Open, ledger_entries: Sequence[Entry], workplace: Workplace) -> Owed:
    state = _state(item)
    snapshot = Recorded(item.principal, PrincipalSnapshot, state)
    changed = entries.changes(ledger_entries, state.principal_id, state.snapshot_id)
    context = workplace.context(state.target.account)
    live = context.locate(state, state.principal_id)
    if live is None:
        return Owed(snapshot, changed, is_deleted=True)
    action = PrincipalSnapshot(context)
    plan = action.lift_plan(state, live, evidence.terms(context, state, changed=changed))
    will = [f"under this snapshot now: {', '.join(plan.leftovers)}"] if plan.leftovers else []
    conflicts = [str(conflict) for conflict in plan.conflicts]
    try:
        action.gate.require_liftable(state, plan)
    except ContainmentError as error:
        conflicts.insert(0, str(_here(error, state.incident)))
    return Owed(
        snapshot,
        changed,
        will=tuple(f"{live}: {text}" for text in (*will, *plan.will)),
        conflicts=tuple(conflicts),
    )


def _state(item: Open) -> Snapshot:
    fields = Snapshot.model_fields
    field_names = {field.alias or name for name, field in fields.items()}
    try:
        return Snapshot.model_validate(
            {name: value for name, value in item.facts.items() if name in field_names}
        )
    except ValidationError as error:
        raise ConflictError(
            f"the ledger's snapshot of {item.principal} cannot be read by this version of"
            " containment",
            remedy="use the version that wrote it",
        ) from error
