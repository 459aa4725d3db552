"""Calls that botocore makes to a lab of the same process, without a socket between them.

Everything that botocore does before and after the wire is done: signing, retries, the stop switch,
parsing. The wire itself is nearly half of what a call costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from containment.lab.http.gate import Gate
from containment.lab.testing import Lab


def answer_of(gate: Gate, request: Any) -> AWSResponse | None:
    """Return what *gate* answers to a prepared request of botocore, or None where it hung up."""
    environ = _environ(request)
    details: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        details["status"], details["headers"] = int(status[:3]), dict(headers)

    body = b"".join(gate(environ, start))
    if environ["lab.connection"].socket.closed:
        return None
    headers: Any = HeadersDict(details["headers"])
    return AWSResponse(request.url, details["status"], headers, _Body(body))


@contextmanager
def direct_calls(lab: Lab) -> Iterator[None]:
    """Have every botocore client of this process reach *lab* directly, for the length of a block.

    What goes elsewhere, to a relay in front of the lab for example, goes by the wire as ever.
    """
    by_wire = URLLib3Session.send

    def send(session: URLLib3Session, request: Any) -> Any:
        if not request.url.startswith(lab.endpoint):
            return by_wire(session, request)
        answer = answer_of(lab.gate, request)
        if answer is None:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    with mock.patch.object(URLLib3Session, "send", send):
        yield


class _Body(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class _Socket:
    closed: bool = False

    def shutdown(self, _how: int) -> None:
        self.closed = True


def _environ(request: Any) -> dict[str, Any]:
    url = urlsplit(request.url)
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": url.path or "/",
        "REQUEST_URI": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": url.netloc,
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
        "lab.connection": SimpleNamespace(socket=_Socket()),
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = text
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
