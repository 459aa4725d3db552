"""Rows of a Parquet file, some at a time: Security Lake's objects, and tables that others made.

Source: Amazon Security Lake User Guide, "Open Cybersecurity Schema Framework (OCSF)": it keeps its
events as Apache Parquet. Apache Parquet, "File Format": a file begins and ends with ``PAR1``.
"""

from __future__ import annotations

from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"PAR1"
_ROWS = 500


class ParquetError(Exception):
    """It cannot be read; the text says why."""


def rows(file: BinaryIO, largest: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of *file*, as JSON would have them, some at a time.

    Raises:
        ParquetError: it is damaged, holds more than *largest* bytes, or pyarrow is not installed.
    """
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise ParquetError("Parquet, for which pyarrow is missing: 'containment[trace]'") from error
    try:
        table = parquet.ParquetFile(file)
        groups = range(table.metadata.num_row_groups)
        if sum(table.metadata.row_group(group).total_byte_size for group in groups) > largest:
            raise ParquetError(f"larger than {largest:,} bytes; none of it was read")
        for batch in table.iter_batches(_ROWS):
            yield [_as_json(row) for row in batch.to_pylist(maps_as_pydicts="lossy")]
    # What a damaged file makes of the decoder is not one kind of error.
    except (arrow.ArrowException, OSError, ValueError, MemoryError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise ParquetError(f"damaged Parquet: {lines[0][:200]}") from error


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float | None) else str(value)
