"""A CloudTrail record, as far as the trace looks at it.

Typed, so that decoding costs one pass and skips what is not asked for. The free-form parts
(requestParameters, responseElements, …) stay raw until somebody needs them.

Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

from __future__ import annotations

import calendar
import re
from functools import lru_cache
from typing import Any

import msgspec

NOTHING = msgspec.Raw(b"null")

_NAMES = {
    "event_id": "eventID",
    "request_id": "requestID",
    "shared_event_id": "sharedEventID",
    "source_ip": "sourceIPAddress",
    "region": "awsRegion",
    "timestamp": "@timestamp",
    "from_console": "sessionCredentialFromConsole",
}


class _Part(msgspec.Struct, rename="camel", gc=False):
    """What all parts share: camel case names, nothing required, unknown fields skipped."""


class SessionIssuer(_Part):
    """Who issued a session: the role of an assumed-role session, the user of a federated one."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    user_name: str | None = None


class SessionAttributes(_Part):
    """When the session was made, and whether MFA was used."""

    creation_date: str | None = None
    mfa_authenticated: str | None = None


class SessionContext(_Part):
    """Present for temporary credentials."""

    session_issuer: SessionIssuer | None = None
    attributes: SessionAttributes | None = None
    source_identity: str | None = None


class Scope(_Part):
    """Which Lambda function, instance or task a service gave the credentials to."""

    issuer_type: str | None = None
    credentials_issued_to: str | None = None


class Identity(_Part):
    """Who made the call."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    invoked_by: str | None = None
    session_context: SessionContext | None = None
    in_scope_of: Scope | None = None

    @property
    def created(self) -> str:
        """When the session behind the call was made; empty for long-term keys."""
        context = self.session_context
        if context is None or context.attributes is None:
            return ""
        return normal_time(context.attributes.creation_date or "")

    @property
    def mfa(self) -> bool:
        """Whether the session was made with a second factor."""
        context = self.session_context
        if context is None or context.attributes is None:
            return False
        return context.attributes.mfa_authenticated == "true"

    @property
    def issuer_arn(self) -> str:
        """The role (or user) that issued the session, with its path; empty where there is none."""
        context = self.session_context
        if context is None or context.session_issuer is None:
            return ""
        return context.session_issuer.arn or ""


def _rename(name: str) -> str:
    head, *tail = name.split("_")
    return _NAMES.get(name, head + "".join(part.capitalize() for part in tail))


class Event(msgspec.Struct, rename=_rename, gc=False):
    """One record. Every field may be missing in a real one, the identity too."""

    event_id: str | None = None
    event_time: str | None = None
    timestamp: str | None = None
    event_name: str | None = None
    event_source: str | None = None
    region: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    event_type: str | None = None
    request_id: str | None = None
    recipient_account_id: str | None = None
    shared_event_id: str | None = None
    from_console: str | bool | None = None
    read_only: bool | str | None = None
    user_identity: Identity | None = None
    request_parameters: msgspec.Raw = NOTHING
    response_elements: msgspec.Raw = NOTHING
    additional_event_data: msgspec.Raw = NOTHING
    resources: msgspec.Raw = NOTHING

    @property
    def time(self) -> str:
        """``eventTime``, or what an export kept in its place: whole seconds, UTC, ``Z``."""
        return normal_time(self.event_time or self.timestamp or "")

    @property
    def account(self) -> str:
        """The account whose trail this is."""
        if self.recipient_account_id:
            return self.recipient_account_id
        return (self.user_identity.account_id or "") if self.user_identity else ""

    @property
    def console(self) -> bool:
        """Whether the record says that the credentials come from a console sign-in."""
        return self.from_console in (True, "true")


def loose(raw: msgspec.Raw) -> Any:  # noqa: ANN401 -- it is whatever the log holds
    """Decode a free-form part; what cannot be decoded counts as absent."""
    if len(memoryview(raw)) <= 4:  # noqa: PLR2004 -- null
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def text(value: object) -> str:
    """Return *value* if it is text (or a number as text), else the empty string."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def at(tree: object, *path: str) -> Any:  # noqa: ANN401 -- as above
    """Walk *path* through nested objects; None where it ends early."""
    for name in path:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree


_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:?00)?", re.ASCII)


def normal_time(value: str) -> str:
    """Bring the time formats of the various exports to ``YYYY-MM-DDTHH:MM:SSZ``."""
    if len(value) == 20 and value[-1] == "Z" and value[10] == "T":  # noqa: PLR2004
        return value
    match = _ISO.fullmatch(value.strip())
    return f"{match[1]}T{match[2]}Z" if match else ""


@lru_cache(maxsize=65536)
def seconds(moment: str) -> int | None:
    """Seconds since the epoch of a normal time; None for anything else."""
    try:
        parts = (moment[0:4], moment[5:7], moment[8:10], moment[11:13], moment[14:16], moment[17:19])
        year, month, day, hour, minute, second = map(int, parts)
        return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
    except ValueError:
        return None


def apart(one: str, other: str) -> int | None:
    """How many seconds *other* is after *one*; None where one of them is unknown."""
    first, second = seconds(one), seconds(other)
    return None if first is None or second is None else second - first
