"""What an Athena table of the lab holds: Glue says where, S3 has the objects.

Source: Athena User Guide, "Set up partition projection" (storage.location.template) and "Create a
table for CloudTrail logs in Athena using manual partitioning".
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from containment.lab.services.athena_sql import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_S3 = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object, and the partition it belongs to."""

    bucket: str
    key: str
    partition: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A table as Glue has it."""

    columns: dict[str, str]
    keys: dict[str, str]
    objects: list[Stored]


def table(account: str, region: str, database: str, name: str) -> Table:
    """Return a table of the lab's Glue.

    Raises:
        QueryError: there is none of that name.
    """
    from moto.glue.models import glue_backends

    made = glue_backends[account][region].databases.get(database)
    stored = made.tables.get(name) if made is not None else None
    if stored is None:
        raise QueryError(
            f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist"
        )
    description: dict[str, Any] = stored.as_dict()
    columns = {
        one["Name"].lower(): one["Type"] for one in description["StorageDescriptor"]["Columns"]
    }
    keys = {
        one["Name"]: one.get("Type", "string") for one in description.get("PartitionKeys") or ()
    }
    return Table(columns, keys, list(_objects(description, keys, stored)))


def _objects(description: dict[str, Any], keys: dict[str, str], table: Any) -> Iterator[Stored]:
    parameters = description.get("Parameters") or {}
    if not keys:
        yield from _under(description["StorageDescriptor"]["Location"], {})
    elif parameters.get("projection.enabled") == "true":
        yield from _projected(parameters["storage.location.template"], keys)
    else:
        for one in table.partitions.values():
            place = one.as_dict()["StorageDescriptor"]["Location"]
            yield from _under(place, dict(zip(keys, one.values, strict=True)))


def _projected(template: str, keys: dict[str, str]) -> Iterator[Stored]:
    """Yield every object whose key the template makes, with the values that it takes for that."""
    pattern = re.escape(template.rstrip("/"))
    for key in keys:
        # A date is projected with slashes too; what follows it holds nothing but the file's name.
        pattern = pattern.replace(re.escape(f"${{{key}}}"), f"(?P<{key}>.+?)")
    fixed = template.partition("$")[0]
    for one in _under(fixed.rpartition("/")[0], {}):
        match = re.fullmatch(f"{pattern}/[^/]+", f"s3://{one.bucket}/{one.key}")
        if match is not None:
            yield Stored(one.bucket, one.key, match.groupdict())


def _under(place: str, partition: dict[str, str]) -> Iterator[Stored]:
    match = _S3.fullmatch(place)
    if match is None:
        raise QueryError(f"INVALID_TABLE_PROPERTY: {place} is no location in S3")
    bucket, prefix = match[1], match[2].rstrip("/") + "/" if match[2] else ""
    for key in sorted(_bucket(bucket).keys.keys()):
        if key.startswith(prefix):
            yield Stored(bucket, key, partition)


def _bucket(name: str) -> Any:
    from moto.s3.models import s3_backends

    if name not in s3_backends.bucket_accounts:
        raise QueryError(f"HIVE_METASTORE_ERROR: The specified bucket {name} does not exist")
    partition, account = s3_backends.bucket_accounts[name]
    return s3_backends[account][partition].buckets[name]


def size(stored: Stored) -> int:
    """Return how many bytes of S3 an object takes: what Athena counts as scanned."""
    return len(_bucket(stored.bucket).keys[stored.key].value)


def records(stored: Stored) -> Iterator[dict[str, Any]]:
    """Yield the CloudTrail records of an object, each with its partition's values.

    Raises:
        QueryError: it cannot be read, which fails the whole query, as at AWS.
    """
    content = bytes(_bucket(stored.bucket).keys[stored.key].value)
    where = f"s3://{stored.bucket}/{stored.key}"
    try:
        text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        listed = json.loads(text)["Records"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise QueryError(f"HIVE_CURSOR_ERROR: Error reading {where}: {error}") from error
    for record in listed:
        yield record | stored.partition


def put(place: str, content: bytes) -> None:
    """Write a result to *place*.

    Raises:
        QueryError: there is no such bucket.
    """
    from moto.s3.models import s3_backends

    match = _S3.fullmatch(place)
    if match is None or match[1] not in s3_backends.bucket_accounts:
        raise QueryError(f"Unable to verify/create output bucket {match[1] if match else place}")
    partition, account = s3_backends.bucket_accounts[match[1]]
    s3_backends[account][partition].put_object(match[1], match[2], content)
