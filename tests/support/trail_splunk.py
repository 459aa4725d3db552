"""A Splunk server on loopback, as far as an export of events goes.

It follows Splunk's published contract of ``search/v2/jobs/export``: the token in a header, times in
epoch seconds (the earliest included, the latest not), one JSON object a line, ``lastrow`` on the
last, events from the newest to the oldest; quoted words are found between breakers, in any case.
Of the search language it knows what a trace uses, and refuses the rest.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import urllib.parse
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "example-splunk-token-that-nothing-prints"
Row = dict[str, Any]


@dataclass
class SplunkServer:
    """Events, what was asked, and what goes wrong."""

    events: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    cut_after: int | None = None  # results, then the connection ends; for the next *cuts* answers
    cuts: int = 0
    busy: int = 0  # answers of 503 first
    message: str = ""
    url: str = ""

    def answer(self, form: dict[str, str]) -> list[Row]:
        start, end = float(form["earliest_time"]), float(form["latest_time"])
        events = sorted(
            ((_when(raw), raw) for raw in self.events), key=lambda item: item[0], reverse=True
        )
        rows: list[Row] = []
        for moment, raw in events:
            if start <= moment < end:
                when = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
                rows.append({"_time": when, "_raw": raw})
        commands = _pipeline(form["search"])
        for command in commands:
            name, _, rest = command.strip().partition(" ")
            rows = _COMMANDS[name](rows, rest)
        return rows


def _when(raw: str) -> float:
    match = re.search(r'"eventTime": ?"([^"]+)"', raw)
    assert match is not None
    return datetime.fromisoformat(match[1]).timestamp()


def _pipeline(search: str) -> list[str]:
    return re.findall(r'(?:[^|"]|"(?:\\.|[^"\\])*")+', search)


def _search(rows: list[Row], rest: str) -> list[Row]:
    """Conditions with OR and parentheses; fields other than the text hold."""
    parts: list[str] = []
    for token in re.findall(r'[()]|\bOR\b|\w+="[^"]*"|\w+=\S+|"(?:\\.|[^"\\])*"', rest):
        if token in {"(", ")"}:
            parts.append(token)
        elif token == "OR":
            parts.append("or")
        else:
            parts.append("True" if "=" in token.split('"')[0] else f"has({token!r})")
    text = re.sub(r"(True|\)|has\('[^']*'\)) (?=True|\(|has)", r"\1 and ", " ".join(parts))

    def holds(raw: str) -> bool:
        return bool(eval(text, {"has": lambda word: _has(raw, word)}))  # noqa: S307 -- our own words

    return [row for row in rows if holds(row["_raw"])]


def _has(raw: str, quoted: str) -> bool:
    word = re.escape(quoted[1:-1].replace('\\"', '"')).replace(r"\*", r"[^\s,;\"]*")
    return re.search(rf"(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])", raw, re.IGNORECASE) is not None


def _rex(rows: list[Row], rest: str) -> list[Row]:
    pattern = rest.partition('"')[2][:-1].replace('\\"', '"').replace("(?<", "(?P<")
    matches = [re.search(pattern, row["_raw"]) for row in rows]
    return [
        row | (match.groupdict() if match else {}) for row, match in zip(rows, matches, strict=True)
    ]


def _fillnull(rows: list[Row], rest: str) -> list[Row]:
    names = rest.split()[1:]
    return [dict.fromkeys(names, "") | row for row in rows]


def _stats(rows: list[Row], rest: str) -> list[Row]:
    made, _, by = rest.partition(" BY ")
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by.split()), []).append(row)
    results = []
    for key, some in groups.items():
        result: Row = dict(zip(by.split(), key, strict=True))
        for how, column, name in re.findall(r"(count|min|max)(?:\((\w+)\))? AS (\w+)", made):
            values = [row[column] for row in some if column in row] if column else []
            result[name] = (
                str(len(some)) if how == "count" else {"min": min, "max": max}[how](values)
            )
        results.append(result)
    return results


_COMMANDS: dict[str, Any] = {
    "search": _search,
    "rex": _rex,
    "fillnull": _fillnull,
    "stats": _stats,
    "fields": lambda rows, _: rows,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_POST(self) -> None:
        splunk: SplunkServer = self.server.splunk
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(urllib.parse.parse_qsl(body))
        splunk.requests.append((self.path, form))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(401, f"call not properly authenticated: {self.headers['Authorization']}")
        elif self.path != "/services/search/v2/jobs/export":
            self._refuse(404, "Not Found")
        elif splunk.busy:
            splunk.busy -= 1
            self._refuse(503, "the maximum number of concurrent searches has been reached")
        else:
            self._export(splunk, form)

    def _refuse(self, status: int, text: str) -> None:
        content = json.dumps({"messages": [{"type": "WARN", "text": text}]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _export(self, splunk: SplunkServer, form: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if splunk.message:
            self._chunk({"messages": [{"type": "FATAL", "text": splunk.message}]})
        rows = splunk.answer(form)
        for number, row in enumerate(rows):
            if splunk.cuts and number == splunk.cut_after:
                splunk.cuts -= 1
                self.close_connection = True
                self.wfile.flush()
                self.connection.close()
                return
            last = {"lastrow": True} if number == len(rows) - 1 else {}
            self._chunk({"preview": False, "offset": number, **last, "result": row})
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, item: Row) -> None:
        line = json.dumps(item).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")


@contextlib.contextmanager
def splunk_server() -> Generator[SplunkServer]:
    """Run a server until the end of the block."""
    splunk = SplunkServer()
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.splunk = splunk
    splunk.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield splunk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
