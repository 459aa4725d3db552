"""Send messages to the engine, which shows them on a resource's line and under Diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from containment.messages import Message, MessageFile
from containment.text import plain

if TYPE_CHECKING:
    from containment.lifecycle.context import Severity
    from containment.messages import Call

_SEVERITIES = {"info": engine_pb2.INFO, "warning": engine_pb2.WARNING}


class Engine:
    """Says things to whoever runs the engine; silent where none is known."""

    def __init__(self, address: str | None, messages: MessageFile | None = None) -> None:
        self._messages = messages or MessageFile()
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

    def say(self, severity: Severity, message: str, urn: str = "", call: Call = "") -> None:
        """Show *message* at the resource *urn*, or at the stack; it was said during *call*."""
        self._messages.add(Message(plain(message), urn, call, severity))
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(
            severity=_SEVERITIES[severity], message=plain(message), urn=urn
        )
        try:
            self._stub.Log(request, timeout=5)
        except grpc.RpcError:
            # The engine has gone away; containing matters more than talking about it.
            return
