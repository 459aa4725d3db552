"""What a caller reads when a policy stops it, and the longer message that only STS decodes.

Sources: IAM User Guide, "Troubleshoot access denied error messages"; AWS STS API Reference,
"DecodeAuthorizationMessage".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.iam_policy.evaluate import Decision
    from containment.lab.authn.callers import Caller
    from containment.lab.authz.requirements import Ask

_KEY = secrets.token_bytes(32)
_SEAL = 32
# The services whose denials carry an encoded message.
_ENCODING = frozenset({"ec2"})


def denial(
    caller: Caller, ask: Ask, decision: Decision, context: Mapping[str, str | tuple[str, ...]]
) -> str:
    """Return AWS's text for a denial."""
    if caller.kind == "anonymous":
        return "Access Denied"
    if caller.vouched_for:
        return f"Not authorized to perform {ask.action}"
    sentence = _sentence(caller, ask, decision)
    if ask.action.partition(":")[0] not in _ENCODING:
        return sentence
    encoded = _encoded(caller, ask, decision, context)
    return (
        f"You are not authorized to perform this operation. {sentence} "
        f"Encoded authorization failure message: {encoded}"
    )


def _sentence(caller: Caller, ask: Ask, decision: Decision) -> str:
    about = "" if decision.layer == "role trust policy" else f" on resource: {ask.resource}"
    who = f"User: {caller.arn} is not authorized to perform: {ask.action}"
    if decision.layer == "role trust policy" and not decision.explicit:
        return f"{who} on resource: {ask.resource}"
    if decision.explicit:
        article = "the" if decision.layer == "role trust policy" else _article(decision.layer or "")
        return f"{who}{about} with an explicit deny in {article} {decision.layer}"
    return f"{who}{about} because no {decision.layer} allows the {ask.action} action"


def _article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" else "a"


def _encoded(
    caller: Caller, ask: Ask, decision: Decision, context: Mapping[str, str | tuple[str, ...]]
) -> str:
    """Return the circumstances of a denial, sealed: only this lab's STS opens them."""
    keys = [
        {"key": key, "values": _items([{"value": one} for one in _each(value)])}
        for key, value in sorted(context.items())
    ]
    document = {
        "allowed": False,
        "explicitDeny": decision.explicit,
        "matchedStatements": _items(
            [
                {"statementId": one.sid, "effect": "ALLOW" if one.allow else "DENY"}
                for one in decision.deciding
            ]
        ),
        "failures": _items([]),
        "context": {
            "principal": {"id": caller.user_id, "name": caller.name, "arn": caller.arn},
            "action": ask.action,
            "resource": ask.resource,
            "conditions": _items(keys),
        },
    }
    packed = zlib.compress(json.dumps(document).encode())
    return base64.urlsafe_b64encode(_seal(packed) + packed).decode()


def decode(message: str) -> str:
    """Return what an encoded message says, as a JSON document.

    Raises:
        ValueError: this lab has made no such message.
    """
    raw = base64.urlsafe_b64decode(message)
    packed = raw[_SEAL:]
    if not hmac.compare_digest(raw[:_SEAL], _seal(packed)):
        raise ValueError("The message cannot be decoded")
    return zlib.decompress(packed).decode()


def _seal(packed: bytes) -> bytes:
    return hmac.new(_KEY, packed, hashlib.sha256).digest()


def _items(values: list[Any]) -> dict[str, list[Any]]:
    return {"items": values}


def _each(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
