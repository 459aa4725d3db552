"""What a lift goes on, facet by facet: the state, the ledger where it is intact, and decisions.

The state alone decides nothing: whoever can write it could have the responder give back anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.aws import recording
from containment.facets import detaching, marks, overlap, returning, trust
from containment.ledger import entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from containment.facets.credentials import Which
    from containment.facets.decisions import Word
    from containment.facets.returning import Tell
    from containment.ledger.chain import Entry
    from containment.lifecycle.context import Context
    from containment.lifecycle.wire import AccessKeyStatus, Inputs

# Entries of another incident's lift, in the ledger of the one that goes on holding the user.
KEPT = "kept"


def keys(
    context: Context,
    state: Inputs,
    known: Iterable[AccessKeyStatus],
    *,
    which: Which = "all",
    decision: Word | None = None,
) -> returning.Terms:
    """Return on what the lift of *state*'s keys goes."""
    known = list(known)
    said = read(context, state)
    remembered: dict[str, str] = {}
    for key in known:
        facet = recording.access_key(key.access_key_id)
        before = None if key.said_by else was(said, state, facet)
        if before is not None:
            remembered[key.access_key_id] = before
    remembered |= dict.fromkeys(_kept(said, state), overlap.KEPT)
    return returning.Terms(
        known={key.access_key_id: key.status for key in known},
        hearsay=frozenset(key.access_key_id for key in known if key.said_by),
        remembered=remembered,
        leaked=state.lift.leaked,
        compromised_at=state.lift.compromised_at,
        false_positive=state.lift.false_positive,
        which=which,
        decision=decision,
    )


def attachments(
    context: Context,
    state: Inputs,
    prior: Sequence[str],
    *,
    swapped: Sequence[str] | None = None,
    placed: bool = False,
    decision: Word | None = None,
) -> detaching.Terms:
    """Return on what the lift of *state*'s attachments goes."""
    said = read(context, state)
    remembered: dict[str, str] = {}
    for entry in said:
        word, _, arn = str(entry.get("facet")).partition(" ")
        # What this incident detached or attached itself, and nothing that others did.
        if word == "attachment" and _is_of(entry, state) and entry.get("kind") == "intent":
            before = was(said, state, str(entry["facet"]))
            if before is not None and before != entry.get("after"):
                remembered[arn] = before
    return detaching.Terms(prior, swapped, placed, remembered, decision)


def trusted(
    context: Context,
    state: Inputs,
    prior: str,
    *,
    break_glass: Sequence[str] = (),
    only: str | None = None,
    decision: Word | None = None,
) -> trust.Terms:
    """Return on what the lift of *state*'s trust policy goes."""
    remembered = was(read(context, state), state, recording.TRUST)
    snapshot_id = getattr(state, "snapshot_id", None)
    return trust.Terms(prior, break_glass, remembered, only, decision, snapshot_id)


def tell(context: Context, state: Inputs) -> Tell:
    """Return what notes, in another incident's ledger, which keys the lift of *state* keeps."""

    def note(other: str, names: Sequence[str]) -> None:
        # A tag's text is the thief's to choose: only a ledger that knows the user is written to.
        whose = getattr(state, "principal_id", "")
        journal = context.ledger.of(other) if marks.is_incident(other) else None
        found = journal.evidence() if journal else None
        held = entries.open_snapshots(found.entries) if found else []
        if journal and any(item.unique_id == whose for item in held):
            what = {"unique_id": whose, "by": state.incident, "keys": list(names)}
            journal.write(KEPT, what, required=False)

    return note


def read(context: Context, state: Inputs) -> Sequence[Entry]:
    """Return what the ledger of *state*'s incident says; nothing where it is not intact."""
    found = context.ledger.of(state.incident).evidence()
    return found.entries if found else ()


def was(said: Iterable[Entry], state: Inputs, facet: str) -> str | None:
    """Return what *facet* was when the snapshot of *state* was taken, by what a ledger *said*."""
    snapshot_id = getattr(state, "snapshot_id", None)
    return entries.prior(said, getattr(state, "principal_id", ""), facet, snapshot_id)


def _is_of(entry: Entry, state: Inputs) -> bool:
    return (entry.get("unique_id"), entry.get("snapshot_id")) == (
        getattr(state, "principal_id", ""),
        getattr(state, "snapshot_id", None),
    )


def _kept(said: Iterable[Entry], state: Inputs) -> set[str]:
    whose = getattr(state, "principal_id", "")
    told = [entry for entry in said if (entry.get("kind"), entry.get("unique_id")) == (KEPT, whose)]
    return {str(name) for entry in told for name in entry.get("keys") or ()}
