"""A relay before the lab that sees every call, and lets a test act before and after it.

What acts may also drop the call, so that nothing is carried out, or its answer, so that the caller
never learns what was.
"""

from __future__ import annotations

import http.client
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message

_ORGANIZATIONS = "AWSOrganizationsV20161128."
_BY_PATH = {"/batch-revoke-sessions": "BatchRevokeSessions"}
_HOP_BY_HOP = {"content-length", "transfer-encoding", "connection"}


@dataclass(frozen=True, slots=True)
class Passing:
    """A call that passes: its operation where IAM, STS, Organizations or the sign-in have it."""

    method: str
    path: str
    operation: str


def passes(_passing: Passing) -> bool:
    """Let everything pass."""
    return True


def _operation(path: str, headers: Message, body: bytes) -> str:
    """Return the operation of a call, by the form of its service's protocol."""
    target = headers.get("X-Amz-Target", "")
    if target.startswith(_ORGANIZATIONS):
        return target.removeprefix(_ORGANIZATIONS)
    form = "x-www-form-urlencoded" in headers.get("Content-Type", "")
    words = parse_qs(body.decode("utf-8", "replace")) if form else {}
    return _BY_PATH.get(path, "") or words.get("Action", [""])[0]


@contextmanager
def relay(
    endpoint: str,
    *,
    arriving: Callable[[Passing], bool] = passes,
    answered: Callable[[Passing], bool] = passes,
) -> Iterator[str]:
    """Yield an endpoint that hands everything to *endpoint* as it is.

    *arriving* is asked before a call is handed on, *answered* after it was carried out and before
    the caller is told. Where one says False, the connection is closed without an answer.
    """
    target = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation = _operation(self.path, self.headers, body)
            passing = Passing(self.command, self.path, operation)
            self.close_connection = True
            if not arriving(passing):
                return
            upstream = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
            with closing(upstream):
                try:
                    upstream.request(self.command, self.path, body, dict(self.headers))
                    answer = upstream.getresponse()
                    content = answer.read()
                except (OSError, http.client.HTTPException):
                    return  # the lab cut it off, so we do
            if answered(passing):
                self._hand_back(answer, content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 -- http.server's

        def _hand_back(self, answer: http.client.HTTPResponse, content: bytes) -> None:
            with suppress(OSError):  # whoever asked may be dead by now
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = False

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """Callers that hang up are no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
