"""What Glue knows of an Athena table, and what its partitions hold in S3.

Source: Glue API reference, "GetTable", "GetPartitions"; Athena User Guide, "Set up partition
projection" (storage.location.template); Athena pricing, "SQL queries": by terabyte scanned, as
stored, so compressed bytes count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError, NotFoundError, SpecError
from containment.trail.sql import statements
from containment.trail.sql.partitions import Layout, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from containment.trail.sql.statements import Condition

_TERABYTE = 1e12
_SCANS = 3  # the edges, the records, and once more for what they raise
_LEAST = 10_000_000  # bytes that a query costs at least
_MANY = 2_000  # prefixes; listing more takes minutes
_S3 = re.compile(r"s3a?://([^/]+)/?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as Glue describes it."""

    database: str
    name: str
    columns: dict[str, str]
    keys: Mapping[str, str]
    location: str
    parameters: Mapping[str, str]

    @property
    def all_columns(self) -> set[str]:
        """The names of columns and partitions."""
        return {*self.columns, *self.keys}

    @property
    def layout(self) -> Layout:
        """The partition columns that a trace can choose by."""
        return layout_of(self.keys, self.parameters)

    @property
    def lacks(self) -> frozenset[str]:
        """Documented columns that older tables do not have.

        Raises:
            SpecError: a column that a trace needs is missing.
        """
        return lacking(self.columns, f"{self.database}.{self.name}")


def lacking(columns: Iterable[str], table: str) -> frozenset[str]:
    """Return which optional columns are not among *columns*.

    Raises:
        SpecError: a column that a trace needs is not there.
    """
    missing = statements.COLUMNS - set(columns)
    if missing:
        raise SpecError(
            f"{table} has no column {', '.join(sorted(missing))}",
            remedy="create the table as Athena's page on CloudTrail logs has it",
        )
    return statements.OPTIONAL - set(columns)


def describe(glue: Any, database: str, name: str) -> Table:
    """Return what Glue says of a table.

    Raises:
        NotFoundError: there is no such table.
        AccessError: the caller may not see it.
    """
    try:
        description = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "EntityNotFoundException":
            raise NotFoundError(
                f"there is no table {database}.{name} in this account and Region",
                remedy="check --table and AWS_REGION; AWS's page on CloudTrail logs creates one",
            ) from error
        raise AccessError(
            f"the table {database}.{name} cannot be read: {code}",
            remedy="use credentials with glue:GetTable and glue:GetPartitions",
        ) from error
    except BotoCoreError as error:
        raise AccessError(
            f"Glue does not answer: {error}", remedy="check the credentials and the network"
        ) from error
    storage = description.get("StorageDescriptor", {})
    return Table(
        database,
        name,
        {item["Name"].lower(): item.get("Type", "") for item in storage.get("Columns", ())},
        {key["Name"]: key.get("Type", "string") for key in description.get("PartitionKeys", ())},
        storage.get("Location", ""),
        description.get("Parameters", {}),
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a trace over some partitions will read; nothing where that cannot be told."""

    bytes: int | None
    why: str = ""

    def dollars(self, price: float) -> float | None:
        """Return the cost at *price* dollars a terabyte."""
        if self.bytes is None:
            return None
        return round(_SCANS * max(self.bytes, _LEAST) / _TERABYTE * price, 2)


def estimate(
    glue: Any,
    s3: Any,
    table: Table,
    alternatives: tuple[tuple[Condition, ...], ...],
    until: datetime,
) -> Estimate:
    """Return how many bytes the partitions hold that *alternatives* leave."""
    try:
        places = _places(glue, table, alternatives, until)
        if len(places) > _MANY:
            return Estimate(None, f"{len(places):,} partitions")
        return Estimate(sum(_stored_bytes(s3, place) for place in sorted(places)))
    except (ClientError, BotoCoreError, _UntoldError) as error:
        return Estimate(None, str(error))


class _UntoldError(Exception):
    """The partitions cannot be listed."""


def _places(
    glue: Any, table: Table, alternatives: tuple[tuple[Condition, ...], ...], until: datetime
) -> set[str]:
    if not table.keys:
        return {table.location}
    if table.parameters.get("projection.enabled", "").lower() == "true":
        return set(_projected(table, alternatives, until))
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName=table.database, TableName=table.name
    )
    return {
        one["StorageDescriptor"]["Location"]
        for page in pages
        for one in page["Partitions"]
        if _holds(dict(zip(table.keys, one["Values"], strict=True)), alternatives)
    }


def _projected(
    table: Table, alternatives: tuple[tuple[Condition, ...], ...], until: datetime
) -> Iterator[str]:
    layout = table.layout
    by_name = "".join(f"/{key}=${{{key}}}" for key in table.keys)
    template = table.parameters.get(
        "storage.location.template", table.location.rstrip("/") + by_name
    )
    chosen = {
        column: values for one in alternatives for column, sign, values in one if sign == "IN"
    }
    each: dict[str, list[str]] = {}
    for key in table.keys:
        if key == layout.day:
            first = next((v[0] for a in alternatives for c, _, v in a if c == key), "")
            if not first:
                raise _UntoldError(f"nothing says from which {key} on")
            each[key] = list(_days(first, layout.day_format, until))
        else:
            listed = table.parameters.get(f"projection.{key}.values", "")
            each[key] = list(chosen.get(key, ())) or [v.strip() for v in listed.split(",")]
            if each[key] == [""]:
                raise _UntoldError(f"nothing lists the values of partition {key}")
    for values in product(*each.values()):
        place = template
        for key, value in zip(each, values, strict=True):
            place = place.replace(f"${{{key}}}", value)
        yield place


def _days(first: str, pattern: str, until: datetime) -> Iterator[str]:
    step = timedelta(hours=1) if "%H" in pattern else timedelta(days=1)
    day = datetime.strptime(first, pattern).replace(tzinfo=until.tzinfo)
    while day <= until + step:  # a clock behind AWS's must not hide the newest partition
        yield day.strftime(pattern)
        day += step


def _holds(values: Mapping[str, str], alternatives: tuple[tuple[Condition, ...], ...]) -> bool:
    return not alternatives or any(
        all(_compare(values.get(column), sign, operands) for column, sign, operands in one)
        for one in alternatives
    )


def _compare(value: str | None, sign: str, operands: tuple[str, ...]) -> bool:
    if value is None:  # no partition: it may hold in any of them
        return True
    if sign == "IN":
        return value in operands
    if sign == "=":
        return value == operands[0]
    return value > operands[0] if sign == ">" else value >= operands[0]


def _stored_bytes(s3: Any, place: str) -> int:
    match = _S3.fullmatch(place)
    if match is None:
        raise _UntoldError(f"{place or 'nowhere'} is no place in S3")
    prefix = match[2] if match[2].endswith("/") or not match[2] else match[2] + "/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=match[1], Prefix=prefix)
    return sum(int(item["Size"]) for page in pages for item in page.get("Contents", ()))
