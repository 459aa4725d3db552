"""Who is at the other end of a loopback connection: only processes of our own user are served.

The provider and the language host have an administrator's credentials, and loopback is open to
every user of the machine. Linux tells the owner of a socket in ``/proc/net/tcp`` (proc(5)); where
that is missing the check cannot be made.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

# A client with an IPv6 socket stands in the second, its address mapped.
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _STATE, _OWNER = 1, 3, 7
_ESTABLISHED = "01"


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

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        shape = _SHAPES[bool(handler.request_streaming), bool(handler.response_streaming)]
        served = getattr(handler, shape)
        make = getattr(grpc, f"{shape}_rpc_method_handler")
        guard = _guarded_stream if handler.response_streaming else _guarded
        return make(guard(served), handler.request_deserializer, handler.response_serializer)


_SHAPES = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def _guarded(served: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(request: Any, context: Any) -> Any:
        _require_own_user(context)
        return served(request, context)

    return guarded


def _guarded_stream(served: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(request: Any, context: Any) -> Any:
        _require_own_user(context)
        yield from served(request, context)

    return guarded


def _require_own_user(context: Any) -> None:
    if owners_of(context.peer()) not in (None, {os.getuid()}):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "this program serves another user")
