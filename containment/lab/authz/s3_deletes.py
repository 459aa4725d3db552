"""DeleteObjects: each key is authorised by itself, and what is denied is answered beside the rest.

Source: Amazon S3 API Reference, "DeleteObjects".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.lab.protocol.call import Call
    from containment.lab.protocol.operations import Operation

Answer = tuple[int, dict[str, str], bytes]
LABEL = "s3:DeleteObjects"


def without(operation: Operation, call: Call, denied: Iterable[str]) -> Operation | None:
    """Return the operation without the denied keys, None where nothing is left of it."""
    denied_keys = set(denied)
    requested = (operation.parameters.get("Delete") or {}).get("Objects", [])
    kept = [one for one in requested if one["Key"] not in denied_keys]
    if not kept:
        return None
    objects = "".join(
        f"<Object><Key>{escape(one['Key'])}</Key>"
        + (f"<VersionId>{escape(one['VersionId'])}</VersionId>" if one.get("VersionId") else "")
        + "</Object>"
        for one in kept
    )
    body = f"<Delete>{objects}</Delete>".encode()
    call.replace_body(body)
    return replace(operation, request=call.as_moto_request(operation.host))


def with_errors(answer: Answer | None, denied: Iterable[str]) -> Answer:
    """Return the answer with an error for every denied key."""
    errors = "".join(
        f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code>"
        "<Message>Access Denied</Message></Error>"
        for key in denied
    ).encode()
    if answer is None:
        body = (
            b'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            + errors
            + b"</DeleteResult>"
        )
        return 200, {"Content-Type": "application/xml"}, body
    status, headers, body = answer
    if b"</DeleteResult>" in body:
        return status, headers, body.replace(b"</DeleteResult>", errors + b"</DeleteResult>")
    closed = b"<DeleteResult>" + errors + b"</DeleteResult>"
    return status, headers, body.replace(b"<DeleteResult/>", closed)
