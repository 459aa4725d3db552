"""One HTTP request to an AWS endpoint, as it arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.core.request import Request

MAX_BODY = 64 * 1024 * 1024


@dataclass(slots=True)
class Call:
    """What arrived, before anybody is believed.

    *service* is the signing name, from the credential scope; *headers* have lower-case names.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    environ: dict[str, Any] = field(repr=False)
    service: str = ""
    region: str = "us-east-1"
    request_id: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The query string's parameters, the last of each name."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def source_ip(self) -> str:
        """Where the call comes from: the peer, unless a test states it for a client of its own."""
        return self.headers.get("x-lab-source-ip") or self.environ.get("REMOTE_ADDR", "127.0.0.1")

    @property
    def user_agent(self) -> str:
        """The client's description of itself."""
        return self.headers.get("user-agent", "")

    def unwrap_chunks(self) -> None:
        """Put the body that an upload in signed chunks carries in place of the chunks.

        Source: Amazon S3 API Reference, "Signature calculations for the authorization header:
        transferring payload in multiple chunks".
        """
        if not self.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
            return
        parts: list[bytes] = []
        rest = self.body
        while rest:
            head, _, rest = rest.partition(b"\r\n")
            size = int(head.partition(b";")[0] or b"0", 16)
            if not size:
                break  # trailing checksums follow
            parts.append(rest[:size])
            rest = rest[size + 2 :]
        self.replace_body(b"".join(parts))
        self.environ["HTTP_X_AMZ_CONTENT_SHA256"] = "UNSIGNED-PAYLOAD"
        self.environ.pop("HTTP_CONTENT_ENCODING", None)

    def replace_body(self, body: bytes) -> None:
        """Let the service read *body* in place of what arrived."""
        self.body = body
        self.environ["wsgi.input"] = BytesIO(body)
        self.environ["CONTENT_LENGTH"] = str(len(body))

    def as_moto_request(self, host: str) -> Request:
        """Return the request as moto wants it, addressed to *host* as on the real network."""
        from moto.core.request import Request

        self.environ["HTTP_HOST"] = host
        self.environ["RAW_URI"] = self.raw_path + (f"?{self.raw_query}" if self.raw_query else "")
        request = Request(self.environ)
        request.from_wsgi_server = True
        return request


def read_call(environ: dict[str, Any]) -> Call:
    """Return the request that a WSGI server hands over."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    if not length and environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        body = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
        del environ["HTTP_TRANSFER_ENCODING"]
    environ["wsgi.input"] = BytesIO(body)
    path, _, query = environ.get("REQUEST_URI", environ["PATH_INFO"]).partition("?")
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return Call(
        method=environ["REQUEST_METHOD"],
        raw_path=path or "/",
        raw_query=query or environ.get("QUERY_STRING", ""),
        headers=headers,
        body=body,
        environ=environ,
    )
