"""Which calls hand out credentials, and where in the answer the new key id stands.

A key id anywhere else (in a request, in a list, in a message) is a mention, never an issue.

Which calls those are is in ``containment/aws/issuers.toml``. Source: IAM User Guide, "Logging IAM
and AWS STS API calls with AWS CloudTrail".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from containment.aws.issuers import table

if TYPE_CHECKING:
    from collections.abc import Iterator

# Key ids are 16-128 letters, digits and underscores in AWS's own model; redacted sets keep to that.
_KEY_ID = re.compile(r"\w{16,128}", re.ASCII)

ISSUERS = table().keyed_events


class Issued(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One key id handed out, and its principal as far as the answer names it."""

    key: str
    arn: str = ""
    principal_id: str = ""
    user_name: str = ""
    expiration: str = ""


def issued_keys(event_name: str, response: Any) -> tuple[Issued, ...]:
    """Return the key ids that *response* hands out."""
    if not isinstance(response, dict):
        return ()
    arn, principal_id = _holder(response)
    plain = response.get("credentials")
    if isinstance(plain, dict) and event_name in ISSUERS:  # the shape of nearly all of them
        key = plain.get("accessKeyId")
        if isinstance(key, str) and is_key_id(key):
            return (Issued(key, arn, principal_id, "", _text(plain.get("expiration"))),)
    return tuple(
        Issued(
            key=where["accessKeyId"],
            arn=arn,
            principal_id=principal_id,
            user_name=_text(where.get("userName")),
            expiration=_text(where.get("expiration")),
        )
        for where in _credentials(response, 0)
        if event_name in ISSUERS or "sessionToken" in where or "secretAccessKey" in where
    )


def is_key_id(text: str) -> bool:
    """Tell whether *text* can be a key id; CloudTrail puts a word of its own for a hidden one."""
    return _KEY_ID.fullmatch(text) is not None and not text.startswith("HIDDEN_DUE")


def _holder(response: dict[str, Any]) -> tuple[str, str]:
    role = response.get("assumedRoleUser")
    if isinstance(role, dict):
        return _text(role.get("arn")), _text(role.get("assumedRoleId"))
    federated = response.get("federatedUser")
    if isinstance(federated, dict):
        return _text(federated.get("arn")), _text(federated.get("federatedUserId"))
    scoped = response.get("sessionInfo")  # GetScopedCredentials
    if isinstance(scoped, dict):
        return _text(scoped.get("arn")), ""
    delegated = response.get("assumedPrincipal")  # GetDelegatedAccessToken
    if isinstance(delegated, str):
        return delegated, ""
    sets = response.get("credentialSet")  # Roles Anywhere
    if isinstance(sets, list) and sets and isinstance(sets[0], dict):
        return _holder(sets[0])
    return "", ""


def _credentials(tree: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > 4:  # noqa: PLR2004 -- every known answer has it within three
        return
    if isinstance(tree, list):
        for item in tree:
            yield from _credentials(item, depth + 1)
    elif isinstance(tree, dict):
        key = tree.get("accessKeyId")
        if isinstance(key, str) and is_key_id(key):
            yield tree
        for item in tree.values():
            if isinstance(item, dict | list):
                yield from _credentials(item, depth + 1)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
