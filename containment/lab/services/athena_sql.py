"""A query in Athena's dialect, executed: sqlglot translates it, DuckDB runs it.

moto keeps queries and runs none, so that each would answer with nothing. An emulated AWS that says
"no rows" where there are some would be worse than one without Athena.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Json = dict[str, Any]


class QueryError(Exception):
    """The query cannot be executed; the text says why."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A result, its values as they are in DuckDB."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT over one table, parsed and not executed yet."""

    tree: exp.Query
    table: str  # its name without the database
    database: str

    def on_partitions(self, keys: Mapping[str, str]) -> str:
        """Return the conditions of the query that only look at partition *keys*, in DuckDB's SQL.

        Engines skip the partitions for which these do not hold.
        """
        scan = next(one for one in self.tree.find_all(exp.Select) if _reads(one, self.table))
        where = scan.args.get("where")
        parts = list(where.this.flatten()) if where and isinstance(where.this, exp.And) else []
        parts = parts or ([where.this] if where else [])
        chosen = [
            part
            for part in parts
            if (named := {column.name.lower() for column in part.find_all(exp.Column)})
            and named <= keys.keys()
        ]
        return " AND ".join(part.sql("duckdb") for part in chosen) or "TRUE"


def parse(text: str, dialect: str = "athena") -> Query:
    """Return *text* as a query.

    Raises:
        QueryError: it is not one SELECT over one table in *dialect*.
    """
    try:
        trees = sqlglot.parse(text, dialect=dialect)
    except SqlglotError as error:
        raise QueryError(f"SYNTAX_ERROR: {error}") from error
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Query):
        raise QueryError("NOT_SUPPORTED: the lab executes one SELECT a query")
    tables = {(table.db.lower(), table.name.lower()) for table in tree.find_all(exp.Table)}
    if len(tables) != 1:
        raise QueryError("NOT_SUPPORTED: the lab executes queries over one table")
    ((database, table),) = tables
    return Query(tree, table, database)


def _reads(select: exp.Select, table: str) -> bool:
    source = select.args.get("from") or select.args.get("from_")
    return (
        source is not None
        and isinstance(source.this, exp.Table)
        and (source.this.name.lower() == table)
    )


def execute(
    query: Query,
    columns: Mapping[str, str],
    records: Iterable[Json],
    bound: Mapping[str, str] | None = None,
) -> Rows:
    """Execute *query* over *records*, whose *columns* have Hive's types.

    Raises:
        QueryError: a column is not there, or a function is not known.
    """
    types, shapes = _columns(tuple(columns.items()))
    tree = query.tree.transform(_plain_table, copy=True)
    with tempfile.TemporaryDirectory(prefix="lab-athena-") as folder, duckdb.connect() as engine:
        lines = Path(folder, "rows.json")
        with lines.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for record in records:
                lowered = {name.lower(): value for name, value in record.items()}
                row = {name: shapes[name](lowered.get(name)) for name in columns}
                file.write(json.dumps(row) + "\n")
        try:
            engine.execute(
                f'CREATE TABLE "{query.table}" AS SELECT * FROM read_json(?,'  # noqa: S608 -- a name of Glue's
                f" columns = {{{types}}}, format = 'newline_delimited',"
                " maximum_object_size = 67108864)",
                [str(lines)],
            )
            # What a query can reach ends here: not the machine's files, not the network.
            engine.execute("SET enable_external_access = false")
            result = engine.execute(tree.sql("duckdb"), dict(bound or {}))
            names = tuple(column[0] for column in result.description or ())
            return Rows(names, result.fetchall())
        except duckdb.Error as error:
            raise QueryError(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error


@cache
def _columns(columns: tuple[tuple[str, str], ...]) -> tuple[str, dict[str, Callable[[Any], Any]]]:
    """Return DuckDB's types of *columns*, and what brings a value into each: slow to parse."""
    kinds = {name: exp.DataType.build(kind, dialect="hive") for name, kind in columns}
    types = ", ".join(f"'{name}': '{kind.sql('duckdb')}'" for name, kind in kinds.items())
    return types, {name: _shape(kind) for name, kind in kinds.items()}


def _plain_table(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Table):
        return exp.to_table(f'"{node.name.lower()}"', dialect="duckdb")
    return node


def _shape(kind: exp.DataType) -> Callable[[Any], Any]:
    """Return what brings a value into a column of *kind*, as Hive's JSON SerDe does."""
    if kind.is_type("struct"):
        inner = {one.name.lower(): _shape(one.args["kind"]) for one in kind.expressions}

        def struct(value: Any) -> Any:
            if not isinstance(value, dict):
                return None
            lowered = {str(name).lower(): item for name, item in value.items()}
            return {name: shape(lowered.get(name)) for name, shape in inner.items()}

        return struct
    if kind.is_type("array"):
        item = _shape(kind.expressions[0])
        return lambda value: [item(one) for one in value] if isinstance(value, list) else None
    if kind.is_type("map"):
        return _map
    return _text


def _map(value: Any) -> Any:
    return cast("Json", value) if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def holding(condition: str, partitions: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return those *partitions*, each key -> value, for which *condition* holds."""
    kept = []
    with duckdb.connect() as engine:
        engine.execute("SET enable_external_access = false")
        for one in partitions:
            named = ", ".join(f'? AS "{key}"' for key in one)
            asked = f"SELECT ({condition}) FROM (SELECT {named}) one"  # noqa: S608 -- as parsed
            if not one or (engine.execute(asked, list(one.values())).fetchone() or [False])[0]:
                kept.append(dict(one))
    return kept
