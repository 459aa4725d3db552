"""What an entry of a record may say: its kinds, the details of each, and the check of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from containment.errors import SpecError
from containment.record.secrets import holds_secret
from containment.spec import Cause, moment_text
from containment.spec.fields import parsed_moment
from containment.spec.problems import WrongError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from containment.ledger.chain import Entry

LONGEST = 4000
TRUE_POSITIVE, FALSE_POSITIVE = "true-positive", "false-positive"
POSITIVES = (TRUE_POSITIVE, FALSE_POSITIVE)


class Kind(StrEnum):
    """What an entry of a record is about; signals are added by ``containment signal add``."""

    SIGNAL = "signal"
    T0 = "t0"
    CAUSE = "cause"
    IMPACT = "impact"
    ALTERNATIVE = "alternative"
    DECISION = "decision"
    MESSAGE = "message"
    VERDICT = "verdict"
    RESIDUAL = "residual"
    LESSON = "lesson"


@dataclass(frozen=True, slots=True)
class Details:
    """The details that an entry of one kind must have, and those that it may have."""

    text: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


# What an entry of any kind may have: the step of the process that it is about.
_OF_ANY = ("step",)
DOES_NOT_APPLY = "no"
# What people note; a signal is read and not noted.
DETAILS: Mapping[Kind, Details] = {
    Kind.T0: Details(
        "the moment from which on the credential is the attacker's", ("source",), ("reason",)
    ),
    Kind.CAUSE: Details(f"how the credential got out: {', '.join(Cause)}", (), ("reason",)),
    Kind.IMPACT: Details("what end users notice; 'none' is a value"),
    Kind.ALTERNATIVE: Details("what else may have caused it, or why nothing else did"),
    Kind.DECISION: Details("what was decided, and why", (), ("applies",)),
    Kind.MESSAGE: Details("what was said", ("to",), ("receipt",)),
    Kind.VERDICT: Details("why the alert was real, or was none", ("positive", "of")),
    Kind.RESIDUAL: Details("what stays open, and who lives with it"),
    Kind.LESSON: Details("what to do otherwise the next time", ("owner",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One entry before it is written: who says what, and the details that its kind has."""

    kind: Kind
    text: str
    author: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])

    def fields(self) -> dict[str, Any]:
        """Return it as the entry of a chain has it."""
        return {
            "kind": str(self.kind),
            "text": self.text,
            "author": self.author,
            **self.details,
        }


def make_note(kind: Kind, text: str, *, author: str, details: Mapping[str, str]) -> Note:
    """Return the entry that says *text*, once it is checked.

    Raises:
        SpecError: a detail is missing, or is none of this kind; the text is empty, too long, no
            value of this kind, or holds a secret.
    """
    rules = DETAILS[kind]
    for name in rules.required:
        if not details.get(name):
            raise SpecError(
                f"an entry of kind {kind} has no {name}", remedy=f"give it with --{name}"
            )
    for name in details:
        if name not in rules.required + rules.optional + _OF_ANY:
            raise SpecError(
                f"an entry of kind {kind} takes no {name}", remedy=f"leave --{name} out"
            )
    for name, value in {kind: text, "author": author, **details}.items():
        _check(name, value)
    return Note(kind=kind, text=_valued(kind, text), author=author, details=dict(details))


def require_reason(note: Note, entries: Sequence[Entry]) -> None:
    """Refuse a T0 that is another one than *entries* have, if it does not say why.

    Raises:
        SpecError: there is an earlier entry with another moment, and no reason.
    """
    if note.kind is not Kind.T0 or note.details.get("reason"):
        return
    before = next((one for one in reversed(entries) if one.get("kind") == Kind.T0), None)
    if before is not None and before.get("text") != note.text:
        raise SpecError(
            f"T0 is {shown(str(before.get('text')))} on record, and the new one has no reason",
            remedy="say with --reason why it changes; the earlier one stays on record",
        )


def require_signal(note: Note, entries: Sequence[Entry]) -> None:
    """Refuse a verdict of an entry that is no signal of *entries*.

    Raises:
        SpecError: it is none.
    """
    if note.kind is not Kind.VERDICT:
        return
    numbers = [str(one.get("n")) for one in entries if one.get("kind") == Kind.SIGNAL]
    if note.details["of"] not in numbers:
        listed = ", ".join(numbers[:20]) or "there is none"
        raise SpecError(
            f"entry {shown(note.details['of'])} of the record is no signal",
            remedy=f"give the number of one with --of: {listed}",
        )


def t0_moments(entries: Sequence[Entry]) -> list[datetime]:
    """Return the moments that *entries* name as T0, the oldest entry first."""
    moments: list[datetime] = []
    for entry in entries:
        if entry.get("kind") == Kind.T0:
            try:
                moments.append(parsed_moment(str(entry.get("text"))))
            except WrongError:
                continue  # written by somebody else's program: no moment of ours
    return moments


def _check(name: str, value: str) -> None:
    if not value.strip():
        raise SpecError(f"the {name} says nothing", remedy="write it in a sentence")
    if len(value) > LONGEST:
        raise SpecError(
            f"the {name} has {len(value)} characters, and {LONGEST} is the most",
            remedy="say it shorter, and name the document that has the rest",
        )
    if holds_secret(value):
        raise SpecError(
            f"the {name} holds what looks like a secret, and a record is kept for years",
            remedy="name the access key id or the place instead, and clear the shell's history",
        )


def _valued(kind: Kind, text: str) -> str:
    if kind is Kind.T0:
        try:
            return moment_text(parsed_moment(text))
        except WrongError as error:
            raise error.as_spec_error() from error
    if kind is Kind.CAUSE and text not in list(Cause):
        raise SpecError(
            f"{shown(text)} is no cause that is known here",
            remedy=f"take one of {', '.join(Cause)}, and say more with --reason",
        )
    return text
