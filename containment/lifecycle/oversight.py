"""Who may act before a review, by the profile, and what of an incident nobody has reviewed since.

An emergency goes on record before anything is changed by it, and stays open until somebody else has
signed a review of what was done. Doubt about the record never blocks containing; it blocks a lift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from containment.clock import moment_of
from containment.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from containment.ledger.chain import Entry
    from containment.ledger.journal import Journal
    from containment.profile import Profile

APPROVAL, EMERGENCY, REVIEWED = "approval", "emergency", "reviewed"
"""The kinds of the ledger's entries by which something was let be done, or reviewed afterwards."""

VARIABLE = "CONTAINMENT_ADMISSION"
"""Names, for the provider of a run, the ledger's entry that the run was let begin by."""

UNRECORDED = 0
"""What stands in for that entry where an emergency could not be put on record."""

Verb = Literal["up", "lift"]
_GIVES_BACK = frozenset({"lift", "lower"})


@dataclass(frozen=True, slots=True)
class Emergency:
    """Something that was done before anybody reviewed it.

    Attributes:
        number: of the ledger's entry.
        verb: what was done.
        reason: why it could not wait, in somebody's own words.
        operator: who called AWS.
        declared_at: when, ISO 8601.
        due_at: by when it is to be reviewed, ISO 8601.
    """

    number: int
    verb: Verb
    reason: str
    operator: str
    declared_at: str
    due_at: str

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether its review is late; one that is due at no time that can be read is."""
        due = moment_of(self.due_at)
        return due is None or now > due


def admission_in(environ: Mapping[str, str]) -> int | None:
    """Return the number of the entry that *environ* names; None where it names none."""
    text = environ.get(VARIABLE, "")
    return int(text) if text.isascii() and text.isdecimal() else None


def unreviewed(entries: Iterable[Entry]) -> tuple[Emergency, ...]:
    """Return the emergencies that no review followed, oldest first."""
    waiting: dict[int, Emergency] = {}
    for entry in entries:
        kind = entry.get("kind")
        if kind == EMERGENCY:
            number = int(entry["n"])
            # A word that nobody here writes is none that would ask less.
            verb: Verb = "lift" if entry.get("verb") == "lift" else "up"
            waiting[number] = Emergency(
                number,
                verb,
                *(str(entry.get(name)) for name in ("reason", "operator", "at", "due_at")),
            )
        elif kind == REVIEWED:
            for number in _numbers(entry):
                waiting.pop(number, None)
    return tuple(waiting.values())


def require_admitted(profile: Profile, journal: Journal, admission: int | None) -> None:
    """Let a run contain, where the *profile* asks for a review before anything is applied.

    Raises:
        RefusedError: it was let begin by nothing.
    """
    if profile.review_required != "all" or admission == UNRECORDED:
        return
    inspection, chain = journal.read()
    if admission is not None and (
        inspection.verdict != "intact" or _admits(chain.entries, admission)
    ):
        return  # it was on record when the run began, and doubt blocks no containment
    raise RefusedError(
        "the profile lets nothing be applied before it is approved (review: {required: all})",
        remedy="apply it with 'containment up --approved FILE'; where it cannot wait, contain with"
        " 'containment up --emergency REASON', which is reviewed afterwards",
    )


def require_lift_reviewed(
    profile: Profile, journal: Journal, admission: int | None, incident: str
) -> None:
    """Let something be given back, where the *profile* asks for a review of that.

    Raises:
        RefusedError: nobody has reviewed it since the last principal was contained, or since the
            last emergency; or the ledger cannot say so.
    """
    if profile.review_required is None:
        return
    inspection, chain = journal.read()
    why = f"the ledger is {inspection.verdict}, and says of no review"
    if inspection.verdict == "intact":
        entry = _last_admission(chain.entries)
        if entry is not None and entry.get("n") == admission:
            if entry.get("kind") == EMERGENCY and entry.get("verb") == "lift":
                return
            if entry.get("kind") == APPROVAL and _GIVES_BACK & set(_words(entry.get("actions"))):
                return
        if is_reviewed(chain.entries):
            return
        why = "nobody has reviewed it since it was last contained"
    raise RefusedError(
        f"the profile lets nothing be given back without a review (review: {{required: …}}),"
        f" and {why}",
        remedy=f"have somebody else run 'containment review {incident} --applied --sign-with KEY'",
    )


def is_emergency_lift(journal: Journal, admission: int | None) -> bool:
    """Tell whether the run lifts in an emergency, so that no leaked credential may come back."""
    if admission is None:
        return False
    inspection, chain = journal.read()
    entry = _last_admission(chain.entries)
    # What was cut off the ledger meanwhile does not make more of it.
    is_approved = entry is not None and entry.get("kind") == APPROVAL
    return not (inspection.verdict == "intact" and is_approved)


def is_reviewed(entries: Iterable[Entry]) -> bool:
    """Tell whether somebody reviewed what *entries* say, after all that was contained by then."""
    last = reviewed_until = 0
    entries = list(entries)
    for entry in entries:
        if entry.get("kind") in {"snapshot", EMERGENCY}:
            last = int(entry["n"])
        elif entry.get("kind") == REVIEWED:
            reviewed_until = max(reviewed_until, _length(entry))
    return 0 < last <= reviewed_until and not unreviewed(entries)


def _admits(entries: Iterable[Entry], admission: int) -> bool:
    entry = _last_admission(entries)
    return entry is not None and entry.get("n") == admission


def _last_admission(entries: Iterable[Entry]) -> Entry | None:
    """Return the last entry by which a run was let begin: an older one was for another run."""
    last: Entry | None = None
    for entry in entries:
        if entry.get("kind") in {APPROVAL, EMERGENCY}:
            last = entry
    return last


def _numbers(entry: Entry) -> list[int]:
    stated: Any = entry.get("of")
    return [one for one in stated if isinstance(one, int)] if isinstance(stated, list) else []


def _length(entry: Entry) -> int:
    """Return how long the ledger was that *entry* is a review of."""
    head: Any = entry.get("head")
    length: Any = head.get("length") if isinstance(head, dict) else None
    return length if isinstance(length, int) else 0


def _words(stated: object) -> list[str]:
    return [str(one) for one in stated] if isinstance(stated, list) else []
