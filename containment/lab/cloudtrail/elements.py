"""``requestParameters`` and ``responseElements``: parameters in CloudTrail's spelling.

Names begin with a small letter, dates are written out, secrets are left out: everything that the
service's model marks as sensitive, and what CloudTrail is known to hide.

Source: AWS CloudTrail User Guide, "CloudTrail record contents".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from botocore.model import Shape, StructureShape
from botocore.parsers import create_parser
from moto.core.utils import get_service_model

Json = dict[str, Any]

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_HIDDEN = frozenset({"SecretString", "SecretBinary", "Plaintext", "MessageBody", "Message"})
_LEFT_OUT = frozenset({"Body", "Payload", "ZipFile", "Password", "NewPassword", "OldPassword"})


def request_parameters(model: str, operation: str, parameters: Mapping[str, Any]) -> Json | None:
    """Return a call's parameters as a record shows them, None where there are none."""
    shape = get_service_model(model).operation_model(operation).input_shape
    shown = _structure(cast("StructureShape | None", shape), parameters, _plain_date)
    if model == "s3" and "bucket" in shown:
        shown["bucketName"] = shown.pop("bucket")
    return shown or None


def response_elements(
    model: str, operation: str, *, status: int, headers: Mapping[str, str], body: bytes
) -> Json | None:
    """Return an answer as a record shows it, None where it holds nothing."""
    operation_model = get_service_model(model).operation_model(operation)
    shape = operation_model.output_shape
    if shape is None:
        return None
    parsed = _parsed(model, shape, status=status, headers=headers, body=body)
    parsed.pop("ResponseMetadata", None)
    date = assumed_at if model == "sts" else _date_of_iam if model == "iam" else _plain_date
    return _structure(cast("StructureShape", shape), parsed, date) or None


def error_of(
    model: str, *, status: int, headers: Mapping[str, str], body: bytes
) -> tuple[str, str]:
    """Return code and message of an error that the service itself answered."""
    parsed = _parsed(model, None, status=status, headers=headers, body=body)
    error = cast("Json", parsed.get("Error", {}))
    code = str(error.get("Code") or status)
    typed_wrongly: Any = get_service_model(model)
    shape = typed_wrongly.shape_for_error_code(code)
    # Records name the exception of the model, where answers have the shorter code.
    return (shape.name if shape is not None else code), str(error.get("Message", ""))


def _parsed(
    model: str,
    shape: Shape | None,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Json:
    protocol = _protocol(model, body)
    lowered = {name.lower(): value for name, value in headers.items()}
    parser: Any = create_parser(protocol)
    return dict(parser.parse({"status_code": status, "headers": lowered, "body": body}, shape))


def _protocol(model: str, body: bytes) -> str:
    """Return the protocol of an answer: a service may speak several, and JSON shows itself."""
    spoken = get_service_model(model)
    if body[:1] in {b"{", b"["} and not spoken.protocol.endswith("json"):
        return next((p for p in spoken.metadata.get("protocols", ()) if p.endswith("json")), "json")
    return str(spoken.protocol)


def _structure(shape: StructureShape | None, values: Mapping[str, Any], date: Any) -> Json:
    members: Mapping[str, Any] = shape.members if shape is not None else {}
    shown: Json = {}
    for name, value in values.items():
        member = members.get(name)
        sensitive = member is not None and member.metadata.get("sensitive")
        if name in _LEFT_OUT or (sensitive and name not in _HIDDEN) or value is None:
            continue
        if name in _HIDDEN:
            shown[_spelled(name)] = HIDDEN
            continue
        shown[_spelled(name)] = _value(member, value, date)
    return shown


def _value(shape: Any, value: Any, date: Any) -> Any:
    if isinstance(value, Mapping):
        if getattr(shape, "type_name", "") == "map":
            return {str(k): _value(shape.value, v, date) for k, v in value.items()}
        inner = shape if isinstance(shape, StructureShape) else None
        return _structure(inner, cast("Json", value), date)
    if isinstance(value, list):
        inner = getattr(shape, "member", None)
        return [_value(inner, item, date) for item in value]
    if isinstance(value, datetime):
        return date(value)
    return HIDDEN if isinstance(value, bytes) or hasattr(value, "read") else value


def _spelled(name: str) -> str:
    """Begin with a small letter, that one alone: records say ``sAMLProviderArn``."""
    return name[:1].lower() + name[1:]


def _date_of_iam(moment: datetime) -> str:
    """Write a date as IAM's records do: ``Jul 30, 2024 9:53:13 PM``."""
    return _written(moment, ", ", " ")


def assumed_at(moment: datetime) -> str:
    """Write a date as STS's records do: ``Aug 2, 2024, 8:45:00 AM``."""
    return _written(moment, ", ", ", ")


def _written(moment: datetime, after_day: str, after_year: str) -> str:
    utc = moment.astimezone(UTC)
    hour = utc.hour % 12 or 12
    return f"{utc:%b} {utc.day}{after_day}{utc.year}{after_year}{hour}:{utc:%M:%S %p}"


def _plain_date(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
