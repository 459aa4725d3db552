"""Who is at the other end of a loopback connection: only processes of our own user are served.

The provider holds an administrator's credentials, and loopback is open to every user of the
machine. Linux tells the owner of a socket in ``/proc/net/tcp`` (proc(5)); where that is missing
the check cannot be made.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

_TABLES = {"ipv4": Path("/proc/net/tcp"), "ipv6": Path("/proc/net/tcp6")}
_LOCAL, _OWNER = 1, 7


def owner_of(peer: str) -> int | None:
    """Return the user id that owns the far socket of *peer* (``ipv4:127.0.0.1:41234``).

    None where the machine does not tell.
    """
    family, _, address = peer.partition(":")
    table = _TABLES.get(family)
    if table is None or not table.exists():
        return None
    port = f":{int(address.rpartition(':')[2]):04X}"
    for line in table.read_text(encoding="ascii").splitlines()[1:]:
        columns = line.split()
        if columns[_LOCAL].endswith(port):
            return int(columns[_OWNER])
    return None


class OwnUserOnly(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Refuses calls from processes of other users."""

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        served = handler.unary_unary

        def guarded(request: Any, context: Any) -> Any:
            if owner_of(context.peer()) not in {None, os.getuid()}:
                context.abort(
                    grpc.StatusCode.PERMISSION_DENIED, "this provider serves another user"
                )
            return served(request, context)

        return grpc.unary_unary_rpc_method_handler(
            guarded, handler.request_deserializer, handler.response_serializer
        )
