"""The lab's HTTP server: loopback only, threaded, with connections kept alive."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cheroot import wsgi

from containment.errors import RefusedError, UnavailableError
from containment.lab.http import control
from containment.lab.http.gate import Gate
from containment.lab.protocol.call import MAX_BODY
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

HOST = "127.0.0.1"
_BUSY_THREADS = 64
_KEPT_CONNECTIONS = 256


class _Gateway(wsgi.Gateway_10):
    """Hands the connection on, so that a fault can cut it."""

    def get_environ(self) -> Any:  # cheroot's stubs say None, and mean the dict
        untyped: Any = super()
        environ: Any = untyped.get_environ()
        environ["lab.connection"] = self.req.conn
        return environ


_IN_USE = threading.Lock()


class LabServer:
    """A lab that answers on a port of its own."""

    def __init__(self, port: int = 0, *, noted_in: Path | None = None) -> None:
        """Bind *port*, or a free one; note in a file what cannot be answered.

        Raises:
            UnavailableError: somebody else listens there.
            RefusedError: this process has a lab already.
        """
        if not _IN_USE.acquire(blocking=False):
            raise RefusedError(
                "this process runs a lab already, and its state is the process's",
                remedy="stop that one first, or start the second in a process of its own",
            )
        self.gate = Gate(control=control.answer)
        self.gate.status.noted_in = noted_in
        moto_state.prepare()
        control.reset(self.gate)
        self._server = wsgi.Server(
            (HOST, port), self.gate, numthreads=_BUSY_THREADS, request_queue_size=128, timeout=60
        )
        # Clients that idle must not cost the next one its connection: cheroot keeps only ten.
        self._server.keep_alive_conn_limit = _KEPT_CONNECTIONS
        self._server.gateway = _Gateway
        self._server.shutdown_timeout = 1
        self._server.max_request_body_size = MAX_BODY
        # Clients that hang up, by themselves or cut off by a fault, are no news.
        untyped: Any = self._server
        untyped.error_log = _log_nothing
        try:
            self._server.prepare()
        except OSError as error:
            _IN_USE.release()
            raise UnavailableError(
                f"port {port} on {HOST} is in use or not ours to use",
                remedy="give another port, or none for a free one",
            ) from error

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.bind_addr[1])

    @property
    def endpoint(self) -> str:
        """The URL to point AWS clients at."""
        return f"http://{HOST}:{self.port}"

    def serve(self) -> None:
        """Answer until *stop* is called."""
        self._server.serve()

    def stop(self) -> None:
        """Close the port and forget the world."""
        self._server.stop()
        control.reset(self.gate)
        _IN_USE.release()


def _log_nothing(*_message: object, **_more: object) -> None:
    pass


@contextmanager
def running(port: int = 0, *, noted_in: Path | None = None) -> Generator[LabServer]:
    """Serve from a thread for the length of a block."""
    server = LabServer(port, noted_in=noted_in)
    thread = threading.Thread(target=server.serve, name="lab", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=5)
