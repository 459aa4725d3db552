"""Ask CloudWatch Logs Insights for the records of a trail that is sent to log groups.

A query brings 10,000 rows at most, so that a spell of time with as many is halved and asked again.

Source: CloudWatch Logs API reference, "StartQuery" (times in seconds, both ends included; limit)
and "GetQueryResults"; User Guide, "CloudWatch Logs Insights query language" (like with a regular
expression; fields of JSON are discovered).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.errors import AccessError, UnavailableError
from containment.trail.logs.records import seconds
from containment.trail.logs.times import read_time
from containment.trail.searches.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    Row = Mapping[str, Any]

_MOST = 10_000  # rows of an answer
_LONGEST = 8_000  # characters of a query, of 10,000
_PAUSE_S = 1.0
_ENDED = frozenset({"Complete", "Failed", "Cancelled", "Timeout", "Unknown"})
_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in ".+/"})
_BETWEEN = ".{1,12}"  # one letter that JSON may write by its number
_COVERAGE = (
    "stats count(*) as records, min(@timestamp) as first_at, max(@timestamp) as last_at"
    " by recipientAccountId as account, awsRegion as region"
)
_DENIED = frozenset({"AccessDeniedException", "UnrecognizedClientException"})


class InsightsQuestions:
    """The two questions to the log groups *groups*, by *logs*, a CloudWatch Logs client."""

    brings_all = True

    def __init__(
        self,
        logs: Any,
        groups: Sequence[str],
        since: str,
        until: datetime,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._logs = logs
        self._groups = list(groups)
        self._since = seconds(since) or 0
        self._until = int(until.timestamp())
        self._pause = pause
        self._queries = 0
        self.faults: list[str] = []

    @property
    def name(self) -> str:
        """The log groups."""
        return f"insights:{','.join(self._groups)}"

    @property
    def cost(self) -> str:
        """How many queries were made."""
        return f"{self._queries} queries"

    def edges(self) -> Iterable[Row]:
        """Ask what is held; whom a key was handed out by is asked of the records themselves."""
        for row in self._rows(_COVERAGE, self._since, self._until):
            yield {
                "caller": "",
                "minted": "",
                "account": row.get("account", ""),
                "region": row.get("region", ""),
                "records": row["records"],
                "first_at": _moment(row.get("first_at", "")),
                "last_at": _moment(row.get("last_at", "")),
            }

    def records(self, names: AbstractSet[str], whole: AbstractSet[str]) -> Iterator[bytes]:
        """Ask for every record that holds one of *names*; *whole* is among them."""
        patterns: list[str] = []
        for name in sorted(names | whole):
            words = words_of(name)
            if words:
                patterns.append(_BETWEEN.join(word.translate(_SPECIAL) for word in words))
            else:
                self.faults.append(f"no query can ask for {name[:80]!r}")
        for some in _fitting(patterns):
            query = f"fields @message | filter @message like /{'|'.join(some)}/ | limit {_MOST}"
            rows = self._rows(query, self._since, self._until)
            lines = "\n".join(" ".join(row.get("@message", "").splitlines()) for row in rows)
            yield lines.encode("utf-8", "backslashreplace")

    def _rows(self, query: str, start: int, end: int) -> Iterator[dict[str, str]]:
        rows = self._answer(query, start, end)
        if len(rows) < _MOST:
            yield from rows
        elif start == end:
            moment = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.faults.append(f"more than {_MOST:,} records of one second, {moment}")
            yield from rows
        else:
            middle = (start + end) // 2
            yield from self._rows(query, start, middle)
            yield from self._rows(query, middle + 1, end)

    def _answer(self, query: str, start: int, end: int) -> list[dict[str, str]]:
        """Return the rows of a query.

        Raises:
            AccessError: the caller may not ask.
            UnavailableError: the query did not end well.
        """
        self._queries += 1
        try:
            started = self._logs.start_query(
                logGroupIdentifiers=self._groups,
                startTime=start,
                endTime=end,
                queryString=query,
                limit=_MOST,
            )
            while True:
                answer = self._logs.get_query_results(queryId=started["queryId"])
                if answer["status"] in _ENDED:
                    break
                self._pause(_PAUSE_S)
        except (ClientError, BotoCoreError) as error:
            raise _refusal(error) from error
        if answer["status"] != "Complete":
            raise UnavailableError(
                f"a query of {', '.join(self._groups)} ended as {answer['status']}",
                remedy="try again, or read everything with --log-group alone",
            )
        return [
            {cell["field"]: cell.get("value", "") for cell in row if "field" in cell}
            for row in answer.get("results", ())
        ]


def _refusal(error: ClientError | BotoCoreError) -> AccessError | UnavailableError:
    response: Any = error.response if isinstance(error, ClientError) else {}
    code = str(response.get("Error", {}).get("Code", ""))
    if code in _DENIED or not code:
        return AccessError(
            f"CloudWatch Logs cannot be asked: {error}",
            remedy="use credentials with logs:StartQuery and logs:GetQueryResults",
        )
    return UnavailableError(
        f"CloudWatch Logs does not answer: {error}", remedy="check --log-group, and try again"
    )


def _moment(text: str) -> str:
    reading = read_time(text)
    return reading.text if reading else ""


def _fitting(patterns: list[str]) -> Iterator[list[str]]:
    """Cut *patterns* into lists that fit into a query."""
    some: list[str] = []
    size = 0
    for pattern in patterns:
        if some and size + len(pattern) > _LONGEST:
            yield some
            some, size = [], 0
        some.append(pattern)
        size += len(pattern) + 1
    if some:
        yield some
