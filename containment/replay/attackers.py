"""Which recorded calls are the attacker's: of what leaked, since T0, and of what came out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment import descendants
from containment.clock import isoformat
from containment.errors import ContainmentError
from containment.trail import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from containment.replay.callers import RecordedCaller
    from containment.spec import IncidentSpec

_SURE = frozenset({"certain", "high"})
_MOST_TRACES = 8


@dataclass(frozen=True, slots=True)
class Attackers:
    """Whose calls are the attacker's.

    Attributes:
        since: T0, in seconds since the epoch; nothing before it is the attacker's.
        keys: ids of credentials in the attacker's hands.
        sessions: role and name of the sessions that the spec names, ``<account>/role/<role>`` and
            the name.
        notes: what keeps the attacker's calls from being told apart.
    """

    since: int
    keys: frozenset[str] = frozenset()
    sessions: frozenset[tuple[str, str]] = frozenset()
    notes: tuple[str, ...] = ()

    def made(self, caller: RecordedCaller, when: int) -> bool:
        """Tell whether *caller* was the attacker at *when*."""
        if when < self.since:
            return False
        if caller.key in self.keys:
            return True
        if not self.sessions:
            return False
        session = (caller.who.arn or "").rpartition("/")[2]
        return (caller.label.lower(), session) in self.sessions


def attackers_of(
    spec: IncidentSpec,
    recorded: Path | None,
    logs: Sequence[str],
    *,
    cache: Path | None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda _read, _total: None,
) -> Attackers:
    """Return who is the attacker in the incident of *spec*.

    Args:
        spec: names what leaked, and since when.
        recorded: where the record of descendants is kept, if anywhere.
        logs: what a trace of each leaked credential goes through.
        cache: where the trace's facts are kept.
        workers: how many processes read.
        progress: called with files done and files in all.
    """
    leaked = {one for target in spec.targets for one in target.leaked}
    leaked |= {target.access_key for target in spec.targets if target.access_key}
    keys, notes = set(leaked), list[str]()
    try:
        record = descendants.load(recorded) if recorded is not None else None
    except ContainmentError as error:
        record = None
        notes.append(f"what came out of the leaked credential is not known: {error}")
    keys |= {one.id for one in record.descendants if one.confidence in _SURE} if record else set()
    begun_at = spec.compromised_at.replace(microsecond=0)
    for number, seed in enumerate(sorted(leaked)):
        if number == _MOST_TRACES or not logs:
            notes.append(
                f"what came out of {seed} was not traced, so calls of it may be among the others"
            )
            break
        try:
            answer = trace(
                seed,
                since=isoformat(begun_at),
                logs=logs,
                workers=workers,
                index=cache,
                progress=progress,
            )
        except ContainmentError as error:
            notes.append(f"what came out of {seed} could not be traced: {error}")
            continue
        keys |= {one.id for one in answer.credentials if one.confidence in _SURE}
    if not leaked:
        notes.append(
            "the spec names no leaked credential, so the attacker's own calls are among the others"
        )
    sessions = {
        (target.principal.label.lower(), str(one.name))
        for target in spec.targets
        if not target.access_key
        for one in target.sessions
        if getattr(one, "name", None)
    }
    return Attackers(int(begun_at.timestamp()), frozenset(keys), frozenset(sessions), tuple(notes))
