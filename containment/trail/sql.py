"""The trace's two questions as SQL, over the table that AWS documents for CloudTrail logs.

``edges`` asks who was handed which key; the closure of that runs here, not in the engine, because
engines cap or repeat recursion. ``records`` then asks for every record that bears one of the names
found. What comes back is read by the same code as a file, so a name that meets by chance in SQL
never gets into the answer.

Source: Athena User Guide, "Create a table for CloudTrail logs in Athena using manual partitioning"
(columns; requestparameters and responseelements are JSON in text).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.trail.issuance import ISSUERS
from containment.trail.targets import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

_COLUMNS = (
    "eventtime",
    "eventsource",
    "eventname",
    "awsregion",
    "sourceipaddress",
    "useragent",
    "errorcode",
    "requestparameters",
    "responseelements",
    "additionaleventdata",
    "requestid",
    "eventid",
    "readonly",
    "recipientaccountid",
    "sharedeventid",
)
# One to three words with dots, quoted where the engine wants it: never anything out of a log.
_TABLE = re.compile(r'[A-Za-z_"`][\w"`-]*(?:\.[\w"`-]+){0,2}')
# Names in logs are hostile. These can stand in a literal of every dialect; others are not asked.
_SPEAKABLE = re.compile(r"[\x20-\x7e]{1,2048}")
_KEY = '"accessKeyId" *: *"([A-Za-z0-9_]{16,128})"'


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where the engines differ."""

    name: str
    backslash_escapes: bool
    identity: str
    resources: str

    def text(self, value: str) -> str:
        """Return *value* as a string literal."""
        if self.backslash_escapes:
            value = value.replace("\\", "\\\\")
        return "'" + value.replace("'", "\\'" if self.backslash_escapes else "''") + "'"


_PRESTO = ("json_format(CAST(useridentity AS JSON))", "json_format(CAST(resources AS JSON))")
DIALECTS = {
    "athena": Dialect("athena", False, *_PRESTO),  # noqa: FBT003 -- one word a dialect
    "trino": Dialect("trino", False, *_PRESTO),  # noqa: FBT003
    "spark": Dialect("spark", True, "to_json(useridentity)", "to_json(resources)"),  # noqa: FBT003
}


def check_table(table: str) -> str:
    """Return *table* if it is the name of one.

    Raises:
        SpecError: it is anything else.
    """
    if _TABLE.fullmatch(table):
        return table
    raise SpecError(f"{table!r} is no table name", remedy="write it as database.table")


def edges(dialect: Dialect, table: str, since: str, partition: str = "") -> str:
    """Return the first question: which key was handed which keys, once each."""
    minted = f"array_join(regexp_extract_all(responseelements, {dialect.text(_KEY)}, 1), ',')"
    return (
        f"SELECT DISTINCT useridentity.accesskeyid AS caller, {minted} AS minted\n"
        f"FROM {check_table(table)}\n"
        f"WHERE eventtime >= {dialect.text(since)}{_and(partition)}\n"
        "  AND errorcode IS NULL AND useridentity.accesskeyid IS NOT NULL\n"
        "  AND position('\"accessKeyId\"' IN responseelements) > 0"
    )


def records(
    dialect: Dialect, table: str, since: str, names: AbstractSet[str], partition: str = ""
) -> str:
    """Return the second question: every record since *since* that bears one of *names*."""
    columns = ", ".join(_COLUMNS)
    bears = "\n    OR ".join(_conditions(dialect, names))
    return (
        f"SELECT {dialect.identity} AS useridentity, {dialect.resources} AS resources, {columns}\n"
        f"FROM {check_table(table)}\n"
        f"WHERE eventtime >= {dialect.text(since)}{_and(partition)}\n"
        f"  AND (\n    {bears}\n  )"
    )


def _and(partition: str) -> str:
    return f"\n  AND ({partition})" if partition else ""


def _conditions(dialect: Dialect, names: AbstractSet[str]) -> list[str]:
    """A name may be the caller's key, ARN or id; or what an identity call asks for or answers."""
    said = sorted(name for name in names if _SPEAKABLE.fullmatch(name))
    if not said:
        return ["1 = 0"]
    found = []
    plain = ", ".join(dialect.text(name) for name in said if not _PREFIXED.match(name))
    if plain:
        found += [
            f"useridentity.accesskeyid IN ({plain})",
            f"useridentity.arn IN ({plain})",
            f"sharedeventid IN ({plain})",
        ]
    # One pattern for all words: a condition for each would be a scan of every text for each.
    callers = {word for name in said if not _KEY_ID.fullmatch(name) for word in _words(name)}
    if callers:
        pattern = _any_of(dialect, callers)
        found.append(f"regexp_like(useridentity.arn, {pattern})")
        found.append(f"regexp_like(useridentity.principalid, {pattern})")
    pattern = _any_of(dialect, {word for name in said for word in _words(name)})
    ours = ", ".join(map(dialect.text, sorted(ISSUERS | NAMES)))
    said_or_answered = " OR ".join(
        f"regexp_like({column}, {pattern})"
        for column in ("requestparameters", "responseelements", "additionaleventdata")
    )
    found.append(f"(eventname IN ({ours}) AND ({said_or_answered}))")
    return found


_PREFIXED = re.compile(r"(?:session|lambda|asg|console):")
_KEY_ID = re.compile(r"A[A-Z0-9]{15,127}")


def _any_of(dialect: Dialect, words: AbstractSet[str]) -> str:
    """Return a pattern literal that finds any of *words*, letter for letter."""
    escaped = (re.sub(r"([^A-Za-z0-9_])", r"\\\1", word) for word in sorted(words))
    return dialect.text("|".join(escaped))


def _words(name: str) -> Iterable[str]:
    """The part of a name that a record would hold word for word."""
    head, _, rest = name.partition(":")
    if head in ("session", "lambda", "asg", "console"):
        return [rest.rsplit("/", 1)[-1]]
    if name.startswith("arn:"):
        # A session or user in full; a role also by its sessions.
        return [name.rsplit("/", 1)[-1]] if ":iam:" in name else [name]
    parts = name.split("/")
    return [parts[-1]] if len(parts) >= 3 else [name]  # noqa: PLR2004 -- <account>/<kind>/<name>
