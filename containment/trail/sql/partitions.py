"""Which partitions of a CloudTrail table a trace from T0 on has to read.

CloudTrail names objects after the time of delivery, which is later than every event inside: so a
day before the first moment asked for holds nothing, and no day after it may be left out, for late
delivery has no bound that AWS promises.

Source: Athena User Guide, "Create the table for CloudTrail logs in Athena using partition
projection" (timestamp as yyyy/MM/dd), "… using manual partitioning" and "… for an organization
wide trail" (account, region, year, month, day), "Supported types for partition projection".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from containment.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from containment.trail.sql.statements import Condition

_ACCOUNT = frozenset({"account", "accountid", "account_id", "aws_account", "recipientaccountid"})
_REGION = frozenset({"region", "awsregion", "aws_region"})
_SPLIT = ("year", "month", "day")
# The letters of java.time's patterns that stand in order of size, so that text compares as time.
_LETTERS = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"))


@dataclass(frozen=True, slots=True)
class Layout:
    """The partition columns of a table, as far as a trace can choose by them."""

    account: str = ""
    region: str = ""
    day: str = ""
    day_format: str = ""  # of strftime
    split: bool = False  # year, month and day as columns of their own
    required: frozenset[str] = frozenset()  # projected by injection: a query has to name them

    def conditions(
        self, since: str, accounts: Iterable[str] = (), regions: Iterable[str] = ()
    ) -> tuple[tuple[Condition, ...], ...]:
        """Return the alternatives that hold a statement to what was delivered after *since*.

        Raises:
            SpecError: the table is not partitioned by what was asked for, or wants to be told.
        """
        fixed: list[Condition] = []
        for column, values, option in (
            (self.account, tuple(sorted(accounts)), "--only-account"),
            (self.region, tuple(sorted(regions)), "--only-region"),
        ):
            if values and not column:
                raise SpecError(
                    f"the table has no partitions that {option} could choose by",
                    remedy=f"leave {option} out: it would save nothing",
                )
            if values:
                fixed.append((column, "IN", values))
            elif column in self.required:
                raise SpecError(
                    f"the table wants to be told its {column}",
                    remedy=f"name every one that counts with {option}",
                )
        return tuple((*fixed, *late) for late in self._late(since)) if fixed or self._dated else ()

    @property
    def _dated(self) -> bool:
        return bool(self.day or self.split)

    def _late(self, since: str) -> list[tuple[Condition, ...]]:
        first = datetime.strptime(since, "%Y-%m-%dT%H:%M:%S%z")
        if self.day:
            return [((self.day, ">=", (first.strftime(self.day_format),)),)]
        if not self.split:
            return [()]
        year, month, day = f"{first:%Y}", _forms(first.month, 12), _forms(first.day, 31)
        this_month: tuple[Condition, ...] = (
            ("year", "=", (year,)),
            ("month", "IN", month[:2]),
            ("day", "IN", day),
        )
        later: list[tuple[Condition, ...]] = [(("year", ">", (year,)),), this_month]
        if month[2:]:
            later.append((("year", "=", (year,)), ("month", "IN", month[2:])))
        return later


def _forms(first: int, last: int) -> tuple[str, ...]:
    """Every number from *first* to *last*, with and without a zero before it."""
    return tuple(form for n in range(first, last + 1) for form in (f"{n:02}", str(n)))


def layout_of(keys: Mapping[str, str], projection: Mapping[str, str]) -> Layout:
    """Return the layout of a table with partition *keys*, name -> type, as Glue describes it."""
    text = [name for name, kind in keys.items() if kind.lower() in ("string", "varchar")]
    day, day_format = "", ""
    for name in text:
        pattern = projection.get(f"projection.{name}.format", "")
        if projection.get(f"projection.{name}.type") == "date" and (
            strftime_format := _strftime(pattern)
        ):
            day, day_format = name, strftime_format
    return Layout(
        account=next((name for name in text if name.lower() in _ACCOUNT), ""),
        region=next((name for name in text if name.lower() in _REGION), ""),
        day=day,
        day_format=day_format,
        split=not day and set(_SPLIT) <= set(text),
        required=frozenset(
            name for name in text if projection.get(f"projection.{name}.type") == "injected"
        ),
    )


def layout_named(columns: Iterable[str], day: str) -> Layout:
    """Return the layout of a table with *columns*, where nobody says which are partitions.

    Args:
        columns: the names of the table's columns.
        day: what the reader says: ``timestamp=yyyy/MM/dd``, ``year,month,day``, or nothing.

    Raises:
        SpecError: *day* is neither, or names no column of the table.
    """
    column_names = {name.lower() for name in columns}
    account = next(iter(sorted(column_names & (_ACCOUNT - {"recipientaccountid"}))), "")
    region = next(iter(sorted(column_names & (_REGION - {"awsregion"}))), "")
    if not day:
        return Layout(account, region)
    name, _, pattern = day.partition("=")
    split = tuple(name.split(",")) == _SPLIT
    strftime_format = "" if split else _strftime(pattern)
    if not (split or strftime_format):
        raise SpecError(
            f"{day!r} is no day column",
            remedy="write it as timestamp=yyyy/MM/dd or year,month,day",
        )
    missing = set(name.lower().split(",")) - column_names
    if missing:
        raise SpecError(
            f"the table has no column {', '.join(sorted(missing))}",
            remedy=f"name one of {', '.join(sorted(column_names))}",
        )
    return Layout(account, region, "" if split else name, strftime_format, split)


def _strftime(pattern: str) -> str:
    """Return *pattern* for strftime; nothing where its text does not compare as time."""
    rest = re.sub(r"[^A-Za-z]", "", pattern)
    letters = "".join(java for java, _ in _LETTERS)
    if len(rest) < len("yyyyMMdd") or not letters.startswith(rest):
        return ""
    for java, python in _LETTERS:
        pattern = pattern.replace(java, python)
    return pattern
