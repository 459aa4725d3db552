"""What changes for whom: the one model that preview, up, lift, review and report render.

Pure values. Every text in them may have been chosen by the attacker (names, tags, documents), so
each renderer passes it through :mod:`containment.text` and none prints it as it is.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from containment.replay.collateral import Replayed

Sign = Literal["+", "-", "~", " ", "!"]
"""Added, removed, altered, unchanged, or a warning."""

Verb = Literal["contain", "raise", "lower", "repair", "lift", "keep", "refuse"]
"""What happens to a principal as a whole, in the order in which a reviewer should read them."""

_LOOSENING: tuple[Verb, ...] = ("lift", "lower")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document's diff; *sign* is ``+``, ``-`` or a space."""

    sign: Sign
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing on a principal that changes: a policy, a key's status, a trust statement, a swap.

    Attributes:
        sign: whether it is added, removed, altered or stays; ``!`` for what would be refused.
        subject: what it is, such as ``access key AKIAIOSFODNN7EXAMPLE``.
        summary: the change in a few words, such as ``Active -> Inactive``.
        lines: the document's diff, line by line, where the subject is a document.
        reason: why, where the reader would ask.
    """

    sign: Sign
    subject: str
    summary: str = ""
    lines: tuple[Line, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PrincipalDiff:
    """One principal: what happens to it, what was known of it before, and what follows.

    Attributes:
        principal: its ARN.
        verb: what happens to it.
        rung: the rung after the run; None where nothing is declared for it any more.
        rung_before: the rung that the state has; None where it was not contained.
        facts: name and value of what a responder asks before deciding: created, last used.
        held_by: what holds it in place of what is declared, and why.
        changes: what is written, in the order in which it is written.
        stays_open: what the attacker keeps all the same.
        comes_back: what a lift gives back.
        stays_away: what a lift does not give back, and why.
        conflicts: what stands against the run, and the way out.
        unread: what could not be analysed.
        used_by: what works with it: callers, instance profiles, functions, services.
        replayed: what would have been refused of the calls that CloudTrail recorded; None where
            no record was looked at.
    """

    principal: str
    verb: Verb
    rung: str | None = None
    rung_before: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    held_by: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    stays_open: tuple[str, ...] = ()
    comes_back: tuple[str, ...] = ()
    stays_away: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    replayed: Replayed | None = None

    @property
    def loosens(self) -> bool:
        """True where access is given back, which a reviewer reads first."""
        return self.verb in _LOOSENING


@dataclass(frozen=True, slots=True)
class IncidentDiff:
    """All that one run changes.

    Attributes:
        incident: its id.
        title: the incident's title, from the spec.
        disposition: what was decided about it.
        account: the account, or accounts, that are changed.
        caller: who makes the changes.
        emulated: whether the endpoint is not AWS.
        done: whether this tells of a run that ended, and not of one to come.
        principals: one each, in the order of the spec.
        refusals: what stops the whole run, before anything changes.
        notices: what holds for all of it.
        next: commands that follow, the first one recommended.
    """

    incident: str
    title: str = ""
    disposition: str = ""
    account: str = ""
    caller: str = ""
    emulated: bool = False
    done: bool = False
    principals: tuple[PrincipalDiff, ...] = ()
    refusals: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    next: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Verb, int]:
        """How many principals each verb is about; verbs that are about none are left out."""
        verbs = [item.verb for item in self.principals]
        return {verb: verbs.count(verb) for verb in _ORDER if verb in verbs}

    @property
    def summary(self) -> str:
        """The counts as a sentence, such as ``2 to contain, 1 conflict``."""
        words = _PAST if self.done else _AHEAD
        parts = [f"{count} {words[verb]}" for verb, count in self.counts.items()]
        conflicts = sum(len(item.conflicts) for item in self.principals)
        if conflicts:
            parts.append(f"{conflicts} conflict{'' if conflicts == 1 else 's'}")
        if self.refusals:
            parts.append(f"{len(self.refusals)} refused")
        return ", ".join(parts) or "nothing changes"


_ORDER: tuple[Verb, ...] = ("contain", "raise", "lower", "repair", "lift", "keep", "refuse")
_AHEAD: dict[Verb, str] = {
    "contain": "to contain",
    "raise": "to raise",
    "lower": "to lower",
    "repair": "to repair",
    "lift": "to lift",
    "keep": "unchanged",
    "refuse": "cannot be changed",
}
_PAST: dict[Verb, str] = {
    "contain": "contained",
    "raise": "raised",
    "lower": "lowered",
    "repair": "repaired",
    "lift": "lifted",
    "keep": "unchanged",
    "refuse": "not changed",
}


def text_diff(before: str | None, after: str | None) -> tuple[Line, ...]:
    """Return the line diff of two policy documents; None stands for no document.

    Each is laid out anew with sorted keys, so that a document which only AWS's formatting tells
    from the other shows no difference. What is no JSON is compared as text.
    """
    old, new = _laid_out(before), _laid_out(after)
    lines: list[Line] = []
    for tag, first, last, start, end in difflib.SequenceMatcher(
        a=old, b=new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            lines += [Line(" ", text) for text in old[first:last]]
        else:
            lines += [Line("-", text) for text in old[first:last]]
            lines += [Line("+", text) for text in new[start:end]]
    return tuple(lines)


def _laid_out(document: str | None) -> list[str]:
    if document is None:
        return []
    try:
        value = json.loads(document)
    except ValueError:
        return document.splitlines()
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a diff near what changed, and how many unchanged ones were left out."""

    lines: tuple[Line, ...]
    omitted: int = field(default=0)


def excerpt(lines: tuple[Line, ...], context: int = 2) -> Excerpt:
    """Return *lines* without the unchanged ones further than *context* from a change."""
    near = {
        index + offset
        for index, line in enumerate(lines)
        if line.sign != " "
        for offset in range(-context, context + 1)
    }
    kept = tuple(line for index, line in enumerate(lines) if index in near)
    return Excerpt(kept, len(lines) - len(kept))
