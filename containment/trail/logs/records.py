"""A CloudTrail record, as far as the trace looks at it.

Typed, so that decoding costs one pass and skips what is not asked for. The free-form parts
(requestParameters, responseElements, …) stay raw until somebody needs them. What has no name of a
call or no readable time is no record: nothing can be concluded from it.

Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

from __future__ import annotations

import calendar
import json
import re
from datetime import datetime  # noqa: TC003 -- msgspec reads it at run time
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from containment.trail.logs.columns import (
    no_error,
    parsed,
    proper_identity,
    says_nothing,
    struct,
)
from containment.trail.logs.times import normal_time, time_text

NOTHING = msgspec.Raw(b"null")

_NAMES = {
    "event_id": "eventID",
    "request_id": "requestID",
    "shared_event_id": "sharedEventID",
    "source_ip": "sourceIPAddress",
    "region": "awsRegion",
    "raw_identity": "userIdentity",
    "from_console": "sessionCredentialFromConsole",
}


class _Part(msgspec.Struct, rename="camel", gc=False):
    """What all parts share: camel case names, nothing required, unknown fields skipped."""


class SessionIssuer(_Part):
    """Who issued a session: the role of an assumed-role session, the user of a federated one."""

    arn: str | None = None
    principal_id: str | None = None


class Attributes(_Part):
    """When a session was made, and whether with a second factor."""

    creation_date: str | None = None
    mfa_authenticated: str | None = None


class Context(_Part):
    """Present for temporary credentials."""

    session_issuer: SessionIssuer | None = None
    attributes: Attributes | None = None
    sign_in_session_arn: str | None = None
    source_identity: str | None = None


class Identity(_Part):
    """Who made the call."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    session_context: Context | None = None
    invoked_by: str | None = None
    # Of a bearer token or service-specific credential, which signs nothing.
    credential_id: str | None = None

    @property
    def created(self) -> str:
        """When the session behind the call was made; empty for long-term keys.

        :data:`UNREADABLE_TIME` if there is a time that cannot be read.
        """
        context = self.session_context
        if context is None or context.attributes is None:
            return ""
        written = context.attributes.creation_date
        return (normal_time(written) or UNREADABLE_TIME) if written else ""

    @property
    def sign_in_session(self) -> str:
        """The ARN of the sign-in session that the credentials were issued under."""
        return (self.session_context.sign_in_session_arn or "") if self.session_context else ""

    @property
    def second_factor(self) -> bool:
        """Whether the session was made with MFA."""
        attributes = self.session_context.attributes if self.session_context else None
        return attributes is not None and attributes.mfa_authenticated == "true"

    @property
    def issuer_arn(self) -> str:
        """The role or user behind the session, with its path; empty where there is none."""
        issuer = self.session_context.session_issuer if self.session_context else None
        return (issuer.arn or "") if issuer else ""


_NOBODY = Identity()
_identity = msgspec.json.Decoder(Identity)


def read_identity(raw: bytes) -> Identity:
    """Return who *raw*, a userIdentity, names."""
    try:
        return _identity.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        pass
    loaded = _identity_in(raw)
    return _identity.decode(json.dumps(texts(loaded))) if loaded else _NOBODY


def _identity_in(raw: bytes) -> dict[str, Any]:
    """Return the userIdentity in *raw*, which an export may print as text; empty if it is none."""
    try:
        loaded = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    if isinstance(loaded, str):
        loaded = parsed(loaded)
        loaded = proper_identity(struct(loaded) if isinstance(loaded, str) else loaded)
    return loaded if isinstance(loaded, dict) else {}


UNREADABLE_TIME = "?"
NO_CALLER = "without a caller"
ODD_CALLER = "with a caller in a form that cannot be read"
ODD_ACCOUNT = "with an account in a form that cannot be read"
_NAMES_CALLER = ("accessKeyId", "arn", "principalId", "accountId", "invokedBy", "credentialId")
NO_TIME = "with a time that cannot be read"
NO_PART = "requests or answers in a form that cannot be read, taken for absent"


# AWS's own model has letters, digits and underscores in key ids; redacted sets keep to that.
_KEY_ID = re.compile(r"(?!HIDDEN_DUE|a[ks]ia|acca|abia)\w{16,128}", re.ASCII)
_NUMBER = re.compile(r"\d+[.,Ee][\d.,+Ee-]*", re.ASCII)
_SHOWN = 8  # characters of what should be a key id: an exporter may have put a secret there


def names_odd_key(key: str) -> bool:
    """Tell whether *key* can be no access key id: masked, cut, in lower case, a word for none."""
    return _KEY_ID.fullmatch(key) is None


def is_odd_account(account: str) -> bool:
    """Tell whether *account* is a number with a point or an exponent, as a spreadsheet makes it.

    One of digits alone is taken as it is: redacted sets have accounts of any length.
    """
    return _NUMBER.fullmatch(account) is not None


def identity_fault(raw: bytes) -> str:
    """Return why nothing can be concluded from calls of *raw*, a userIdentity; mostly nothing."""
    return identity_fault_shown(raw)[0]


@lru_cache(maxsize=4096)
def identity_fault_shown(raw: bytes) -> tuple[str, str]:
    """Return why nothing can be concluded from calls of *raw*, a userIdentity, and an example."""
    who = _identity_in(raw)
    named = {name: str(who[name]) for name in _NAMES_CALLER
             if isinstance(who.get(name), str | int) and who[name]}  # fmt: skip
    named = {name: value for name, value in named.items() if not says_nothing(value)}
    if not named:
        return NO_CALLER, ""
    if names_odd_key(key := named.get("accessKeyId", "A" * 20)):
        return ODD_CALLER, f"{key[:_SHOWN]}…"
    if not (arn := named.get("arn", "arn:")).startswith("arn:"):
        return ODD_CALLER, arn
    if is_odd_account(account := named.get("accountId", "")):
        return ODD_ACCOUNT, account
    identity = read_identity(raw)
    if identity.created == UNREADABLE_TIME and identity.session_context:
        attributes = identity.session_context.attributes
        return NO_TIME, (attributes.creation_date if attributes else "") or ""
    return "", ""


# One session makes many calls, and its identity is the same bytes in each of them.
identity_of = lru_cache(maxsize=1024)(read_identity)


_OBJECTS = frozenset({"sessionContext", "sessionIssuer", "attributes"})


def texts(part: dict[str, Any]) -> dict[str, Any]:
    """Keep of an exporter's slips what can be read: numbers as text, misplaced objects not."""
    kept: dict[str, Any] = {}
    for name, value in part.items():
        if name in _OBJECTS:
            kept[name] = texts(value) if isinstance(value, dict) else None
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            # \ud800 alone is legal JSON and no text; it is kept as the escape it came as.
            kept[name] = str(value).encode("utf-8", "backslashreplace").decode()
    return kept


def _rename(name: str) -> str:
    head, *tail = name.split("_")
    return _NAMES.get(name, head + "".join(part.capitalize() for part in tail))


class Record(msgspec.Struct, rename=_rename, gc=False, kw_only=True):
    """One record as far as the lineage needs it.

    A userIdentity may say nothing (:func:`identity_fault`); every optional field may be missing in
    a real one. The fields stand as CloudTrail writes them: a name is sought behind the last one.
    """

    raw_identity: msgspec.Raw
    event_time: Annotated[datetime, msgspec.Meta(tz=True)]
    event_source: str | None = None
    event_name: str
    region: str | None = None
    error_code: str | None = None
    request_parameters: msgspec.Raw = NOTHING
    response_elements: msgspec.Raw = NOTHING
    additional_event_data: msgspec.Raw = NOTHING
    event_id: str | None = None
    recipient_account_id: str | None = None
    shared_event_id: str | None = None
    from_console: str | bool | None = None

    @property
    def time(self) -> str:
        """When the call was made: whole seconds, UTC, ``Z``."""
        return time_text(self.event_time)

    @property
    def who(self) -> Identity:
        """Who made the call; without names where the record has none."""
        return identity_of(bytes(self.raw_identity))

    @property
    def account(self) -> str:
        """The account whose trail this is."""
        return self.recipient_account_id or self.who.account_id or ""

    @property
    def error(self) -> str:
        """Why the call failed; empty where an exporter has a word for no error."""
        return self.error_code if self.error_code and not no_error(self.error_code) else ""

    @property
    def console(self) -> bool:
        """Whether the record says that the credentials come from a console sign-in."""
        return self.from_console in (True, "true")


class Request(Record, rename=_rename, gc=False):
    """One record as far as it tells in which circumstances a request was made."""

    source_ip: str | None = None
    vpc_endpoint_id: str | None = None
    management_event: bool | str | None = None


class Event(Record, rename=_rename, gc=False):
    """One record as far as a report needs it."""

    source_ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    error_message: msgspec.Raw = NOTHING
    read_only: bool | str | None = None
    resources: msgspec.Raw = NOTHING


def loose(raw: msgspec.Raw) -> Any:
    """Decode a free-form part, also one in text; what cannot be decoded counts as absent."""
    if len(memoryview(raw)) <= 4:  # noqa: PLR2004 -- null
        return None
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(value, str) and (value[:1] in {"{", "["} or value == "null"):
        return parsed(value)
    return value


def part_fault(raw: msgspec.Raw) -> str:
    """Return why *raw*, a request or an answer, counts as absent; mostly nothing.

    A map as Presto and CloudTrail Lake print it, ``{name=value}``, is not read: a value of the
    attacker's may hold what looks like the next field.
    """
    if bytes(memoryview(raw)[:1]) not in {b'"', b"["}:
        text = bytes(raw)
        return NO_PART if b"accesskeyid" in text and b"accessKeyId" not in text else ""
    value = loose(raw)
    return NO_PART if not isinstance(value, dict) and not says_nothing(value) else ""


_BEGINNING = re.compile(r"[\W_]{0,4}[A-Za-z]{0,16}", re.ASCII)


def part_shown(value: object) -> str:
    """Return the beginning of *value*, an unreadable part, which may hold a session token."""
    match = _BEGINNING.match(str(value))
    return f"{match[0] if match else ''}…"


def text(value: object) -> str:
    """Return *value* if it is text (or a number as text), else the empty string."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def value_at(tree: object, *path: str) -> Any:
    """Walk *path* through nested objects; None where it ends early."""
    for name in path:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree


@lru_cache(maxsize=16384)
def seconds(moment: str) -> int | None:
    """Seconds since the epoch of a normal time; None for anything else."""
    try:
        parts = (
            moment[0:4],
            moment[5:7],
            moment[8:10],
            moment[11:13],
            moment[14:16],
            moment[17:19],
        )
        year, month, day, hour, minute, second = map(int, parts)
        return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
    except ValueError:
        return None


def apart(one: str, other: str) -> int | None:
    """How many seconds *other* is after *one*; None where one of them is unknown."""
    first, second = seconds(one), seconds(other)
    return None if first is None or second is None else second - first


def near(one: str, other: str, most: int = 2) -> bool:
    """Tell whether two moments are at most *most* seconds apart."""
    distance = apart(one, other)
    return distance is not None and abs(distance) <= most
