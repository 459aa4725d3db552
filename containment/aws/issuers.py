"""The table of operations that issue or revoke credentials, as ``issuers.toml`` holds it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

ActsAs = Literal["principal", "role", "outside", "door"]
NOT_DOCUMENTED = "not documented"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An operation (``service:Operation``, as botocore names both) that issues a credential.

    Attributes:
        operation: its name.
        issues: what whoever calls it holds afterwards.
        acts_as: whose rights that has, as the table's own head explains.
        contained_by: what ends it.
        longest_life: how long it works if nobody ends it, in words.
        source: where AWS says so.
        seen: what a use of it looks like in CloudTrail.
        seconds: its longest life as a number, where it is one.
        keyed: whether its event in CloudTrail can name the access key id that was issued.
    """

    operation: str
    issues: str
    acts_as: ActsAs
    contained_by: str
    longest_life: str
    source: str
    seen: str
    seconds: int | None = None
    keyed: bool = False

    @property
    def event(self) -> str:
        """The name of its event in CloudTrail."""
        return self.operation.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of CloudTrail that tells of an issued key and is no operation of botocore's."""

    name: str
    issues: str
    source: str


@dataclass(frozen=True, slots=True)
class Revoker:
    """An operation that ends a credential for good."""

    operation: str
    revokes: str


@dataclass(frozen=True, slots=True)
class Table:
    """Every operation that issues or revokes, and those that only look as if they did."""

    issuers: tuple[Issuer, ...]
    revokers: tuple[Revoker, ...]
    events: tuple[Event, ...]
    # Operation -> why what it handles is no credential for AWS.
    others: dict[str, str]

    @property
    def keyed_events(self) -> frozenset[str]:
        """The names of the events that can tell an issued access key id."""
        named = {row.event for row in self.issuers if row.keyed}
        return frozenset(named | {event.name.partition(":")[2] for event in self.events})


@cache
def table() -> Table:
    """Return the table.

    Raises:
        TypeError: a row has a column too many or too few.
    """
    raw = tomllib.loads((files("containment.aws") / "issuers.toml").read_text(encoding="utf-8"))
    return Table(
        issuers=tuple(Issuer(**row) for row in raw["issuer"]),
        revokers=tuple(Revoker(**row) for row in raw["revoker"]),
        events=tuple(Event(**row) for row in raw["event"]),
        others={name: row["reason"] for row in raw["other"] for name in row["operations"]},
    )
