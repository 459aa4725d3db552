"""The IAM Toolbox: how a denied call of IAM was evaluated, and the documents of that moment.

Source: IAM Toolbox API (preview), GetRequestAuthorizationDetails and GetRequestAuthorizationPolicy,
by botocore's model ``iam-toolbox``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.core.utils import get_service_model

from containment.lab.authz.authorization_records import REGION, document_of
from containment.lab.protocol import value_checks
from containment.lab.protocol.refusal import Reason, Refusal

if TYPE_CHECKING:
    from containment.lab.authn.callers import Caller
    from containment.lab.authz.authorization_records import AuthorizationRecords
    from containment.lab.protocol.operations import Operation
    from containment.lab.state import moto_state


def answer(
    caller: Caller, operation: Operation, region: str, records: AuthorizationRecords
) -> moto_state.Handler:
    """Return what handles *operation* of *caller* in *region*: a record is where the denial was.

    Raises:
        Refusal: a parameter is malformed, or there is no such record for the caller.
    """
    parameters = operation.parameters
    shape = get_service_model("iam-toolbox").operation_model(operation.name).input_shape
    problems = value_checks.violations(shape, dict(parameters)) if shape is not None else []
    if parameters.get("nextToken"):
        problems.append("Value at 'nextToken' is none that was given")
    if problems:
        raise Refusal(
            Reason.MALFORMED,
            value_checks.sentence(problems),
            code="ValidationException",
            status=400,
        )
    body = _answer_body(caller, operation, region, records)

    def handle(_request: Any, _url: str, _headers: Any) -> moto_state.Answer:
        return 200, {"Content-Type": "application/json"}, json.dumps(body)

    return handle


def _answer_body(
    caller: Caller, operation: Operation, region: str, records: AuthorizationRecords
) -> dict[str, Any]:
    parameters = operation.parameters
    record = records.find(str(parameters["authorizationId"]), caller)
    if record is not None and region == REGION:
        if operation.name == "GetRequestAuthorizationDetails":
            return dict(record.details)
        document = document_of(record, str(parameters["policyUri"]))
        if document is not None:
            return {"policyDocument": document}
    raise Refusal(
        Reason.MALFORMED,
        "The requested policy or authorization details do not exist in this region or have"
        " expired.",
        code="ResourceNotFoundException",
        status=404,
    )
