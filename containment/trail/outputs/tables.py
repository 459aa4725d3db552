"""The answer as tables, in CSV for a spreadsheet and in Parquet for a query engine."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from containment.errors import UnavailableError
from containment.files import replacing
from containment.text import csv_cell
from containment.trail.outputs.document import document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from containment.trail.answer.result import Trace

TABLES = ("credentials", "calls", "resources", "external_trust", "files", "gaps")


def write_csv(trace: Trace, folder: Path) -> list[Path]:
    """Write one file a table; cells that a spreadsheet would run are disarmed.

    Raises:
        UnavailableError: the folder cannot be written.
    """
    written = []
    for name, columns, rows in _tables(trace):
        with replacing(folder / f"{name}.csv") as path, path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(columns)
            table.writerows([_cell(row[column]) for column in columns] for row in rows)
        written.append(folder / f"{name}.csv")
    return written


def _cell(value: object) -> str | int:
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    return csv_cell(value if isinstance(value, str) else json.dumps(value))


def write_parquet(trace: Trace, folder: Path) -> list[Path]:
    """Write one Parquet file a table.

    Raises:
        UnavailableError: pyarrow is missing, or the folder cannot be written.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 -- 170 MB that only this needs
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError(
            "Parquet needs the package pyarrow, which is not installed",
            remedy="install containment[trace], or use --csv",
        ) from error
    written = []
    for name, columns, rows in _tables(trace):
        fields = [(column, _arrow_type(pa, column)) for column in columns]
        values = {column: [_parquet_value(row[column]) for row in rows] for column in columns}
        with replacing(folder / f"{name}.parquet") as path:
            pq.write_table(pa.table(values, schema=pa.schema(fields)), path)
        written.append(folder / f"{name}.parquet")
    return written


_NUMBERS = frozenset(
    {"generation", "event_count", "not_told_apart", "errors", "size", "records", "rejected"}
)
_LISTS = frozenset({"link_event_ids", "source_ips", "regions", "credentials", "resources"})


def _arrow_type(pa: Any, column: str) -> Any:
    if column in _NUMBERS:
        return pa.int64()
    return pa.list_(pa.string()) if column in _LISTS else pa.string()


def _parquet_value(value: object) -> object:
    """Return maps, and text that is no Unicode (lone surrogates), as text."""
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        return [_parquet_value(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _tables(trace: Trace) -> Iterator[tuple[str, list[str], list[dict[str, Any]]]]:
    whole = document(trace)
    for name in TABLES:
        yield name, list(COLUMNS[name]), whole[name]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLUMNS = {
    "credentials": _words(
        """
        id kind tier parent link_event_ids issued_by issued_at for_principal owner owner_arn why
        confidence generation expires event_count not_told_apart event_names errors first_seen
        last_seen
        source_ips regions
        """
    ),
    "calls": _words(
        """
        event_id credential class outcome at name source account region error source_ip
        user_agent resources
        """
    ),
    "resources": _words(
        "id arn type account regions tags owner first_touched last_touched classes credentials"
    ),
    "external_trust": _words("role principal event_id at"),
    "files": _words("path status detail sha256 size records rejected first last"),
    "gaps": _words("kind what"),
}
