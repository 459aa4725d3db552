"""Whether a principal is contained already: by a run that died, or under another snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from containment.errors import ConflictError
from containment.facets import documents, holders, leftovers, marks
from containment.lifecycle import evidence as records
from containment.lifecycle.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from containment.aws.principal import LivePrincipal
    from containment.facets.capture import Captured
    from containment.facets.facet import Facet
    from containment.ledger.entries import Open
    from containment.lifecycle.context import Context
    from containment.lifecycle.snapshot import SnapshotInputs


def recalled(
    context: Context,
    live: LivePrincipal,
    inputs: SnapshotInputs,
    captured: Captured,
    facets: Sequence[Facet[Any, Any, Any]],
) -> Snapshot | None:
    """Return the snapshot under which a command that died contained *live* before its engine.

    The ledger has it from before the first change, and *live* carries its id. Where the state
    has the principal, that one is being replaced, and its delete would lift what carries it.
    """
    if inputs.principal in context.contained_arns or not _is_marked(live, inputs, captured):
        return None
    own = leftovers.snapshots(live, inputs.incident, facets)
    for snapshot in context.ledger.open_snapshots(inputs.incident):
        same = (snapshot.unique_id, snapshot.principal) == (live.unique_id, inputs.principal)
        if snapshot.ahead and same and snapshot.snapshot_id in own:
            earlier = as_recorded(snapshot, inputs, live)
            if earlier is None:
                continue
            context.say(
                "info",
                f"{live} is contained since {earlier.captured_at} by a run that is not in the"
                " state (it was cut off, or the state was lost): that one is gone on with",
            )
            return earlier
    return None


def as_recorded(snapshot: Open, inputs: SnapshotInputs, live: LivePrincipal) -> Snapshot | None:
    """Return the state of a *snapshot* on record of *live*; None where nobody can read it.

    Whoever writes the ledger's file writes what it remembers. Whose it is, and under which id,
    is not taken from there: a containment under them would be refused.
    """
    fields = {field.alias or name for name, field in Snapshot.model_fields.items()}
    values = {
        **{name: value for name, value in snapshot.facts.items() if name in fields},
        **inputs.model_dump(by_alias=True),
        "principalId": live.unique_id,
        "snapshotId": snapshot.snapshot_id,
        "tags": live.tags,
    }
    if not marks.is_snapshot_id(snapshot.snapshot_id):
        return None
    try:
        return Snapshot.model_validate(values)
    except ValidationError:
        return None


def known_id(
    context: Context, live: LivePrincipal, incident: str, facets: Sequence[Facet[Any, Any, Any]]
) -> str | None:
    """Return the id of the snapshot that *live* is or was contained under; None if none is known.

    One that is on record and live, else the only one that is live, else the last on record.
    """
    recorded = [
        snapshot.snapshot_id
        for snapshot in context.ledger.open_snapshots(incident)
        if snapshot.unique_id == live.unique_id and marks.is_snapshot_id(snapshot.snapshot_id)
    ]
    in_force = leftovers.snapshots(live, incident, facets)
    only_live = in_force if len(in_force) == 1 else ()
    both = (one for one in recorded if one in in_force)
    return next(iter([*both, *only_live, *recorded[-1:]]), None)


def _is_marked(live: LivePrincipal, inputs: SnapshotInputs, captured: Captured) -> bool:
    """Tell whether anything looks like the incident's: an inline policy, a tag, a statement."""
    named = marks.policy_name(inputs.incident) in captured.names
    tagged = any(marks.incident_of_tag(key) == inputs.incident for key in live.tags)
    closed = any(
        mark.is_of(inputs.incident)
        for mark in documents.marks(live.trust_policy, lambda _statement: True)
    )
    return named or tagged or closed


def refuse_other(
    context: Context,
    live: LivePrincipal,
    state: Snapshot,
    captured: Captured,
    facets: Sequence[Facet[Any, Any, Any]],
) -> None:
    """Refuse to forget how *live* was before this incident contained it.

    A mark proves nothing, for an attacker can plant one: only what binds them counts. What
    other incidents hold is theirs, and no reason not to contain.

    Raises:
        ConflictError: *live* is contained by the incident of *state* under another snapshot.
    """
    is_held = holders.is_held(
        live, state.incident, captured, state.lift.leaked, denied="DenyPolicy" in state.uses
    )
    if is_held or holders.is_bound(live, state.incident, captured.policies):
        own = leftovers.snapshots(live, state.incident, facets)
        before = records.held_as(context, state.incident, live.unique_id)
        renamed = (
            f"write 'user: {before}' in the spec, for it is the same one renamed, and a renamed"
            " user is followed by its id; or "
            if before not in {None, live.principal.arn}
            else ""
        )
        raise ConflictError(
            f"{live} is already contained by {state.incident} under another snapshot"
            f" ({', '.join(sorted(own))}), so taking a new one would forget how it was",
            remedy=f"{renamed}restore the stack's state, or take the containment over with"
            f" 'containment adopt {state.incident}'",
        )
