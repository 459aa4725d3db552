"""What a ledger's entries say: how things were, what was changed, who was released.

Every entry has ``kind``, ``incident``, ``at`` (this machine's time), ``operator`` (the ARN that
called AWS). What each kind holds is told in ``docs/ledger.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from containment.aws import recording
from containment.aws.credentials import ACCESS_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.ledger.chain import Entry


@dataclass(frozen=True, slots=True)
class Open:
    """A snapshot whose principal was never recorded as released: its facts, as they were taken.

    *ahead* is True where it was taken before an engine was started, so that no state has it yet.
    """

    snapshot_id: str
    unique_id: str
    principal: str
    facts: dict[str, Any]
    ahead: bool = False


def first_snapshots(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the entry of each snapshot by the snapshot's id: the first one, which alone counts.

    Where nobody can take an entry out, others may still append one that says otherwise.
    """
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.get("kind") == "snapshot":
            first.setdefault(str(entry.get("snapshot_id")), entry)
    return first


def contradictions(entries: Iterable[Entry]) -> list[str]:
    """Return, in words, which later entries say otherwise what a snapshot found."""
    entries = list(entries)
    first = first_snapshots(entries)
    return [
        f"entry {entry.get('n')} says otherwise than entry {counted.get('n')} how"
        f" {counted.get('principal')} was, under one snapshot ({snapshot_id}): somebody else wrote"
        " it, and the first one counts"
        for entry in entries
        if entry.get("kind") == "snapshot"
        and (counted := first[snapshot_id := str(entry.get("snapshot_id"))]) is not entry
        and any(entry.get(name) != counted.get(name) for name in ("unique_id", "facts"))
    ]


def open_snapshots(entries: Iterable[Entry]) -> list[Open]:
    """Return the snapshots that no release followed, oldest first, on the last terms applied."""
    entries = list(entries)
    first = first_snapshots(entries)
    snapshots: dict[str, Open] = {}
    for entry in entries:
        snapshot_id = str(entry.get("snapshot_id"))
        if entry.get("kind") == "terms" and snapshot_id in snapshots:
            facts = {**snapshots[snapshot_id].facts, "lift": entry.get("lift")}
            snapshots[snapshot_id] = replace(snapshots[snapshot_id], facts=facts)
        if entry.get("kind") == "snapshot" and entry is first[snapshot_id]:
            facts = dict(entry.get("facts") or {})
            snapshots[snapshot_id] = Open(
                snapshot_id,
                str(entry.get("unique_id")),
                str(entry.get("principal")),
                facts,
                ahead=entry.get("ahead") is True,
            )
        elif entry.get("kind") == "release":
            snapshots.pop(snapshot_id, None)
    return list(snapshots.values())


def last_terms(entries: Iterable[Entry]) -> dict[str, Any] | None:
    """Return the terms of the lift that were applied last, whoever they are of; None without one.

    Their fields are those of :class:`containment.lifecycle.wire.Lift`, as the engine has them.
    """
    applied: object = None
    for entry in entries:
        if entry.get("kind") == "terms":
            applied = entry.get("lift")
        elif entry.get("kind") == "snapshot" and isinstance(facts := entry.get("facts"), dict):
            applied = cast("dict[str, Any]", facts).get("lift", applied)
    return cast("dict[str, Any]", applied) if isinstance(applied, dict) else None


def without_outcome(entries: Iterable[Entry]) -> list[Entry]:
    """Return the intents of which nobody wrote down what came, oldest first.

    What was done to the same facet later, or the release, settles the question.
    """
    entries_by_number: dict[int, Entry] = {}
    for entry in entries:
        kind = entry.get("kind")
        if kind == "intent":
            entries_by_number[int(entry["n"])] = entry
        elif kind == "outcome":
            ended = entries_by_number.pop(int(entry.get("of") or 0), None) or entry
            if entry.get("result") == "done":
                entries_by_number = {
                    n: unfinished
                    for n, unfinished in entries_by_number.items()
                    if not _same_facet(unfinished, ended)
                }
        elif kind == "release":
            snapshot_id = entry.get("snapshot_id")
            entries_by_number = {
                n: unfinished
                for n, unfinished in entries_by_number.items()
                if unfinished["snapshot_id"] != snapshot_id
            }
    return list(entries_by_number.values())


def _same_facet(one: Entry, other: Entry) -> bool:
    return (one.get("unique_id"), one.get("facet")) == (other.get("unique_id"), other.get("facet"))


def prior(
    entries: Iterable[Entry], unique_id: str, facet: str, snapshot_id: str | None
) -> str | None:
    """Return what *facet* of the principal was before the incident changed anything.

    By the snapshot of that id, or the last one; for what appeared later (a new key), by what was
    read just before it was changed for the first time under that snapshot.
    """
    answer: str | None = None
    current: str | None = None
    entries = list(entries)
    first = first_snapshots(entries)
    for entry in _entries_of(entries, unique_id):
        if entry.get("kind") == "snapshot":
            if _counts(entry, first, snapshot_id):
                current = str(entry.get("snapshot_id"))
                answer = _in_facts(dict(entry.get("facts") or {}), facet)
        elif (
            answer is None
            and current is not None
            and entry.get("kind") == "intent"
            and entry.get("snapshot_id") == current
            and entry.get("facet") == facet
        ):
            answer = entry.get("before")
    return answer


def priors(entries: Iterable[Entry], unique_id: str, snapshot_id: str | None) -> dict[str, str]:
    """Return what :func:`prior` says of every facet that the ledger names, by facet."""
    answers: dict[str, str] = {}
    facts: dict[str, Any] = {}
    current: str | None = None
    entries = list(entries)
    first = first_snapshots(entries)
    for entry in _entries_of(entries, unique_id):
        if entry.get("kind") == "snapshot" and _counts(entry, first, snapshot_id):
            current, facts = str(entry.get("snapshot_id")), dict(entry.get("facts") or {})
            from_facts = ((facet, _in_facts(facts, facet)) for facet in _facets(facts))
            answers = {facet: value for facet, value in from_facts if value is not None}
        elif entry.get("kind") == "intent" and current == entry.get("snapshot_id"):
            facet = str(entry.get("facet"))
            value = _in_facts(facts, facet) or entry.get("before")
            if facet not in answers and value is not None:
                answers[facet] = value
    return answers


def changes(
    entries: Iterable[Entry], unique_id: str, snapshot_id: str | None
) -> dict[str, list[str | None]]:
    """Return the facets that were changed under a snapshot, and what was made of each, in order."""
    by_facet: dict[str, list[str | None]] = {}
    for entry in _entries_of(entries, unique_id):
        if (entry.get("kind"), entry.get("snapshot_id")) == ("intent", snapshot_id):
            by_facet.setdefault(str(entry.get("facet")), []).append(entry.get("after"))
    return by_facet


def _counts(entry: Entry, first: Mapping[str, Entry], snapshot_id: str | None) -> bool:
    """Tell whether *entry* says how it was under *snapshot_id*; under any where that is None."""
    own = str(entry.get("snapshot_id"))
    return snapshot_id in {None, own} and first[own] is entry


def _facets(facts: dict[str, Any]) -> Iterator[str]:
    yield recording.TRUST
    yield from (recording.attachment(str(arn)) for arn in facts.get("attachedPolicies") or ())
    for captured in dict(facts.get("captured") or {}).values():
        yield from (str(name) for name in captured)
    yield from (facet for facet, _status in _seen_credentials(facts))


def _entries_of(entries: Iterable[Entry], unique_id: str) -> Iterator[Entry]:
    return (entry for entry in entries if entry.get("unique_id") == unique_id)


def _in_facts(facts: dict[str, Any], facet: str) -> str | None:
    if facet == recording.TRUST:
        return facts.get("trustPolicy") or None
    word, _, name = facet.partition(" ")
    if word == "attachment":
        is_attached = name in (facts.get("attachedPolicies") or ())
        return recording.ATTACHED if is_attached else recording.DETACHED
    for captured in dict(facts.get("captured") or {}).values():
        if facet in captured:
            return str(captured[facet])
    return dict(_seen_credentials(facts)).get(facet)


def _seen_credentials(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the facet and status of each credential that was seen.

    What another incident's claim said was seen by nobody, and is no evidence.
    """
    for key in facts.get("accessKeys") or ():
        if not key.get("saidBy"):
            yield ACCESS_KEY.facet(str(key["accessKeyId"])), str(key["status"])
    for other in facts.get("otherCredentials") or ():
        if not other.get("saidBy"):
            yield f"{other['kind']} {other['credentialId']}", str(other["status"])
