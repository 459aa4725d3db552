"""Load the actions and the AWS SDK when a resource is asked about, and not before.

For a stack that has a state the engine starts two instances of this provider in each phase of a
run: one works on the resources, the other is asked about its settings and nothing else. Loading
takes half a second of the processor. Source: Pulumi v3.259,
``pkg/resource/deploy/providers/registry.go`` (``Check`` starts an instance, ``Same`` lets it be
where the one of the state is there already).
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from containment.provider.settings_servicer import SettingsServicer

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from pulumi.runtime.proto import provider_pb2_grpc


class DeferredServicer(SettingsServicer):
    """Answers about settings, and hands all other calls to a servicer that it makes for the first.

    Args:
        make: makes that servicer for the engine at an address, which may be unknown.
        engine: the engine's address, as far as it is known yet.
        cancelled: set when the engine asks to stop.
    """

    def __init__(
        self,
        make: Callable[[str | None], provider_pb2_grpc.ResourceProviderServicer],
        engine: str | None,
        cancelled: Event,
    ) -> None:
        self._make = make
        self._engine = engine
        self._cancelled = cancelled
        self._made: Any = None
        self._lock = Lock()

    def Handshake(self, request: Any, context: Any) -> Any:
        with self._lock:
            if self._made is None:
                self._engine = request.engine_address
                return provider_pb2.ProviderHandshakeResponse()
        return self._made.Handshake(request, context)

    def Attach(self, request: Any, context: Any) -> Any:
        return self._servicer().Attach(request, context)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return self._servicer().GetSchema(request, context)

    def Configure(self, request: Any, context: Any) -> Any:
        return self._servicer().Configure(request, context)

    def Check(self, request: Any, context: Any) -> Any:
        return self._servicer().Check(request, context)

    def Diff(self, request: Any, context: Any) -> Any:
        return self._servicer().Diff(request, context)

    def Create(self, request: Any, context: Any) -> Any:
        return self._servicer().Create(request, context)

    def Read(self, request: Any, context: Any) -> Any:
        return self._servicer().Read(request, context)

    def Update(self, request: Any, context: Any) -> Any:
        return self._servicer().Update(request, context)

    def Delete(self, request: Any, context: Any) -> Any:
        return self._servicer().Delete(request, context)

    def Invoke(self, request: Any, context: Any) -> Any:
        return self._servicer().Invoke(request, context)

    def Cancel(self, request: Any, context: Any) -> Any:
        del request, context
        self._cancelled.set()
        return Empty()

    def _servicer(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make(self._engine)
            return self._made
