"""Ask Splunk for CloudTrail records, by the export endpoint of its search API.

An export is one long answer and keeps nothing on the server. It is asked for in spells of time, and
one that is cut (a restart, a proxy's limit) is asked again for what had not come. The token goes
into a header and nowhere else: not into an address, an error or a report.

Source: Splunk Enterprise REST API reference, "search/v2/jobs/export" (search, earliest_time,
latest_time, output_mode; one JSON object a line, the last with ``lastrow``); "Use authentication
tokens" (the header Authorization: Bearer); Search Manual, "Use CASE() and TERM()" and Splunk's
segmentation (quoted words are found between breakers).
"""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.parse
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from containment.errors import AccessError, SpecError, UnavailableError
from containment.trail.logs.records import seconds
from containment.trail.logs.times import read_time
from containment.trail.searches.words import is_whole, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    Row = Mapping[str, Any]

BASE = 'sourcetype="aws:cloudtrail"'
_EXPORT = "/services/search/v2/jobs/export"
_SPELL = timedelta(days=1)  # asked for at once
_AT_ONCE = 200  # names in one search
_TRIES = 5
_TIMEOUT_S = 300
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_UNAUTHORIZED = frozenset({401, 403})
_OK, _BUSY = 200, frozenset({429, 500, 502, 503, 504})
_SHOWN = 300  # characters of a server's answer in an error
_COVERAGE = (
    r' | rex field=_raw "\"recipientAccountId\"\s*:\s*\"(?<account>[^\"]*)\""'
    r' | rex field=_raw "\"awsRegion\"\s*:\s*\"(?<region>[^\"]*)\""'
    r' | rex field=_raw "\"eventTime\"\s*:\s*\"(?<at>[^\"]*)\""'
    ' | fillnull value="" account region'
    " | stats count AS records min(at) AS first_at max(at) AS last_at BY account region"
)


@dataclass(slots=True)
class Splunk:
    """A Splunk server; :meth:`export` yields the results of a search.

    Raises:
        SpecError: *url* is no address of a server, or would carry the token unencrypted.
    """

    url: str
    token: str = field(repr=False)
    pause: Callable[[float], None] = time.sleep
    _host: str = field(init=False, default="")
    _port: int = field(init=False, default=8089)
    _encrypted: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        """Take the address apart."""
        try:
            parts = urllib.parse.urlsplit(self.url)
            host, port = parts.hostname or "", parts.port or 8089
        except ValueError:
            parts, host, port = urllib.parse.urlsplit(""), "", 0
        if parts.username is not None or parts.password is not None:
            raise SpecError(
                "the address of the Splunk server holds a user or password",
                remedy="give https://host:8089, and a token in SPLUNK_TOKEN",
            )
        if parts.scheme not in {"https", "http"} or not host or parts.query or parts.fragment:
            raise SpecError(
                f"{self.url!r} is no address of a Splunk server",
                remedy="write it as https://host:8089, the management port",
            )
        if parts.scheme == "http" and host not in _LOCAL:
            raise SpecError(f"{self.url} would carry the token unencrypted", remedy="use https://")
        if not self.token or not self.token.isprintable() or " " in self.token:
            raise SpecError(
                "there is no token for the Splunk server" if not self.token
                else "the token for the Splunk server is none",
                remedy="set SPLUNK_TOKEN to an authentication token of it",
            )  # fmt: skip
        self._host, self._port = host, port
        self._encrypted = parts.scheme == "https"

    def export(self, search: str, earliest: datetime, latest: datetime) -> Iterator[dict[str, Any]]:
        """Yield each result of *search* from *earliest* to before *latest*.

        Raises:
            AccessError: the server refuses the token or the search.
            UnavailableError: the server does not answer, or not to the end.
            SpecError: the server does not understand the search.
        """
        form = {
            "search": search,
            "earliest_time": f"{earliest.timestamp():.3f}",
            "latest_time": f"{latest.timestamp():.3f}",
            "output_mode": "json",
            "preview": "false",
        }
        connection = self._connect()
        try:
            answer = self._ask(connection, form)
            last, some = False, False
            for line in _lines(answer):
                item = json.loads(line) if line.strip() else {}
                if not isinstance(item, dict):
                    raise CutError
                self._heed(item.get("messages", ()))
                last = last or bool(item.get("lastrow"))
                if "result" in item and not item.get("preview"):
                    some = True
                    yield item["result"]
            # A cut between two chunks is an error of its own.
            ended = answer.length == 0 or answer.chunked
            if not last and (some or not ended):
                raise CutError
        except (HTTPException, OSError, ValueError) as error:
            raise CutError from error
        finally:
            connection.close()

    def _connect(self) -> HTTPConnection:
        if self._encrypted:
            context = ssl.create_default_context()
            return HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=context)
        return HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)

    def _ask(self, connection: HTTPConnection, form: Mapping[str, str]) -> HTTPResponse:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "containment-trace",
        }
        connection.request("POST", _EXPORT, urllib.parse.urlencode(form), headers)
        answer = connection.getresponse()
        if answer.status == _OK:
            return answer
        text = answer.read(_SHOWN * 4).decode("utf-8", "replace")
        why = f"Splunk answers {answer.status}: {self._without_token(text)}"
        if answer.status in _UNAUTHORIZED:
            raise AccessError(why, remedy="give a token that may search, in SPLUNK_TOKEN")
        if answer.status in _BUSY:
            raise CutError(why)
        # A redirect would take the token elsewhere, so none is followed.
        raise SpecError(why, remedy="check --server and --search")

    def _heed(self, messages: Iterable[Mapping[str, Any]]) -> None:
        for message in messages:
            if str(message.get("type", "")).upper() in {"FATAL", "ERROR"}:
                text = self._without_token(str(message.get("text", "")))
                raise SpecError(f"Splunk cannot search: {text}", remedy="check --search")

    def _without_token(self, text: str) -> str:
        return " ".join(text.replace(self.token, "…").split())[:_SHOWN]


def _lines(answer: HTTPResponse) -> Iterator[bytes]:
    """Yield lines as they come; iterating over *answer* takes a cut between chunks for its end."""
    rest = b""
    while piece := answer.read1(1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    yield rest


class CutError(Exception):
    """An answer ended before it was whole."""


class SplunkQuestions:
    """The two questions to a Splunk server, over the records that *base* selects.

    Raises:
        SpecError: *base* is more than a selection.
    """

    brings_all = True

    def __init__(self, server: Splunk, base: str, since: str, until: datetime) -> None:
        epoch = seconds(since)
        if epoch is None or "|" in base or base.count('"') % 2 or not base.strip():
            raise SpecError(
                f"{base!r} is no selection of events",
                remedy=f"write --search as in index=aws {BASE}, without a pipe",
            )
        self._server = server
        self._base = base.strip()
        self._since = datetime.fromtimestamp(epoch, UTC)
        self._until = until
        self._searches = 0
        self.faults: list[str] = []

    @property
    def name(self) -> str:
        """The server and what is selected."""
        return f"splunk:{self._server.url} {self._base}"

    @property
    def cost(self) -> str:
        """How many searches were made."""
        return f"{self._searches} searches"

    def edges(self) -> Iterable[Row]:
        """Ask what is held; whom a key was handed out by is asked of the records themselves."""
        rows: list[Row] = []
        for start, end in self._spells():
            counted = self._results(f"search {self._base}{_COVERAGE}", start, end, whole=True)
            rows += [row | {"caller": "", "minted": ""} for row in counted]
        return rows

    def records(self, names: AbstractSet[str], whole: AbstractSet[str]) -> Iterator[bytes]:
        """Ask for every record that holds one of *names*; *whole* is among them."""
        asked: list[str] = []
        for name in sorted(names | whole):
            words = words_of(name)
            if not words:
                self.faults.append(f"no search can ask for {name[:_SHOWN]!r}")
            elif is_whole(name, words):
                asked.append(f'"{words[0]}"')
            else:
                asked.append("(" + " ".join(f'"*{word}*"' for word in words) + ")")
        for first in range(0, len(asked), _AT_ONCE):
            either = " OR ".join(asked[first : first + _AT_ONCE])
            for start, end in self._spells():
                results = self._results(f"search {self._base} ({either}) | fields _raw", start, end)
                raw = "\n".join(_one_line(str(row.get("_raw", ""))) for row in results)
                yield raw.encode("utf-8", "backslashreplace")

    def _spells(self) -> Iterator[tuple[datetime, datetime]]:
        start = self._since
        while start < self._until:
            end = min(start + _SPELL, self._until)
            yield start, end
            start = end

    def _results(
        self, search: str, start: datetime, end: datetime, *, whole: bool = False
    ) -> list[dict[str, Any]]:
        """Return all results; after a cut only those are asked for that had not come.

        Events come from the newest to the oldest, so what is missing is what lies before the last
        that came, and that second once more. A *whole* answer is counted anew.
        """
        results: list[dict[str, Any]] = []
        number, why = 0, ""
        while number < _TRIES:
            self._searches += 1
            try:
                for row in self._server.export(search, start, end):
                    results.append(row)  # noqa: PERF402 -- what came before a cut is kept
            except CutError as error:
                why = str(error) or "its answer was cut"
                number += 1
                if whole:
                    results.clear()
                elif (oldest := _oldest(results)) is not None:
                    rest = min(end, oldest + timedelta(seconds=1))
                    number = number if rest == end else 0  # it goes on, however often it is cut
                    end = rest
                self._server.pause(min(2**number, 30))
                continue
            return results
        raise UnavailableError(
            f"Splunk did not answer to the end in {_TRIES} tries: {why}",
            remedy="try again, or export the records to a file and give it with --logs",
        )


def _one_line(raw: str) -> str:
    """Return a record as one line of JSON; what is none stays, and is counted as unreadable."""
    return " ".join(raw.splitlines()) or "{}"


_TIME = re.compile(r'"eventTime"\s*:\s*"([^"]{1,40})"')


def _oldest(results: list[dict[str, Any]]) -> datetime | None:
    """Return the time of the last result that came, if all before it are later or the same."""
    times: list[datetime] = []
    for row in results:
        reading = read_time(row["_time"]) if isinstance(row.get("_time"), str) else None
        if reading is None:
            match = _TIME.search(str(row.get("_raw", "")))
            reading = read_time(match[1]) if match else None
        if reading is None:
            return None
        times.append(reading.moment)
    in_order = all(one >= other for one, other in pairwise(times))
    return times[-1] if times and in_order else None
