"""Which operation a call is, and with which parameters, by the service's own model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException, NotFound

from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.protocol.services import Service, service_of
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.core.request import Request

    from containment.lab.protocol.call import Call

# moto addresses these by other names than "<service>.<region>.amazonaws.com".
_HOSTS: Mapping[str, str] = {
    "bedrock-runtime": "bedrock-runtime.{region}.amazonaws.com",
    "bedrock-agent": "bedrock-agent.{region}.amazonaws.com",
    "dynamodbstreams": "streams.dynamodb.{region}.amazonaws.com",
    "s3control": "s3-control.{region}.amazonaws.com",
    "sesv2": "email.{region}.amazonaws.com",
    "budgets": "budgets.amazonaws.com",
    "cloudfront": "cloudfront.amazonaws.com",
    "route53": "route53.amazonaws.com",
}


# Services that the lab answers without moto.
_WITHOUT_MOTO = frozenset({"signin", "iam-toolbox"})


@dataclass(frozen=True, slots=True)
class Operation:
    """A call, understood."""

    service: Service
    model: str
    name: str
    parameters: Mapping[str, Any]
    request: Request
    host: str

    @property
    def label(self) -> str:
        """``prefix:Operation``, as logs and counts name it."""
        return f"{self.service.prefix}:{self.name}"


def _models(call: Call) -> tuple[str, ...]:
    """Return the models that a call may be of: IAM's are made on ``/``, its toolbox's are not."""
    if call.service == "iam" and call.raw_path != "/":
        return ("iam-toolbox",)
    return service_of(call.service).models


def protocol_of(call: Call) -> str:
    """Return the protocol that *call*'s service answers in, query where the service is unknown."""
    for model in _models(call) if call.service else ():
        try:
            return determine_request_protocol(
                get_service_model(model), call.headers.get("content-type")
            )
        except (UnknownServiceError, DataNotFoundError, NotImplementedError):
            continue
    return "query"


def recognise(call: Call) -> Operation:
    """Return the operation that *call* asks for.

    Raises:
        Refusal: the lab has no such service, the service no such operation, or the parameters
            cannot be read.
    """
    service = service_of(call.service)
    has_service = False
    for model in _models(call):
        host = _HOSTS.get(model, f"{call.service}.{{region}}.amazonaws.com").format(
            region=call.region
        )
        if model not in _WITHOUT_MOTO and moto_state.module_of(host) is None:
            continue
        has_service = True
        request = call.as_moto_request(host)
        try:
            operation, uri_parameters = get_service_router(model).match(request)
        except (NotFound, NotImplementedError, UnknownServiceError):
            continue
        return Operation(
            service=service,
            model=model,
            name=operation.name,
            parameters=_parse(operation, request, uri_parameters),
            request=request,
            host=host,
        )
    if not has_service:
        raise Refusal(Reason.NOT_IN_LAB, f"The lab has no service {call.service!r}.")
    raise Refusal(
        Reason.MALFORMED,
        f"Could not find operation for {call.method} {call.raw_path} in {call.service}",
    )


def _parse(operation: Any, request: Request, uri_parameters: dict[str, Any]) -> dict[str, Any]:
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    try:
        parsed = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": uri_parameters,
            }
        )
    except HTTPException:
        raise
    except Exception as error:
        raise Refusal(
            Reason.MALFORMED,
            f"The parameters of {operation.name} cannot be read: {error}",
            code="SerializationException",
            status=400,
        ) from error
    return dict(parsed or {})
