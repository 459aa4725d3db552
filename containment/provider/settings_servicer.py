"""What the engine asks every instance of the provider: its version, and about its settings."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from containment.ledger import places
from containment.provider import codec

_SETTINGS = {"region", "role", places.PLACE, places.LOCK, places.DAYS}
_ENGINE_SETTINGS = {"version", "pluginDownloadURL"}


class SettingsServicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers what needs no action and no AWS."""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        del request, context
        return plugin_pb2.PluginInfo(version=version("containment"))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        del context
        news, _ = codec.decode(request.news)
        unknown = sorted(news.keys() - _SETTINGS - _ENGINE_SETTINGS)
        failures = [
            provider_pb2.CheckFailure(
                property=name,
                reason=f"is no setting here; there are {', '.join(sorted(_SETTINGS))}",
            )
            for name in unknown
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        del context
        # Never a replace: it would replace every snapshot, and so forget how things were.
        some = codec.decode(request.olds) != codec.decode(request.news)
        changes = (
            provider_pb2.DiffResponse.DIFF_SOME if some else provider_pb2.DiffResponse.DIFF_NONE
        )
        return provider_pb2.DiffResponse(changes=changes)
