"""One process of the provider, without the process: our servicer, real messages, a fake context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, status_pb2

from containment.aws.cancellation import is_mutating
from containment.provider import deployment
from containment.provider.servicer import Servicer
from tests.model.cloud import Cloud
from tests.model.conductor import Conductor, Dead

_DETAILS = "grpc-status-details-bin"


class CallError(Exception):
    """A call ended with an error; *kept* is what ErrorResourceInitFailed carried, if it was one."""

    def __init__(self, code: str, message: str, kept: Any = None) -> None:
        super().__init__(message)
        self.code, self.kept = code, kept


class GoneError(CallError):
    """The provider died under the call."""

    def __init__(self) -> None:
        super().__init__("UNAVAILABLE", "error reading from server: EOF")


class _AbortedError(Exception):
    def __init__(self, code: grpc.StatusCode, message: str, kept: Any = None) -> None:
        super().__init__(message)
        self.code, self.kept = code, kept


class _Context:
    """What grpc hands to a servicer, as far as ours uses it."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise _AbortedError(code, details)

    def abort_with_status(self, status: Any) -> NoReturn:
        kept = None
        for name, value in status.trailing_metadata:
            if name == _DETAILS:
                kept = provider_pb2.ErrorResourceInitFailed()
                packed: AnyMessage = status_pb2.Status.FromString(value).details[0]
                packed.Unpack(kept)
        raise _AbortedError(status.code, status.details, kept)


@dataclass
class Voice:
    """The engine's ear."""

    heard: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, severity: str, message: str, urn: str = "", call: str = "") -> None:
        del call
        self.heard.append((severity, urn, message))


class Cancelled(Event):
    """The event that Cancel sets; it knows whose it is, for the clients to be told."""

    def __init__(self, owner: Provider) -> None:
        super().__init__()
        self.owner = owner


Struck = Callable[["Provider", str, str], None]


class Provider:
    """A running provider.

    Args:
        struck: told of every changing call of this process, before and after, so that it may be
            killed there.
    """

    def __init__(
        self, cloud: Cloud, conductor: Conductor, directory: Path, *, struck: Struck
    ) -> None:
        self.lines: list[Any] = []
        self.dead = False
        self.voice = Voice()
        self.conversation: list[tuple[str, Any, Any]] = []
        self._cloud, self._conductor, self._struck = cloud, conductor, struck
        self._deployment = deployment.Deployment({})
        self._deployment.cancelled = Cancelled(self)
        self._deployment.directory = directory
        self._deployment.engine = self.voice  # type: ignore[assignment]
        self._servicer = Servicer(self._deployment)

    @property
    def cancelled(self) -> Event:
        """What Cancel sets."""
        return self._deployment.cancelled

    def call(self, method: str, request: Any) -> Any:
        """Make one call and return its answer.

        Raises:
            CallError: it ended with an error.
        """
        self._conductor.pause()
        if self.dead:
            raise GoneError
        entry: list[Any] = [method, request, None]
        self.conversation.append(entry)  # type: ignore[arg-type]
        try:
            answer = getattr(self._servicer, method)(request, _Context())
        except _AbortedError as error:
            entry[2] = CallError(error.code.name, str(error), error.kept)
            raise entry[2] from None
        except Dead:
            if self._engine_is_gone():
                raise
            entry[2] = GoneError()
            raise entry[2] from None
        if method in {"Handshake", "Attach"}:
            self._deployment.engine = self.voice  # type: ignore[assignment]
        entry[2] = answer
        return answer

    def cancel(self) -> None:
        """Ask it to start nothing new."""
        if not self.dead:
            self._servicer.Cancel(Empty(), _Context())

    def close(self) -> None:
        """End it."""
        self.dead = True
        self._cloud.give_back(self)

    def before_call(self, operation: str) -> None:
        """Stand before a call that botocore has sent."""
        if is_mutating(operation):
            self._struck(self, operation, "before")
        self._conductor.pause()
        self._live()

    def after_call(self, operation: str) -> None:
        """Stand after a call that AWS has carried out."""
        if is_mutating(operation):
            self._struck(self, operation, "after")
        self._live()

    def _live(self) -> None:
        if self.dead:
            raise Dead

    def _engine_is_gone(self) -> bool:
        task = self._conductor.current
        return task is not None and task.killed


def struct(values: Any) -> Struct:
    """Return *values* as the engine sends them."""
    made = Struct()
    made.update(dict(values))
    return made
