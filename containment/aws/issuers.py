"""The table of operations that issue or revoke credentials, as ``issuers.toml`` holds it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Issuer:
    """An operation (``service:Operation``, as botocore names both) that issues a credential."""

    operation: str
    issues: str
    contained_by: str
    longest_life: str
    seen: str


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
    # Operation -> why what it handles is no credential for AWS.
    others: dict[str, str]


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
        others={name: row["reason"] for row in raw["other"] for name in row["operations"]},
    )
