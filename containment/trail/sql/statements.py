"""The trace's two questions as SQL, over the table that AWS documents for CloudTrail logs.

``edges`` asks who was handed which key, and how far the logs reach. The closure of that runs here,
not in the engine, because engines cap or repeat recursion. ``calls`` then asks for the records of
the names that follow. What comes back is read by the same code as a file, so a name that meets by
chance in SQL never gets into the answer: the conditions may be too wide, never too narrow.

Names come out of logs, so they are the attacker's. Each stands in a statement as a bound parameter
or as a quoted literal, and in a pattern with every special character escaped.

Source: Athena User Guide, "Create the table for CloudTrail logs in Athena using partition
projection" (columns; requestparameters and responseelements are JSON in text).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.trail import spellings
from containment.trail.facts.issuance import ISSUERS
from containment.trail.facts.targets import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

TEXTS = (
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
    "sessioncredentialfromconsole",
)
# Field by field: engines do not agree on what a struct is as JSON.
IDENTITY = {
    "who_type": "useridentity.type",
    "who_principal": "useridentity.principalid",
    "who_arn": "useridentity.arn",
    "who_account": "useridentity.accountid",
    "who_service": "useridentity.invokedby",
    "who_key": "useridentity.accesskeyid",
    "who_mfa": "useridentity.sessioncontext.attributes.mfaauthenticated",
    "who_created": "useridentity.sessioncontext.attributes.creationdate",
    "who_issuer": "useridentity.sessioncontext.sessionissuer.arn",
}
RESOURCES = {"resource_arns": "arn", "resource_accounts": "accountid", "resource_types": "type"}
OPTIONAL = frozenset({"sessioncredentialfromconsole"})  # AWS's page did not always have it
COLUMNS = frozenset({*TEXTS, "useridentity", "resources"}) - OPTIONAL

_TABLE = re.compile(r"[\w-]+(?:\.[\w-]+){0,2}", re.ASCII)
_MINTED = '"accessKeyId" *: *"([A-Za-z0-9_]{16,128})"'
_USUAL_TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
_HANDS_OUT = "position('\"accessKeyId\"' IN responseelements) > 0"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where the engines differ."""

    name: str
    mark: str  # around a name
    array: str  # an array of text as JSON in text
    binds: bool  # takes named parameters


_PRESTO = "json_format(CAST({} AS JSON))"
DIALECTS = {
    "athena": Dialect("athena", '"', _PRESTO, binds=False),
    "trino": Dialect("trino", '"', _PRESTO, binds=False),
    # Spark replaces ${…} also inside a literal, but not in what is bound.
    "spark": Dialect("spark", "`", "to_json({})", binds=True),
}


@dataclass(slots=True)
class Statement:
    """What an engine executes; *bound* is empty where the values stand in the text."""

    dialect: Dialect
    text: str = ""
    bound: dict[str, str] = field(default_factory=dict)

    def value(self, text: str) -> str:
        """Return what stands for *text* in the statement."""
        if self.dialect.binds:
            name = f"p{len(self.bound)}"
            self.bound[name] = text
            return f":{name}"
        return "'" + text.replace("'", "''") + "'"

    def values(self, texts: Iterable[str]) -> str:
        """Return what stands for each of *texts*, with commas."""
        return ", ".join(map(self.value, texts))

    def name(self, column: str) -> str:
        """Return *column* as a name, also where it is a word of SQL."""
        return self.dialect.mark + column + self.dialect.mark


Condition = tuple[str, str, tuple[str, ...]]  # column, comparison, values


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a table that is read: from a moment on, in some partitions.

    *partitions* is a list of alternatives, each a list of conditions that hold together; *lacks*
    names columns that AWS documents and an older table does not have. *time_type* is the engine's
    type of eventtime, which others than AWS's page make a moment and not text.
    """

    table: str
    since: str
    partitions: tuple[tuple[Condition, ...], ...] = ()
    lacks: frozenset[str] = frozenset()
    time_type: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no table.

        Raises:
            SpecError: *table* is anything else than one to three words with dots.
        """
        if not _TABLE.fullmatch(self.table):
            raise SpecError(f"{self.table!r} is no table name", remedy="write it as database.table")

    def named(self, asked: Statement) -> str:
        """Return the table's name, each word quoted: a database may have a hyphen in it."""
        return ".".join(map(asked.name, self.table.split(".")))

    def condition(self, asked: Statement) -> str:
        """Return the condition that holds a statement to this slice."""
        # A time in another form compares with nothing as text: its record is read, and judged here.
        time = self.time(asked.dialect)
        odd = f"NOT regexp_like(COALESCE({time}, ''), '{_USUAL_TIME}')"
        late = f"({time} >= {asked.value(self.since)} OR {odd})"
        pruned = " OR ".join(
            "(" + " AND ".join(_compare(asked, *one) for one in alternative) + ")"
            for alternative in self.partitions
        )
        return f"{late}\n  AND ({pruned})" if pruned else late

    def time(self, dialect: Dialect) -> str:
        """Return what gives eventtime as CloudTrail writes it; one without a zone is in UTC.

        Sources: Trino, "Date and time functions and operators" (``date_format``, ``AT TIME ZONE``);
        Spark SQL, "Datetime patterns" and ``to_utc_timestamp`` (a TIMESTAMP is shown in the zone of
        the session, a TIMESTAMP_NTZ as it is).
        """
        kind = self.time_type.lower()
        if "timestamp" not in kind:
            return "eventtime"
        if dialect.name == "spark":
            moment = "eventtime"
            if "ntz" not in kind:
                moment = "to_utc_timestamp(eventtime, current_timezone())"
            parts = f"date_format({moment}, 'yyyy-MM-dd'), 'T', date_format({moment}, 'HH:mm:ss')"
            return f"concat({parts}, 'Z')"
        moment = "eventtime AT TIME ZONE 'UTC'" if "with time zone" in kind else "eventtime"
        return f"date_format({moment}, '%Y-%m-%dT%H:%i:%sZ')"

    def column(self, name: str, dialect: Dialect) -> str:
        """Return *name* as it is selected."""
        if name == "eventtime" and (time := self.time(dialect)) != name:
            return f"{time} AS {name}"
        return f"'' AS {name}" if name in self.lacks else name


def _compare(asked: Statement, column: str, sign: str, values: tuple[str, ...]) -> str:
    operand = asked.values(values)
    return f"{asked.name(column)} {sign} {f'({operand})' if sign == 'IN' else operand}"


def edges(dialect: Dialect, part: Slice) -> Statement:
    """Return the first question: which key was handed which keys, and what the logs cover.

    One scan: rows without ``caller`` only count the records of an account and Region.
    """
    asked = Statement(dialect)
    hands = f"COALESCE(errorcode, '') = '' AND useridentity.accesskeyid <> '' AND {_HANDS_OUT}"
    time = part.time(dialect)
    minted = f"array_join(regexp_extract_all(responseelements, '{_MINTED}', 1), ',')"
    asked.text = (
        f"SELECT CASE WHEN {hands} THEN useridentity.accesskeyid END AS caller,\n"
        f"  CASE WHEN {hands} THEN {minted} END AS minted,\n"
        "  COALESCE(recipientaccountid, useridentity.accountid) AS account,\n"
        "  awsregion AS region, COUNT(*) AS records,\n"
        f"  MIN({time}) AS first_at, MAX({time}) AS last_at\n"
        f"FROM {part.named(asked)}\nWHERE {part.condition(asked)}\nGROUP BY 1, 2, 3, 4"
    )
    return asked


def calls(
    dialect: Dialect, part: Slice, names: AbstractSet[str], whole: AbstractSet[str] = frozenset()
) -> Statement:
    """Return the second question: the records of *names*.

    Every record comes of the keys, ARNs and principals in *whole*. Of the others come the records
    that make or hand out identities, and one as a witness for each identity that they appear
    under: a busy role would otherwise bring all it ever did.
    """
    asked = Statement(dialect)
    speakable_names = sorted(filter(spellings.speakable, names | whole))
    in_full = _exactly(asked, [name for name in speakable_names if name in whole])
    in_full += _matches(
        asked,
        "useridentity.arn",
        (spellings.as_caller_arn(name) for name in speakable_names if name in whole),
    )
    appears = (
        " OR ".join([*_exactly(asked, speakable_names), *_callers(asked, speakable_names)])
        or _NEVER
    )
    about = _about(asked, speakable_names)
    identity = ",\n    ".join(f"{path} AS {alias}" for alias, path in IDENTITY.items())
    texts = ", ".join(part.column(name, dialect) for name in TEXTS)
    things = ", ".join(
        dialect.array.format(f"transform(resources, thing -> thing.{name})") + f" AS {alias}"
        for alias, name in RESOURCES.items()
    )
    event_names = ", ".join(f"'{name}'" for name in sorted(ISSUERS | NAMES))
    one_each = ", ".join(IDENTITY.values())
    # Names stand in it as Statement.value puts them; all else is ours.
    asked.text = (
        f"SELECT * FROM (\n  SELECT {identity},\n    {texts},\n    {things},\n"  # noqa: S608 -- as said
        f"    ({' OR '.join(in_full) or _NEVER}) AS in_full,\n"
        f"    (eventname IN ({event_names}) OR {_HANDS_OUT}) AS about_identities,\n"
        f"    row_number() OVER (PARTITION BY {one_each} ORDER BY eventtime DESC, eventid DESC)"
        " AS witness\n"
        f"  FROM {part.named(asked)}\n  WHERE {part.condition(asked)}\n"
        f"    AND ({appears}\n"
        f"      OR ((eventname IN ({event_names}) OR {_HANDS_OUT}) AND ({about})))\n"
        ") found WHERE in_full OR about_identities OR witness = 1"
    )
    return asked


_NEVER = "1 = 0"
_EXACT = ("useridentity.accesskeyid", "useridentity.arn", "sharedeventid")


def _exactly(asked: Statement, names: list[str]) -> list[str]:
    plain = asked.values(sorted({spellings.plain(name) for name in names}))
    return [f"{column} IN ({plain})" for column in _EXACT] if plain else []


def _callers(asked: Statement, names: list[str]) -> list[str]:
    matches = _matches(asked, "useridentity.arn", map(spellings.as_caller_arn, names))
    return matches + _matches(
        asked, "useridentity.principalid", map(spellings.as_principal_id, names)
    )


def _about(asked: Statement, names: list[str]) -> str:
    """Return conditions for calls whose request, answer or additional data hold a name."""
    conditions: list[str] = []
    for column in ("requestparameters", "responseelements", "additionaleventdata"):
        words = sorted({spellings.in_json(name) for name in names} - {""})
        around = [f'["/:](?:{"|".join(words)})["/:\\\\]'] if words else []
        conditions += _matches(asked, column, around)
    return " OR ".join(conditions) or _NEVER


def _matches(asked: Statement, column: str, patterns: Iterable[str]) -> list[str]:
    """One pattern for all: a condition for each would be a scan of every text for each."""
    some = sorted({pattern for pattern in patterns if pattern})
    if not some:
        return []
    return [f"regexp_like({column}, {asked.value('(?s)' + '|'.join(some))})"]
