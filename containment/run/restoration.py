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

from containment.actions import deny_policy, inactive_credentials, principal_snapshot
from containment.aws import recording
from containment.aws.faults import explain
from containment.errors import ConflictError, ContainmentError, NotFoundError
from containment.facets import attachment, credentials, leftovers, marks, overlap, returning
from containment.identities import parse_principal
from containment.ledger import entries
from containment.lifecycle import evidence
from containment.run import forecast
from containment.run.state import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.identities import Principal
    from containment.ledger import Journal
    from containment.ledger.chain import Entry
    from containment.ledger.entries import Open
    from containment.lifecycle.context import Context, Severity
    from containment.lifecycle.workplace import Workplace

_ADOPT = " take the containment over with 'containment adopt' and lift that"

Result = Literal["given back", "gone", "nothing is live", "not given back"]


@dataclass(frozen=True, slots=True)
class Owed:
    """A principal whose release is not on record, and what a lift of it would do.

    Attributes:
        snapshot: how it was, in the words of the state.
        unmarked: what has no mark of ours and no claim on the principal bears out any more.
        gone: True where its unique id is no more.
        will: what would be done, in words.
        conflicts: what would not, and why.
    """

    snapshot: Recorded
    unmarked: tuple[Recorded, ...] = ()
    gone: bool = False
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
class Given:
    """What was done for one principal; *problem* says why it is not all."""

    owed: Owed
    result: Result
    done: list[str] = field(default_factory=list[str])
    problem: ContainmentError | None = None


def verified_entries(journal: Journal) -> tuple[Entry, ...]:
    """Return the entries of a ledger that is whole.

    Raises:
        NotFoundError: there is none.
        ConflictError: it is broken or shorter than a state remembers; says where.
        ContainmentError: it cannot be read.
    """
    found, read = journal.read()
    if found.verdict == "missing":
        raise NotFoundError(
            f"there is no ledger at {found.location}",
            remedy="name its place with '--from-ledger PLACE', or take the containment over with"
            " 'containment adopt'",
        )
    if found.verdict != "intact":
        raise ConflictError(
            found.why,
            remedy="restore the ledger from a copy, or take the containment over with"
            " 'containment adopt', which asks only what is live",
        )
    return read.entries


def by_ledger(workplace: Workplace) -> str:
    """Return the rest of a remedy: how to give back by the ledger alone, where it knows of some."""
    read = workplace.ledger().of(workplace.incident).evidence()
    if read is None or not entries.open_snapshots(read.entries):
        return ""
    return (
        "; or, to give back by the ledger alone, run"
        f" 'containment restore --from-ledger --incident {workplace.incident}'"
    )


def principals(said: Sequence[Entry]) -> list[Principal]:
    """Return everybody whose release is not on record."""
    return [parse_principal(item.principal) for item in entries.open_snapshots(said)]


def owed(said: Sequence[Entry], workplace: Workplace) -> list[Owed]:
    """Return every principal whose release is not on record, as it stands. Nothing is changed.

    Raises:
        ContainmentError: AWS cannot be asked, or an entry is of a version that is not known.
    """
    return [_owed(item, said, workplace) for item in entries.open_snapshots(said)]


def give_back(item: Owed, workplace: Workplace) -> Given:
    """Lift what is ours on one principal, and put its release on record.

    What is done is reported as far as it came, whatever ends it.
    """
    given = Given(item, "not given back")

    def say(_severity: Severity, message: str) -> None:
        given.done.append(message)

    state: Any = item.snapshot.state
    context = workplace.context(state.target.account, say)
    action = principal_snapshot.PrincipalSnapshot(context)
    try:
        action.finish(state)
        for recorded in item.unmarked:
            recorded.action(context).delete(recorded.state)
        action.released(state)
    except ContainmentError as error:
        given.problem = _here(error, state.incident)
    except (ClientError, BotoCoreError) as error:
        given.problem = explain(f"giving {item.principal} back", error)
    else:
        given.result = "gone" if item.gone else "nothing is live" if item.idle else "given back"
    return given


def _here(error: ContainmentError, incident: str) -> ContainmentError:
    """Return *error* with the way out that this verb has: it lifts without the engine."""
    again = f"containment restore --from-ledger --incident {incident}"
    for theirs, ours in (
        (f"containment lift {incident}", again),
        ("pulumi destroy", again),
        ("run 'pulumi up' first, then lift", "write it there as it was applied, or" + _ADOPT),
        ("run 'pulumi up', then lift", f"run '{again}', or" + _ADOPT),
    ):
        error.remedy = error.remedy.replace(theirs, ours)
    return error


def _owed(item: Open, said: Sequence[Entry], workplace: Workplace) -> Owed:
    state = _state(item)
    snapshot = Recorded(item.principal, principal_snapshot.PrincipalSnapshot, state)
    context = workplace.context(state.target.account)
    live = context.locate(state, state.principal_id)
    if live is None:
        return Owed(snapshot, gone=True)
    unmarked = tuple(_unmarked(state, live, said))
    left = leftovers.find(live, state.incident, state.snapshot_id or "")
    foreseen = forecast.of((snapshot, *unmarked), workplace) if left or unmarked else []
    will = [text for one in foreseen for text in one.will]
    conflicts = [text for one in foreseen for text in one.conflicts]
    try:
        will.extend(_keys(context, state, live))
    except ConflictError as error:
        conflicts.append(str(error))
    return Owed(snapshot, unmarked, will=tuple(will), conflicts=tuple(conflicts))


def _keys(context: Context, state: Any, live: LivePrincipal) -> Iterator[str]:
    """Yield what becomes of each key whose claim is there."""
    claim = credentials.find(live, state.incident)
    if claim is None or claim.snapshot_id != state.snapshot_id:
        return
    decision = context.decisions.on("credentials", state.target)
    terms = evidence.keys(context, state, state.access_keys, decision=decision)
    decided = returning.to_return(
        keys=live.access_keys(),
        claimed=claim.priors,
        terms=terms,
        others=overlap.others(live, state.incident),
    )
    if decided.undecided:
        raise returning.undecided(live, state.incident, decided.undecided, terms)
    yield from (f"{live}: {name} becomes Active" for name in decided.activate)
    yield from (f"{live}: {reason}" for reason in decided.kept)


def _state(item: Open) -> Any:
    fields = principal_snapshot.State.model_fields
    known = {field.alias or name for name, field in fields.items()}
    try:
        return principal_snapshot.State.model_validate(
            {name: value for name, value in item.facts.items() if name in known}
        )
    except ValidationError as error:
        raise ConflictError(
            f"the ledger's snapshot of {item.principal} cannot be read by this version of"
            " containment",
            remedy="use the version that wrote it",
        ) from error


def _unmarked(state: Any, live: LivePrincipal, said: Sequence[Entry]) -> list[Recorded]:
    """Return what the ledger says we did to what carries no mark, where no claim says so too."""
    own = [entry for entry in said if entry.get("snapshot_id") == state.snapshot_id]
    common = {
        name: getattr(state, name)
        for name in ("incident", "principal", "endpoint", "lift", "principal_id", "snapshot_id")
    }
    found: list[Recorded] = []
    claim = credentials.find(live, state.incident)
    if claim is None or claim.snapshot_id != state.snapshot_id:
        keys = _switched_off(own, state, live)
        if keys:
            kept = inactive_credentials.State(
                **common, access_keys=keys, which="all", generation=marks.NEWEST
            )
            found.append(Recorded(state.principal, inactive_credentials.InactiveCredentials, kept))
    claim = attachment.find(live, state.incident)
    if claim is None or claim.snapshot_id != state.snapshot_id:
        found.extend(_attached(own, state, live, common))
    return found


def _switched_off(own: Sequence[Entry], state: Any, live: LivePrincipal) -> tuple[Any, ...]:
    """Return the keys that were Active, that we made Inactive, and that are so now."""
    ours = {
        str(entry["facet"])
        for entry in own
        if entry.get("kind") == "intent" and entry.get("after") == "Inactive"
    }
    off = {key.access_key_id for key in live.access_keys() if key.status != "Active"}
    return tuple(
        key
        for key in state.access_keys
        if key.status == "Active"
        and key.access_key_id in off
        and recording.access_key(key.access_key_id) in ours
    )


def _attached(
    own: Sequence[Entry], state: Any, live: LivePrincipal, common: dict[str, Any]
) -> list[Recorded]:
    changed = {str(entry["facet"]): entry.get("after") for entry in own if entry.get("facet")}
    deny_all = attachment.deny_all_arn(live.principal.partition)
    if changed.get(recording.attachment(deny_all)) != recording.ATTACHED:
        return []
    now = live.attached()
    swapped = [
        arn
        for arn in state.attached_policies
        if arn not in now and changed.get(recording.attachment(arn)) == recording.DETACHED
    ]
    if deny_all not in now and not swapped:
        return []
    kept = deny_policy.State(
        **common,
        scope="all",
        attached_policies=state.attached_policies,
        placement="AWSDenyAll",
        swapped=tuple(swapped),
        generation=marks.NEWEST,
    )
    return [Recorded(state.principal, deny_policy.DenyPolicy, kept)]
