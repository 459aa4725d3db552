"""What a lift goes on, facet by facet: the state, the ledger where it is intact, and decisions.

The state alone decides nothing: whoever can write it could have the responder give back anything.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from containment.aws import recording
from containment.aws.credentials import KINDS
from containment.errors import ContainmentError
from containment.facets import marks
from containment.facets.decisions import FACETS
from containment.facets.facet import History, Terms
from containment.ledger import entries
from containment.lifecycle.oversight import is_emergency_lift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from containment.facets.decisions import FacetName, Word
    from containment.facets.facet import Changes
    from containment.identities import Principal
    from containment.ledger.chain import Entry
    from containment.lifecycle.context import Context
    from containment.lifecycle.wire import Inputs
    from containment.spec import IncidentSpec, Target

_CREDENTIALS = tuple(kind.facet("") for kind in KINDS)
# Entries of another incident's lift, in the ledger of the one that goes on holding the user.
KEPT = "kept"


def terms(
    context: Context,
    state: Inputs,
    *,
    generation: int = 0,
    brief: bool = False,
    changed: Changes | None = None,
    spared: bool = False,
) -> Terms:
    """Return on what the lift of *state* goes; what it writes is of *generation* or newer.

    *changed* is what a ledger says was changed, where that stands in for the state and can bear out
    nothing besides. *spared* is a principal that nobody may deny anything.
    """
    recall = partial(_history, context, state, changed)
    decisions: dict[FacetName, Word] = {
        name: word
        for name in FACETS
        if (word := context.decisions.on(name, state.target)) is not None
    }
    return Terms(
        incident=state.incident,
        snapshot_id=str(getattr(state, "snapshot_id", None) or ""),
        generation=generation,
        leaked=state.lift.leaked,
        compromised_at=state.lift.compromised_at,
        false_positive=state.lift.false_positive,
        keeps_leaked=is_emergency_lift(
            context.ledger.journal_of(state.incident), context.admission
        ),
        recall=cache(recall),
        stands_in=changed is not None,
        decisions=decisions,
        brief=brief,
        known_of=partial(known_of, context, state),
        spared=spared,
        names=lambda principal: declaration(context, state, principal) is not None,
        note_kept=_note_kept(context, state),
        sign_ins=context.sign_ins,
    )


def declaration(
    context: Context, state: Inputs, principal: Principal
) -> tuple[IncidentSpec, Target] | None:
    """Return the spec of *state*, as it is now, and its target that is *principal*.

    None where it names nobody such, or *state* is of another one, or the spec cannot be read.
    """
    # Only a lift reads it, and reading YAML costs every containment a fifth of a second.
    from containment.spec import load, target_for  # noqa: PLC0415

    try:
        spec = load(context.directory / state.lift.spec)
    except ContainmentError:
        return None
    named = target_for(spec, principal)
    return None if named is None or named != target_for(spec, state.target) else (spec, named)


def _history(context: Context, state: Inputs, changed: Changes | None) -> History:
    ledger_entries = read(context, state)
    kept = frozenset(_kept(ledger_entries, state))
    if changed is not None:
        return History({}, changed, kept)
    whose = str(getattr(state, "principal_id", ""))
    snapshot_id = getattr(state, "snapshot_id", None)
    before = entries.priors(ledger_entries, whose, snapshot_id)
    if not context.ledger.journal_of(state.incident).locked:
        before = restraining(before)
    return History(
        before=before,
        changed=entries.changes(ledger_entries, whose, snapshot_id),
        kept=kept,
    )


def restraining(before: Mapping[str, str]) -> dict[str, str]:
    """Return what of *before* a ledger in a file bears out: what holds a lift back.

    It is beside the state, from the same source. A trust policy counts by decision alone.
    """
    return {
        name: was
        for name, was in before.items()
        if name == recording.TRUST or (was == "Inactive" and name.startswith(_CREDENTIALS))
    }


def _note_kept(context: Context, state: Inputs) -> Callable[[str, Sequence[str]], None]:
    """Return what notes, in another incident's ledger, which keys the lift of *state* keeps."""

    def note(other: str, names: Sequence[str]) -> None:
        # A tag's text is the attacker's to choose: only a ledger that knows the user is written to.
        whose = getattr(state, "principal_id", "")
        if marks.is_incident(other) and held_as(context, other, whose) is not None:
            what = {"unique_id": whose, "by": state.incident, "keys": list(names)}
            context.ledger.journal_of(other).write(KEPT, what, required=False)

    return note


def known_of(context: Context, state: Inputs, incidents: Sequence[str]) -> str | None:
    """Return one of *incidents*, the oldest first, that holds the principal of *state* itself.

    Its spec in this project names it, or its ledger says so. That there is such an incident says
    nothing: its name is on everybody whom it contains, for whoever may tag the principal to copy.
    A single ledger is asked, for they name as many incidents as the principal has room for tags.
    """
    from containment.spec import load, target_for  # noqa: PLC0415 -- as in declaration

    specs = {
        name: context.directory / f"stacks/{name}.yaml"
        for name in incidents
        if marks.is_incident(name)
    }
    for name, path in specs.items():
        with suppress(ContainmentError):
            if path.is_file() and target_for(load(path), state.target) is not None:
                return name
    whose = str(getattr(state, "principal_id", ""))
    asked = sorted(specs, key=lambda name: not specs[name].is_file())[:1]
    return next((name for name in asked if held_as(context, name, whose) is not None), None)


def held_as(context: Context, incident: str, unique_id: str) -> str | None:
    """Return the ARN by which *incident* contained who has *unique_id*, by its ledger."""
    snapshots = context.ledger.open_snapshots(incident)
    return next((item.principal for item in snapshots if item.unique_id == unique_id), None)


def read(context: Context, state: Inputs) -> Sequence[Entry]:
    """Return what the ledger of *state*'s incident says; nothing where it is not intact."""
    evidence = context.ledger.journal_of(state.incident).evidence()
    return evidence.entries if evidence else ()


def was(ledger_entries: Iterable[Entry], state: Inputs, facet: str) -> str | None:
    """Return what *facet* was when the snapshot of *state* was taken, by *ledger_entries*."""
    snapshot_id = getattr(state, "snapshot_id", None)
    return entries.prior(ledger_entries, getattr(state, "principal_id", ""), facet, snapshot_id)


def _kept(ledger_entries: Iterable[Entry], state: Inputs) -> set[str]:
    whose = getattr(state, "principal_id", "")
    kept_entries = [
        entry
        for entry in ledger_entries
        if (entry.get("kind"), entry.get("unique_id")) == (KEPT, whose)
    ]
    return {str(name) for entry in kept_entries for name in entry.get("keys") or ()}
