"""Run the trace's statements on Trino, over a table of its Hive connector.

Source: Trino Python client, "DB-API"; Trino documentation, "Hive connector".
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from containment.errors import SpecError, UnavailableError
from containment.trail.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.trail.sql.statements import Statement

_PORTS = {"http": 8080, "https": 443}


class Trino:
    """Executes statements over a DB-API connection."""

    dialect = "trino"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __call__(self, statement: Statement) -> Iterator[dict[str, Any]]:
        """Execute *statement* and yield its rows by column name; Ctrl-C cancels it at Trino too.

        Raises:
            UnavailableError: Trino cannot execute it, or does not answer.
        """
        for row, columns in self._fetch(statement.text):
            yield dict(zip(columns, row, strict=True))

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of *table*: Trino's type by the lower-case name.

        Raises:
            SpecError: *table* is no table's name.
            UnavailableError: Trino has no such table, or does not answer.
        """
        named = statements.Slice(table, "").named(
            statements.Statement(statements.DIALECTS[self.dialect])
        )
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"SELECT * FROM {named} LIMIT 0")  # noqa: S608 -- checked just above
            cursor.fetchall()
        except Exception as error:
            raise _unanswered(error) from error
        return {str(name).lower(): str(kind) for name, kind, *_ in cursor.description or ()}

    def _fetch(self, text: str) -> Iterator[tuple[tuple[Any, ...], list[str]]]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(text)
            columns = [str(column[0]).lower() for column in cursor.description or ()]
            while rows := cursor.fetchmany(1000):
                for row in rows:
                    yield tuple(row), columns
        except KeyboardInterrupt:
            cursor.cancel()
            raise
        except Exception as error:
            # A driver's errors share no base with anything that is imported here.
            raise _unanswered(error) from error


def connect(server: str, password: str = "") -> Trino:
    """Connect to ``https://user@host[:port]/catalog[/schema]``.

    Raises:
        SpecError: *server* is no such address, or a password would go over plain HTTP.
        UnavailableError: the client package is missing.
    """
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    catalog, _, schema = parts.path.strip("/").partition("/")
    if parts.scheme not in _PORTS or not parts.hostname or not parts.username or not catalog:
        raise SpecError(
            "--server does not say all that Trino needs",
            remedy="write it as https://user@host:port/catalog/schema",
        )
    if parts.password:
        raise SpecError(
            "a password in the address is seen by everybody on this machine",
            remedy="set TRINO_PASSWORD instead",
        )
    if password and parts.scheme != "https":
        raise SpecError("a password is not sent over plain HTTP", remedy="use https://")
    try:
        dbapi: Any = import_module("trino.dbapi")
        auth: Any = import_module("trino.auth")
    except ImportError as error:
        raise UnavailableError(
            "the Trino client is not installed", remedy="pip install 'containment[trace,trino]'"
        ) from error
    user = unquote(parts.username)
    return Trino(
        dbapi.connect(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            user=user,
            http_scheme=parts.scheme,
            auth=auth.BasicAuthentication(user, password) if password else None,
            catalog=catalog,
            schema=schema or None,
            source="containment-trace",
        )
    )


def _unanswered(error: Exception) -> UnavailableError:
    error_lines = str(error).splitlines() or [type(error).__name__]
    return UnavailableError(
        f"Trino cannot execute the query: {error_lines[0]}",
        remedy="check the server, its catalog and that the table is AWS's documented one",
    )
