"""Which calls change who can act in an account, as patterns for a policy's ``Action``.

Actions are matched by every beginning but those of reads, and not by their names: a call that AWS
adds tomorrow is covered unseen. A pattern is one of the service's prefix and the first letters of a
name, for IAM has no other wildcard than ``*`` and ``?`` ("IAM JSON policy elements: Action").
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from string import ascii_lowercase, ascii_uppercase

_FILE = FilePath(__file__).with_name("identity_changes.toml")
# What can follow the beginning of an English verb that some read begins with as well: a letter less
# is a pattern less, and a control policy has no more than 10,240 characters. Any letter can follow
# another beginning.
_AFTER = {
    "D": "aeioruwy",
    "De": "acdeflmnoprtv",
    "G": "aehilnoruwy",
    "L": "aeiouy",
    "P": "aehilorstuy",
    "S": "acehiklmnopqrtuwy",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service of which all but *reads* and *spared* is an identity's change, and why."""

    prefix: str
    reads: tuple[str, ...]
    spared: tuple[str, ...]
    reason: str

    def patterns(self) -> tuple[str, ...]:
        """Return the patterns that match each of its other actions."""
        return tuple(f"{self.prefix}:{word}*" for word in _beginnings(self.reads + self.spared))


@dataclass(frozen=True, slots=True)
class Path:
    """Single actions of a service whose others are a workload's, and why these are none."""

    actions: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that changes an identity."""

    services: tuple[Service, ...]
    paths: tuple[Path, ...]

    def patterns(self) -> list[str]:
        """Return every pattern, for ``Action``."""
        whole = [pattern for service in self.services for pattern in service.patterns()]
        return whole + [action for path in self.paths for action in path.actions]


@cache
def table() -> Table:
    """Return the table.

    Raises:
        KeyError: a row lacks a column.
    """
    raw = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return Table(
        services=tuple(
            Service(row["prefix"], tuple(row["reads"]), tuple(row.get("spared", ())), row["reason"])
            for row in raw["service"]
        ),
        paths=tuple(Path(tuple(row["actions"]), row["reason"]) for row in raw["path"]),
    )


def _beginnings(but: tuple[str, ...], start: str = "") -> tuple[str, ...]:
    """Return the shortest beginnings, after *start*, of words that begin with none of *but*."""
    prefixes: list[str] = []
    letters = _AFTER.get(start, ascii_lowercase) if start else ascii_uppercase
    for letter in letters:
        word = start + letter
        longer = tuple(one for one in but if one.startswith(word))
        if not longer:
            prefixes.append(word)
        elif word not in longer:
            prefixes += _beginnings(longer, word)
    return tuple(prefixes)
