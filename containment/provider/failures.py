"""The one answer that means "made, but not as declared": the engine keeps the resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from pulumi.runtime.proto import provider_pb2, status_pb2

from containment.lifecycle.wire import Inputs
from containment.provider import codec
from containment.text import paragraph

if TYPE_CHECKING:
    from containment.lifecycle.action import UnfinishedError

_DETAILS = "grpc-status-details-bin"


class _Status(grpc.Status):
    def __init__(self, details: str, trailing: bytes) -> None:
        self.code = grpc.StatusCode.UNKNOWN
        self.details = details
        self.trailing_metadata = ((_DETAILS, trailing),)


@dataclass(frozen=True, slots=True)
class InitFailed:
    """An unfinished resource as the engine wants it said.

    Source: Pulumi provider protocol, ``ErrorResourceInitFailed`` in the details of
    ``google.rpc.Status``.
    """

    resource_id: str
    error: UnfinishedError

    def abort(self, context: Any) -> NoReturn:
        """End the call."""
        state = self.error.state
        inputs = {
            name: value
            for name, value in codec.dump(state).items()
            if name not in _output_names(state)
        }
        message = paragraph(self.error)
        detail = provider_pb2.ErrorResourceInitFailed(
            id=self.resource_id,
            properties=codec.encode(codec.dump(state)),
            inputs=codec.encode(inputs),
            reasons=[message],
        )
        packed = AnyMessage()
        packed.Pack(detail)
        status = status_pb2.Status(
            code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed]
        )
        context.abort_with_status(_Status(message, status.SerializeToString()))
        raise AssertionError  # abort always raises; this tells the type checkers


def _output_names(state: object) -> set[str]:
    model = type(state)
    inputs = next(base for base in model.__mro__[1:] if issubclass(base, Inputs))
    names = set(model.model_fields) - set(inputs.model_fields)  # type: ignore[attr-defined]
    return {codec.wire_name(model, name) for name in names}  # type: ignore[arg-type]
