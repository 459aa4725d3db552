"""Web identity tokens: the lab is every identity provider at once, and believes only itself.

Real STS checks a token against the provider's published keys. Here a control request mints tokens
for any issuer, signed with a key of this lab; any other token is invalid.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = secrets.token_bytes(32)
_LIFE = timedelta(hours=1)


class InvalidTokenError(ValueError):
    """A token that this lab has not made, or that is over."""


def mint(
    *,
    issuer: str,
    subject: str,
    audience: str,
    now: datetime,
    more: Mapping[str, Any] | None = None,
) -> str:
    """Return a token that says *subject* for *audience*, in the name of *issuer*, and *more*."""
    head = _encode({"alg": "HS256", "typ": "JWT"})
    body = _encode(
        {
            "iss": issuer,
            "sub": subject,
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFE).timestamp()),
            **(more or {}),
        }
    )
    return f"{head}.{body}.{_signature(f'{head}.{body}')}"


def read(token: str, *, now: datetime) -> Mapping[str, Any]:
    """Return what a token claims.

    Raises:
        InvalidTokenError: it was not minted here, or has expired.
    """
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_signature(signed).encode(), signature.encode()):
        raise InvalidTokenError("Couldn't retrieve verification key from your identity provider")
    body = signed.partition(".")[2]
    claims = cast("dict[str, Any]", json.loads(base64.urlsafe_b64decode(body + "==")))
    if claims["exp"] <= now.timestamp():
        raise InvalidTokenError("Token expired")
    return claims


def _encode(document: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _signature(text: str) -> str:
    digest = hmac.new(_KEY, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
