"""How a failed call of the engine ends: one line for the operator, the kind for the verb."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from containment.aws.faults import explain
from containment.errors import ConflictError, ContainmentError, SpecError, StoppedError, kind_of
from containment.lifecycle.action import Failure, UnfinishedError
from containment.messages import of_error
from containment.provider.failures import InitFailed
from containment.text import paragraph, plain, wired

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from containment.lifecycle.wire import Inputs
    from containment.messages import Call
    from containment.provider.deployment import Deployment

Made = TypeVar("Made")


@dataclass(slots=True)
class ReportedCall:
    """Ends a call with one line for the operator, and its kind for the verb, where it fails."""

    context: Any
    deployment: Deployment
    call: Call
    urn: str
    preview: bool
    ended: bool = False

    def __enter__(self) -> Self:
        """Begin the call."""
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        """Abort the call with one line where *error* ended it."""
        if not isinstance(error, Exception) or self.ended:
            return
        failure = as_containment_error(error, "changing IAM")
        self._say(failure)
        stopped = isinstance(failure, StoppedError)
        status = grpc.StatusCode.ABORTED if stopped else grpc.StatusCode.FAILED_PRECONDITION
        self.context.abort(status, paragraph(failure))

    def making(self, inputs: Inputs, make: Callable[[], Made]) -> Made:
        """Return what *make* makes; where that is unfinished, the engine is to keep it."""
        try:
            return make()
        except UnfinishedError as error:
            self._say(error)
            self.ended = True  # an abort ends the call by an exception of its own
            InitFailed(resource_id(inputs), error).abort(self.context)

    def _say(self, error: ContainmentError) -> None:
        message = of_error(error, urn=self.urn, call=self.call, preview=self.preview)
        self.deployment.messages.add(message)
        if self.call == "Create":
            self.deployment.failed.setdefault(resource_name(self.urn), kind_of(error))


def resource_id(inputs: Inputs) -> str:
    """Return the id of a resource: the incident and the principal it holds."""
    identifier: str = wired(f"{inputs.incident}/{inputs.principal}")
    return identifier


def resource_name(urn: str) -> str:
    """Return the name in *urn*, which a principal's snapshot and all that hangs on it share."""
    return urn.split("::", 3)[-1]


def input_failures(error: ValidationError, unknown: frozenset[str]) -> list[Failure]:
    """Return a finding for each input that *error* is about, less those *unknown* as yet."""
    return [
        Failure(
            ".".join(str(part) for part in detail["loc"]),
            SpecError(str(detail["msg"]), remedy="see the resource's inputs in the program"),
        )
        for detail in error.errors()
        if str(detail["loc"][0]) not in unknown
    ]


def one_line(error: BaseException) -> str:
    """Return the text of *error* in one line, harmless; its class where it has none."""
    return plain(" ".join(str(error).split())) or type(error).__name__


def as_containment_error(error: Exception, doing: str) -> ContainmentError:
    """Return *error* as one of ours; what nobody foresaw is told as a bug, without its text."""
    if isinstance(error, ContainmentError):
        return error
    if isinstance(error, (ClientError, BotoCoreError)):
        return explain(doing, error)
    if isinstance(error, ValidationError):
        return ConflictError(
            f"the state or the inputs cannot be read by this version of containment:"
            f" {one_line(error)}",
            remedy="use the version that wrote the state, or restore the state from its backup",
        )
    place = traceback.extract_tb(error.__traceback__)[-1]
    return ContainmentError(
        f"this is a bug in containment ({type(error).__name__} in"
        f" {Path(place.filename).name}:{place.lineno})",
        remedy="report it with what you ran",
    )
