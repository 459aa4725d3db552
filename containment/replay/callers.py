"""Who made a recorded call, and which condition keys of it the record tells.

Known are keys that CloudTrail writes down as AWS filled them; absent are those that AWS never fills
for such a caller; all others are unknown, and nothing is concluded from them. Sources: IAM User
Guide, "AWS global condition context keys" (when each is in a request: `aws:TokenIssueTime` with
temporary credentials alone, `aws:SourceIp` neither through a VPC endpoint nor where a service calls
for somebody, `aws:SourceIdentity` once it was set) and "Principal information available in request
context"; CloudTrail User Guide, "CloudTrail userIdentity element".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from containment.iam_policy.bounds import UNKNOWN, PartialRequest, Unknown
from containment.iam_policy.principals import Identity
from containment.trail.facts.principals import (
    label,
    principal_arn,
    session_name,
    unique_id,
)
from containment.trail.logs.records import UNREADABLE_TIME, read_identity, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from containment.replay.usage import Row
    from containment.trail.logs.records import Identity as LoggedIdentity

KeyValue = str | tuple[str, ...] | Unknown | None

_TYPES = {
    "IAMUser": "User",
    "AssumedRole": "AssumedRole",
    "FederatedUser": "FederatedUser",
    "Root": "Account",
    "WebIdentityUser": "WebIdentityUser",
    "SAMLUser": "SAMLUser",
}
# Keys of users, roles and sessions: what is none of these has none of them.
_OF_PRINCIPALS = frozenset(
    {
        "aws:principalarn",
        "aws:signinsessionarn",
        "aws:sourceidentity",
        "aws:tokenissuetime",
        "aws:userid",
        "aws:username",
    }
)
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
# Host names whose service has another prefix in IAM. Source: Service Authorization Reference.
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag", "email": "ses"}
# Lambda and CloudFront log the version of their interface with the name of the call.
_VERSION = re.compile(r"(?:20\d{6}(?:v\d+)?|20\d\d_\d\d_\d\d)$")


@dataclass(frozen=True)
class RecordedCaller:
    """One identity as CloudTrail logged it."""

    who: LoggedIdentity

    @cached_property
    def key(self) -> str:
        """The access key that signed, or what stands for one; empty where none is named."""
        return self.who.access_key_id or self.who.credential_id or ""

    @cached_property
    def issued_at(self) -> str:
        """When the session was issued; empty for long-term keys, and where it is not known."""
        created = self.who.created
        return "" if created == UNREADABLE_TIME else created

    @cached_property
    def issued_s(self) -> int | None:
        """The same in seconds since the epoch; None where there is no such moment."""
        return seconds(self.issued_at)

    @property
    def service(self) -> str:
        """The AWS service that calls as itself; empty for everybody else."""
        return (self.who.invoked_by or "") if self.who.type == "AWSService" else ""

    @property
    def via(self) -> str:
        """The service that calls for the caller; empty where they call themselves."""
        return "" if self.service else self.who.invoked_by or ""

    @cached_property
    def unique_id(self) -> str:
        """The unique id of the user or role behind the call; empty where the record has none."""
        context = self.who.session_context
        issuer = context.session_issuer if context else None
        if issuer is not None and issuer.principal_id:
            return unique_id(issuer.principal_id)
        own = unique_id(self.who.principal_id or "")
        return own if own.startswith(("AIDA", "AROA")) else ""

    @cached_property
    def label(self) -> str:
        """The user or role behind the call, ``<account>/<kind>/<name>``; empty for a service."""
        arn = self.who.issuer_arn or self.who.arn or ""
        return label(arn) if arn else ""

    @property
    def is_service_linked(self) -> bool:
        """Whether it is a service-linked role, which no control policy reaches."""
        return ":role/aws-service-role/" in self.who.issuer_arn

    @cached_property
    def name(self) -> str:
        """Who it is, for people: the principal, and which of its credentials."""
        if self.service:
            return f"service {self.service}"
        arn = self.who.arn or ""
        kind, _, name = self.label.partition("/")[2].partition("/")
        session = session_name(arn)
        if session:
            words = f"session {session} of role {name}"
        elif kind == "user" and ":federated-user/" in arn:
            words = f"federated user {arn.rpartition('/')[2]} of user {name}"
        elif kind in {"user", "role"}:
            how = "a session" if self.issued_at else self.key
            words = f"user {name} by {how}" if how else f"user {name}"
        else:
            words = arn or self.who.principal_id or "somebody"
        return f"{words}, through {self.via}" if self.via else words

    @cached_property
    def identity(self) -> Identity:
        """Who it is, as a Principal element can name them."""
        who = self.who
        arn = who.arn or ""
        if self.service:
            return Identity("", frozenset(), service=self.service)
        if who.type in {"WebIdentityUser", "SAMLUser"}:
            return Identity("", frozenset(), federated=who.principal_id or "")
        issuers = {who.issuer_arn, principal_arn(arn)} - {"", arn}
        return Identity(who.account_id or "", frozenset({arn} - {""}), frozenset(issuers))

    def value(self, key: str) -> KeyValue:
        """Return what the record tells of the condition key *key*, which is the caller's own."""
        who = self.who
        if self.service or who.type in {"WebIdentityUser", "SAMLUser"}:
            return None if key in _OF_PRINCIPALS else UNKNOWN
        asked = _OWN.get(key)
        return asked(self) if asked else UNKNOWN

    def issued(self) -> KeyValue:
        """Return ``aws:TokenIssueTime``: only temporary credentials have one."""
        if self.issued_at:
            return self.issued_at
        return None if self._has_long_term_key else UNKNOWN

    @property
    def _has_long_term_key(self) -> bool:
        return self.who.type == "IAMUser" and self.key.startswith("AKIA")

    def principal_arn(self) -> KeyValue:
        """Return ``aws:PrincipalArn``, which for a session is its role's."""
        is_role = self.who.type == "AssumedRole"
        return (self.who.issuer_arn if is_role else self.who.arn) or UNKNOWN

    def user_name(self) -> KeyValue:
        """Return ``aws:username``, which users alone have."""
        arn = self.who.arn or ""
        if self.who.type == "IAMUser" and ":user/" in arn:
            return arn.rpartition("/")[2]
        return None if self.who.type in _TYPES else UNKNOWN

    def source_identity(self) -> KeyValue:
        """Return ``aws:SourceIdentity``, which a session carries once it was set."""
        context = self.who.session_context
        if context is None:
            return None if self._has_long_term_key else UNKNOWN
        return context.source_identity or None

    def sign_in_session(self) -> KeyValue:
        """Return ``aws:SignInSessionArn``, of credentials that were issued under one."""
        if self.who.session_context is None:
            return None if self._has_long_term_key else UNKNOWN
        return self.who.sign_in_session or None

    def instance(self) -> KeyValue:
        """Return that no instance has the credentials, where the session's name shows it."""
        session = session_name(self.who.arn or "")
        is_other = self.who.type == "IAMUser" or (session and not _INSTANCE.fullmatch(session))
        return None if is_other else UNKNOWN


_OWN: dict[str, Callable[[RecordedCaller], KeyValue]] = {
    "aws:tokenissuetime": RecordedCaller.issued,
    "aws:principalarn": RecordedCaller.principal_arn,
    "aws:userid": lambda caller: caller.who.principal_id or UNKNOWN,
    "aws:principalaccount": lambda caller: caller.who.account_id or UNKNOWN,
    "aws:principaltype": lambda caller: _TYPES.get(caller.who.type or "", UNKNOWN),
    "aws:username": RecordedCaller.user_name,
    "aws:sourceidentity": RecordedCaller.source_identity,
    "aws:signinsessionarn": RecordedCaller.sign_in_session,
    "aws:viaawsservice": lambda caller: "true" if caller.via else "false",
    "ec2:sourceinstancearn": RecordedCaller.instance,
}


@dataclass(slots=True)  # one for each row of a log: frozen ones take twice as long to make
class RecordedContext:
    """The condition keys of calls in one row; *as_if_issued* stands for when the session began."""

    caller: RecordedCaller
    row: Row
    as_if_issued: str = ""

    def value(self, key: str) -> KeyValue:
        """Return the value of *key*; None where AWS did not fill it, UNKNOWN if nobody knows."""
        if key == "aws:sourceip":
            return self._source_ip()
        if key == "aws:requestedregion":
            return self.row.region or UNKNOWN
        if key == "aws:tokenissuetime" and self.as_if_issued and self.caller.issued_at:
            return self.as_if_issued
        return self.caller.value(key)

    def _source_ip(self) -> KeyValue:
        if self.row.via_endpoint:
            return None
        own = not self.caller.via and not self.caller.service
        return self.row.address if own and _is_address(self.row.address) else UNKNOWN


def request_of(caller: RecordedCaller, row: Row, *, as_if_issued: str = "") -> PartialRequest:
    """Return what is known of the requests of *caller* in *row*."""
    return PartialRequest(
        action_of(row.source, row.name),
        caller.identity,
        RecordedContext(caller, row, as_if_issued),
        row.entered,
    )


@lru_cache(maxsize=1 << 16)
def caller_of(raw: bytes) -> RecordedCaller:
    """Return whom *raw*, a userIdentity, names."""
    return RecordedCaller(read_identity(raw))


@lru_cache(maxsize=4096)
def action_of(source: str, name: str) -> str:
    """Return the IAM action of a call, by the service's host name and the event's."""
    prefix = source.partition(".")[0]
    return f"{_PREFIXES.get(prefix, prefix)}:{_VERSION.sub('', name)}"


@lru_cache(maxsize=1 << 14)
def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
