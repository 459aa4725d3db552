"""Claims: tags on the principal that say what a facet without an owner was before we changed it.

A credential's status and an attachment of AWSDenyAll carry no mark of whoever made them so, so the
incident that changed one writes down beside it what it found. A tag's value holds words of the form
``<what>=<prior>`` and ends with the snapshot and the generation. What does not fit into one value
(256 characters of IAM's tag alphabet, "Tags for IAM and AWS STS resources") goes on in a further
tag, each whole in itself: ``containment:<incident>``, ``containment:<incident>/2``, and so on. The
largest user that AWS allows (two access keys, five SSH keys, two certificates, two credentials for
each of four services: "IAM and AWS STS quotas") takes two of its 50 tags.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.facets.marks import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST = 256
# A status takes one letter; releases before wrote it out, and both are read.
_LETTERS = {"Active": "A", "Inactive": "I", "Kept": "K"}
_WORDS = {letter: word for word, letter in _LETTERS.items()}
# After a status: the credential leaked, or may be the attacker's own.
_SUSPECT = "L"
_SUSPECTED = {f"{letter}{_SUSPECT}" for letter in _WORDS}


@dataclass(frozen=True, slots=True)
class Claim:
    """What one incident found, by the name of the thing: ``{"AKIA…": "Active"}``.

    Attributes:
        snapshot_id: under which snapshot.
        generation: of the write that it is of.
        priors: what each was before.
        suspect: the credentials that only a mistaken incident gives back: they leaked, or are no
            older than the compromise. A claim by an earlier release names none.
    """

    snapshot_id: str
    generation: int
    priors: Mapping[str, str] = field(default_factory=dict[str, str])
    suspect: frozenset[str] = frozenset()

    @property
    def value(self) -> str:
        """The whole claim as one tag's value, however long."""
        return " ".join([*self._words(), self._end])

    def values(self, key: str) -> dict[str, str]:
        """Return the tags that hold it, by key; *key* is the first one's.

        What was Active comes first, for that is what a lift asks for.
        """
        parts: list[list[str]] = [[]]
        for word in self._words():
            if len(" ".join([*parts[-1], word, self._end])) > LONGEST and parts[-1]:
                parts.append([])
            parts[-1].append(word)
        return {
            key if number == 1 else f"{key}/{number}": " ".join([*words, self._end])
            for number, words in enumerate(parts, start=1)
        }

    @property
    def _end(self) -> str:
        return f"s={self.snapshot_id} g={self.generation}"

    def _words(self) -> Iterator[str]:
        order = sorted(self.priors.items(), key=lambda item: (item[1] != "Active", item[0]))
        return (
            f"{what}={_LETTERS.get(prior, prior)}{_SUSPECT if what in self.suspect else ''}"
            for what, prior in order
        )


def parse(value: str | None) -> Claim | None:
    """Return the claim in a tag's *value*, or None where it is missing or was made unreadable."""
    pairs = (word.partition("=") for word in (value or "").split())
    words = {what: prior for what, _, prior in pairs}
    snapshot_id, generation = words.pop("s", ""), words.pop("g", "")
    if not snapshot_id or not generation.isdecimal() or int(generation) > NEWEST:
        return None
    suspect = {what for what, prior in words.items() if prior in _SUSPECTED}
    priors = {
        what: _WORDS.get(prior.removesuffix(_SUSPECT) if what in suspect else prior, prior)
        for what, prior in words.items()
    }
    return Claim(snapshot_id, int(generation), priors, frozenset(suspect))


def keys(tags: Mapping[str, str], key: str) -> list[str]:
    """Return the keys, among *tags*, of the claim that begins at *key*, in order."""
    further = (f"{key}/{number}" for number in range(2, 10))
    return [name for name in (key, *further) if name in tags]


def read(tags: Mapping[str, str], key: str, *, whole: bool = False) -> Claim | None:
    """Return the claim that begins at *key*, of all its tags that can be read; None without one.

    A run that was cut off may have left a part of an older write: of one snapshot all parts count,
    and what was written later wins. With *whole* none counts where one cannot be read: what another
    incident holds may be in that one.
    """
    named = keys(tags, key)
    parts = [part for name in named if (part := parse(tags[name])) is not None]
    if not parts or (whole and len(parts) < len(named)):
        return None
    newest = max(parts, key=lambda part: part.generation)
    own = [part for part in parts if part.snapshot_id == newest.snapshot_id]
    priors: dict[str, str] = {}
    suspect: set[str] = set()
    for part in sorted(own, key=lambda part: part.generation):
        priors |= part.priors
        suspect = (suspect - part.priors.keys()) | part.suspect
    return Claim(newest.snapshot_id, newest.generation, priors, frozenset(suspect))
