"""AWS Signature Version 4, checked: in the Authorization header and in presigned URLs.

Source: IAM User Guide, "AWS Signature Version 4 for API requests".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from containment.clock import utc_now
from containment.lab.protocol.refusal import Reason, Refusal

if TYPE_CHECKING:
    from containment.lab.protocol.call import Call

_ALGORITHM = "AWS4-HMAC-SHA256"
_FIELD = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_SKEW = timedelta(minutes=15)
_WEEK = 604800
_SCOPE_PARTS = 5
_UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request claims, and the signature that has to bear it out."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str | None
    presigned: bool
    expires_s: int = 0

    @property
    def scope(self) -> str:
        """The credential scope of the string to sign."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_credential(call: Call) -> Credential | None:
    """Return what *call* claims, None where it is unsigned.

    Raises:
        Refusal: the claim is there and malformed.
    """
    header = call.headers.get("authorization", "")
    if header:
        fields = dict(_FIELD.findall(header))
        if not header.startswith(_ALGORITHM) or fields.keys() < {"Credential", "Signature"}:
            raise Refusal(
                Reason.BAD_SIGNATURE,
                "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders', "
                f"signed with {_ALGORITHM}.",
                code="IncompleteSignature",
                status=400,
            )
        return _credential(
            fields["Credential"],
            signed_headers=fields.get("SignedHeaders", ""),
            signature=fields["Signature"],
            timestamp=call.headers.get("x-amz-date", ""),
            token=call.headers.get("x-amz-security-token"),
        )
    query = call.query
    if "AWSAccessKeyId" in query and "Signature" in query:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            "The authorization mechanism you have provided is not supported. "
            "Please use AWS4-HMAC-SHA256.",
            code="InvalidRequest",
            status=400,
        )
    if "X-Amz-Signature" not in query:
        return None
    return _credential(
        query.get("X-Amz-Credential", ""),
        signed_headers=query.get("X-Amz-SignedHeaders", ""),
        signature=query["X-Amz-Signature"],
        timestamp=query.get("X-Amz-Date", ""),
        token=query.get("X-Amz-Security-Token"),
        presigned=True,
        expires_s=_lifetime(query.get("X-Amz-Expires", "0") or "0"),
    )


def _lifetime(text: str) -> int:
    """Return the seconds that a presigned URL is good for: "a maximum of seven days"."""
    try:
        seconds = int(text)
    except ValueError:
        seconds = _WEEK + 1
    if seconds > _WEEK:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            "X-Amz-Expires must be less than a week (in seconds); "
            f"that is, the given X-Amz-Expires must be less than {_WEEK} seconds",
            code="AuthorizationQueryParametersError",
            status=400,
        )
    return seconds


def _credential(
    text: str,
    *,
    signed_headers: str,
    signature: str,
    timestamp: str,
    token: str | None,
    presigned: bool = False,
    expires_s: int = 0,
) -> Credential:
    parts = text.rsplit("/", _SCOPE_PARTS - 1)
    if len(parts) != _SCOPE_PARTS or parts[4] != "aws4_request":
        raise Refusal(
            Reason.BAD_SIGNATURE,
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term.",
            code="IncompleteSignature",
            status=400,
        )
    return Credential(
        access_key_id=parts[0],
        date=parts[1],
        region=parts[2],
        service=parts[3].lower(),
        signed_headers=tuple(signed_headers.split(";")),
        signature=signature,
        timestamp=timestamp,
        token=token,
        presigned=presigned,
        expires_s=expires_s,
    )


def verify(call: Call, credential: Credential, secret: str) -> None:
    """Check the signature and its freshness.

    Raises:
        Refusal: the signature is wrong, too old, or made in the future.
    """
    payload = _payload_hash(call, credential)
    canonical = "\n".join(
        (
            call.method,
            _canonical_path(call, credential.service),
            _canonical_query(call, presigned=credential.presigned),
            *(f"{name}:{_header(call, name)}" for name in credential.signed_headers),
            "",
            ";".join(credential.signed_headers),
            payload,
        )
    )
    to_sign = "\n".join(
        (
            _ALGORITHM,
            credential.timestamp,
            credential.scope,
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = _signing_key(secret, credential.date, credential.region, credential.service)
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), credential.signature.encode()):
        raise Refusal(Reason.BAD_SIGNATURE)
    _check_freshness(credential)


def _check_freshness(credential: Credential) -> None:
    try:
        signed_at = datetime.strptime(credential.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            "Date must be in ISO-8601 'basic format'.",
            code="IncompleteSignature",
            status=400,
        ) from None
    now = utc_now()
    if credential.presigned and now > signed_at + timedelta(seconds=credential.expires_s):
        raise Refusal(Reason.DENIED, "Request has expired")
    if not credential.presigned and abs(now - signed_at) > _SKEW:
        raise Refusal(
            Reason.SKEWED,
            f"Signature expired: {credential.timestamp} is not within 15 minutes of "
            f"{now:%Y%m%dT%H%M%SZ}",
        )


def _payload_hash(call: Call, credential: Credential) -> str:
    stated = call.headers.get("x-amz-content-sha256")
    if credential.presigned and credential.service == "s3":
        return stated or "UNSIGNED-PAYLOAD"
    if stated and stated.startswith(_UNSIGNED):
        return stated
    actual = hashlib.sha256(call.body).hexdigest()
    if stated and stated != actual:
        raise Refusal(
            Reason.BAD_SIGNATURE,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            code="XAmzContentSHA256Mismatch",
            status=400,
        )
    return actual


def _canonical_path(call: Call, service: str) -> str:
    if service == "s3":
        return call.raw_path
    kept: list[str] = []
    for segment in call.raw_path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in {"", "."}:
            kept.append(segment)
    path = "/" + "/".join(kept)
    if call.raw_path.endswith("/") and path != "/":
        path += "/"
    return quote(path, safe="/~")


def _canonical_query(call: Call, *, presigned: bool) -> str:
    pairs = [
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in (item.partition("=") for item in call.raw_query.split("&") if item)
        if not (presigned and name == "X-Amz-Signature")
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _header(call: Call, name: str) -> str:
    return re.sub(r" {2,}", " ", call.headers.get(name, "").strip())


@lru_cache(maxsize=4096)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def form_parameters(call: Call) -> dict[str, str]:
    """Return the parameters of a query-protocol call, from the body or else the query string."""
    if call.body and "urlencoded" in call.headers.get("content-type", ""):
        return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    return call.query
