"""Who is at the other end of a loopback connection: only processes of our own user are served.

The provider and the language host have an administrator's credentials, and loopback is open to
every user of the machine. Linux tells the owner of a socket in ``/proc/net/tcp`` (proc(5)); where
that is missing the check cannot be made.

That table is of the whole machine, and to read it for every call took two fifths of a provider's
time. So an answer holds for half a second, for calls that change nothing: an address is another's
only once its connection has ended, and mostly a second later at the earliest (RFC 9293, section
3.4.1, "TIME-WAIT"), but not after a reset. For all other calls the table is read anew.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

# A client with an IPv6 socket stands in the second, its address mapped.
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _STATE, _OWNER = 1, 3, 7
_ESTABLISHED = "01"
_HOLDS_S = 0.5
# Calls of Pulumi's provider protocol that ask and change nothing.
_ASKING = frozenset(
    {"Check", "CheckConfig", "Diff", "DiffConfig", "Read", "GetSchema", "GetPluginInfo"}
)


def owners_of(peer: str) -> set[int] | None:
    """Return the user ids that own the far socket of *peer* (``ipv4:127.0.0.1:41234``).

    One where the connection is there, none where it is not, and more than one only where somebody
    shares the address to be taken for another. None where the machine does not tell.
    """
    family, _, address = peer.partition(":")
    tables = [table for table in _TABLES if table.exists()]
    if family != "ipv4" or not tables:
        return None
    host, _, port = address.rpartition(":")
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    hex_address = f"{number:08X}:{int(port):04X}"
    rows = (
        line.split()
        for table in tables
        for line in table.read_text(encoding="ascii").splitlines()[1:]
    )
    return {
        int(row[_OWNER])
        for row in rows
        if row[_LOCAL].endswith(hex_address) and row[_STATE] == _ESTABLISHED
    }


class OwnUserOnly(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Refuses calls from processes of other users, whatever the shape of the call."""

    def __init__(self) -> None:
        self._own_since: dict[str, float] = {}
        self._lock = Lock()

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        shape = _SHAPES[bool(handler.request_streaming), bool(handler.response_streaming)]
        served = getattr(handler, shape)
        make = getattr(grpc, f"{shape}_rpc_method_handler")
        guard = self._guarded_stream if handler.response_streaming else self._guarded
        asking = str(handler_call_details.method).rpartition("/")[2] in _ASKING
        return make(
            guard(served, asking=asking), handler.request_deserializer, handler.response_serializer
        )

    def _guarded(self, served: Callable[..., Any], *, asking: bool) -> Callable[..., Any]:
        def guarded(request: Any, context: Any) -> Any:
            self._require_own_user(context, asking=asking)
            return served(request, context)

        return guarded

    def _guarded_stream(self, served: Callable[..., Any], *, asking: bool) -> Callable[..., Any]:
        def guarded(request: Any, context: Any) -> Any:
            self._require_own_user(context, asking=asking)
            yield from served(request, context)

        return guarded

    def _require_own_user(self, context: Any, *, asking: bool) -> None:
        if not self._is_own(context.peer(), asking=asking):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "this program serves another user")

    def _is_own(self, peer: str, *, asking: bool) -> bool:
        with self._lock:
            asked_at = time.monotonic()
            self._own_since = {
                address: since
                for address, since in self._own_since.items()
                if asked_at - since < _HOLDS_S
            }
            if asking and peer in self._own_since:
                return True
            own = owners_of(peer) in (None, {os.getuid()})
            if own:
                self._own_since[peer] = asked_at
            return own


_SHAPES = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}
