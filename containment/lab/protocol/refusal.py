"""A refusal, and how each AWS protocol says it.

Sources: the "Common Errors" pages of the services' API references, and Smithy's AWS protocols.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from xml.sax.saxutils import escape


class Reason(Enum):
    """Why a call is refused before any service sees it."""

    DENIED = "denied"
    UNKNOWN_KEY = "unknown key"
    BAD_TOKEN = "bad token"  # noqa: S105 -- a reason, not a token
    EXPIRED = "expired"
    BAD_SIGNATURE = "bad signature"
    SKEWED = "skewed"
    ANONYMOUS = "anonymous"
    NOT_IN_LAB = "not in lab"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    CONFLICT = "conflict"
    MALFORMED = "malformed"


class Refusal(Exception):  # noqa: N818 -- an answer, not a failure of the lab
    """A call is refused; *code* is set where it does not follow from the protocol."""

    def __init__(
        self, reason: Reason, message: str = "", *, code: str = "", status: int = 0
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message or _TEXTS.get(reason, "")
        self.code = code
        self.status = status


_TEXTS = {
    Reason.UNKNOWN_KEY: "The security token included in the request is invalid.",
    Reason.BAD_TOKEN: "The security token included in the request is invalid.",
    Reason.EXPIRED: "The security token included in the request is expired",
    Reason.ANONYMOUS: "Request is missing Authentication Token",
    Reason.THROTTLED: "Rate exceeded",
    Reason.UNAVAILABLE: "Service failure, made on demand by the lab",
    Reason.CONFLICT: "Another request changed this at the same time, on demand by the lab",
    Reason.BAD_SIGNATURE: (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. "
        "Consult the service documentation for details."
    ),
}

_S3_TEXTS = {
    Reason.UNKNOWN_KEY: "The AWS Access Key Id you provided does not exist in our records.",
    Reason.BAD_TOKEN: "The provided token is malformed or otherwise invalid.",
    Reason.EXPIRED: "The provided token has expired.",
    Reason.ANONYMOUS: "Access Denied",
}

# Reason -> (code, HTTP status), by family of protocol.
_QUERY = {
    Reason.DENIED: ("AccessDenied", 403),
    Reason.UNKNOWN_KEY: ("InvalidClientTokenId", 403),
    Reason.BAD_TOKEN: ("InvalidClientTokenId", 403),
    Reason.EXPIRED: ("ExpiredToken", 403),
    Reason.BAD_SIGNATURE: ("SignatureDoesNotMatch", 403),
    Reason.SKEWED: ("SignatureDoesNotMatch", 403),
    Reason.ANONYMOUS: ("MissingAuthenticationToken", 403),
    Reason.NOT_IN_LAB: ("NotImplementedInLab", 501),
    Reason.MALFORMED: ("InvalidAction", 400),
    Reason.THROTTLED: ("Throttling", 400),
    Reason.UNAVAILABLE: ("ServiceFailure", 500),
    Reason.CONFLICT: ("ConcurrentModification", 409),
}
_S3 = _QUERY | {
    Reason.UNKNOWN_KEY: ("InvalidAccessKeyId", 403),
    Reason.BAD_TOKEN: ("InvalidToken", 400),
    Reason.EXPIRED: ("ExpiredToken", 400),
    Reason.SKEWED: ("RequestTimeTooSkewed", 403),
    Reason.ANONYMOUS: ("AccessDenied", 403),
    Reason.MALFORMED: ("InvalidRequest", 400),
    Reason.THROTTLED: ("SlowDown", 503),
    Reason.UNAVAILABLE: ("InternalError", 500),
    Reason.CONFLICT: ("OperationAborted", 409),
}
_EC2 = _QUERY | {
    Reason.DENIED: ("UnauthorizedOperation", 403),
    Reason.UNKNOWN_KEY: ("AuthFailure", 401),
    Reason.BAD_TOKEN: ("AuthFailure", 401),
    Reason.EXPIRED: ("RequestExpired", 400),
    Reason.BAD_SIGNATURE: ("AuthFailure", 401),
    Reason.THROTTLED: ("RequestLimitExceeded", 503),
    Reason.UNAVAILABLE: ("Unavailable", 503),
    Reason.CONFLICT: ("IncorrectState", 409),
}
_REST_JSON = {
    Reason.DENIED: ("AccessDeniedException", 403),
    Reason.UNKNOWN_KEY: ("UnrecognizedClientException", 403),
    Reason.BAD_TOKEN: ("UnrecognizedClientException", 403),
    Reason.EXPIRED: ("ExpiredTokenException", 403),
    Reason.BAD_SIGNATURE: ("InvalidSignatureException", 403),
    Reason.SKEWED: ("InvalidSignatureException", 403),
    Reason.ANONYMOUS: ("MissingAuthenticationTokenException", 403),
    Reason.NOT_IN_LAB: ("NotImplementedInLab", 501),
    Reason.MALFORMED: ("UnknownOperationException", 404),
    Reason.THROTTLED: ("ThrottlingException", 429),
    Reason.UNAVAILABLE: ("InternalServerException", 500),
    Reason.CONFLICT: ("ConflictException", 409),
}
# The older JSON protocols answer every client error with 400: "AccessDeniedException ... HTTP
# Status Code: 400" in the API references of DynamoDB, KMS, Secrets Manager and Organizations.
_JSON = {
    reason: (code, 400 if status in {403, 404, 409, 429} else status)
    for reason, (code, status) in _REST_JSON.items()
}
# Services that moved from the query protocol to JSON and kept the codes of their errors, which
# clients take from a header (Smithy, "AWS query compatible trait").
_QUERY_COMPATIBLE = frozenset({"sqs"})
_TABLES = {"query": _QUERY, "ec2": _EC2, "json": _JSON, "rest-json": _REST_JSON, "rest-xml": _QUERY}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A refusal in its protocol's clothes."""

    status: int
    code: str
    headers: dict[str, str]
    body: bytes


def render(refusal: Refusal, *, protocol: str, service: str, request_id: str) -> Rendered:
    """Return the HTTP answer that *service*, which speaks *protocol*, gives."""
    compatible = service in _QUERY_COMPATIBLE
    table = _S3 if service == "s3" else _TABLES.get("query" if compatible else protocol, _QUERY)
    code, status = table[refusal.reason]
    if service == "sns" and refusal.reason is Reason.DENIED:
        code = "AuthorizationError"
    code, status = refusal.code or code, refusal.status or status
    message = refusal.message
    if service == "s3" and message == _TEXTS.get(refusal.reason):
        message = _S3_TEXTS.get(refusal.reason, message)
    if refusal.reason is Reason.UNKNOWN_KEY and protocol == "ec2":
        message = "AWS was not able to validate the provided access credentials"
    return _in_protocol(
        status, code, message, protocol=protocol, service=service, request_id=request_id
    )


def _in_protocol(
    status: int, code: str, message: str, *, protocol: str, service: str, request_id: str
) -> Rendered:
    if protocol in {"json", "rest-json"}:
        body = json.dumps({"__type": code, "message": message, "Message": message})
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}
        if service in _QUERY_COMPATIBLE:
            kind = "Sender" if status < 500 else "Receiver"  # noqa: PLR2004 -- HTTP's classes
            headers["x-amzn-query-error"] = f"{code};{kind}"
        return Rendered(status, code, headers, body.encode())
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        xml = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    elif protocol == "ec2":
        xml = (
            f"<Response><Errors><Error>{error}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        kind = "Sender" if status < 500 else "Receiver"  # noqa: PLR2004 -- HTTP's classes
        xml = (
            f"<ErrorResponse><Error><Type>{kind}</Type>{error}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Rendered(status, code, {"Content-Type": "text/xml"}, xml.encode())
