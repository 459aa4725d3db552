"""The kinds of value that a field of a spec may hold, each with its check and its mend."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from containment.clock import isoformat
from containment.spec.naming import access_key_id, break_glass_arn, credential_id, principal_arn
from containment.spec.problems import Problem, WrongError, shown
from containment.text import is_plain

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

_INCIDENT = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")
# RFC 3339, section 5.6; the space instead of T is its own note.
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_MOMENT_EXPECTED = "a time with its zone, such as 2026-11-23T21:14:00Z"
# STS API reference: RoleSessionName and SourceIdentity are 2-64, GetFederationToken's Name 2-32.
_SESSION_WORD = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_INSTANCE_ARN = re.compile(r"arn:aws[a-z0-9-]*:ec2:[a-z0-9-]+:[0-9]{12}:instance/i-[0-9a-f]{3,32}")
# AWS Sign-In API Reference, ListSessions (sessionArn).
_SIGN_IN_ARN = re.compile(
    r"arn:aws[a-z0-9-]*:signin:[a-z0-9-]+:[0-9]{12}:session/[0-9A-Za-z-]{1,128}"
)
# Wider than this, a deny by address is a deny of everybody and should be called one.
_WIDEST = {4: 8, 6: 32}


def moment_text(moment: datetime) -> str:
    """Return *moment* as a spec writes it: UTC, with a fraction only where there is one."""
    if not moment.microsecond:
        return isoformat(moment)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parsed_moment(value: object) -> datetime:
    """Return the moment that *value* says with its zone.

    Raises:
        WrongError: it says none.
    """
    moment = value
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise WrongError(
                Problem(
                    f"{shown(value)} is not a time of any calendar",
                    _MOMENT_EXPECTED,
                    "check month, day, hour and zone",
                )
            ) from error
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(UTC)
    naive = isinstance(value, datetime) or (isinstance(value, str) and _NAIVE.fullmatch(value))
    raise WrongError(
        Problem(
            f"{shown(value)} says no time zone, and hours decide here"
            if naive
            else f"{shown(value)} is not a time",
            _MOMENT_EXPECTED,
            "write date, time and zone: Z for UTC, or an offset such as +01:00",
        )
    )


def _line(value: str) -> str:
    if value.strip() and is_plain(value):
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} cannot be shown as one line of text",
            "one line of printable text",
            "remove line ends and control characters, and write something",
        )
    )


def incident_id(value: str) -> str:
    """Return *value* if it can name an incident, its file and its stack.

    Raises:
        WrongError: it cannot.
    """
    if _INCIDENT.fullmatch(value):
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} is not an incident id",
            "3-40 small letters, digits or hyphens, beginning with a letter or digit",
            "write it as inc-2026-0042, and name file and stack the same",
        )
    )


def _session_word(value: str) -> str:
    if _SESSION_WORD.fullmatch(value):
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} is not a session name or source identity",
            "2-64 letters, digits or any of +=,.@_- without a wildcard",
            "copy it from the CloudTrail event: the last part of userIdentity.arn, or "
            "sessionContext.sourceIdentity",
        )
    )


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise WrongError(
            Problem(
                f"{shown(value)} is not an address or a network",
                "an address such as 203.0.113.7, or a network such as 203.0.113.0/24",
                "copy sourceIPAddress from the CloudTrail event; a network has no host bits set",
            )
        ) from error
    if network.prefixlen < _WIDEST[network.version]:
        raise WrongError(
            Problem(
                f"{shown(value)} is so wide that it denies nearly every session",
                f"a network of /{_WIDEST[network.version]} or narrower",
                "name the network the attacker calls from, or write 'rung: revoke-sessions'",
            )
        )
    return str(network) if "/" in value else str(network.network_address)


def _instance(value: str) -> str:
    if _INSTANCE_ARN.fullmatch(value):
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} is not the ARN of an EC2 instance",
            "arn:aws:ec2:eu-central-1:111122223333:instance/i-0abc1234def567890",
            "write the full ARN; or 'name: i-…', which is the session name of an instance",
        )
    )


def _sign_in_session(value: str) -> str:
    if _SIGN_IN_ARN.fullmatch(value):
        return value
    raise WrongError(
        Problem(
            f"{shown(value)} is not the ARN of a sign-in session",
            "arn:aws:signin:eu-central-1:111122223333:session/ and its id",
            "copy sessionContext.signInSessionArn from the CloudTrail event, or sessionArn from"
            " 'aws signin list-sessions'",
        )
    )


def _user_arn(value: str) -> str:
    return principal_arn(value, "user")


def _role_arn(value: str) -> str:
    return principal_arn(value, "role")


def _text(pattern: str) -> WithJsonSchema:
    """Return the schema that an editor checks while typing; the loader checks more."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Moment = Annotated[datetime, BeforeValidator(parsed_moment)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]

IncidentId = Annotated[
    str,
    AfterValidator(incident_id),
    _text("[a-z0-9][a-z0-9-]{2,39}"),
]
BreakGlassArn = Annotated[
    str,
    AfterValidator(break_glass_arn),
    _text("arn:aws[a-z0-9-]*:iam::[0-9]{12}:(user|role)/[^*?]+"),
]
SessionWord = Annotated[str, AfterValidator(_session_word), _text(r"[A-Za-z0-9_+=,.@-]{2,64}")]
Network = Annotated[str, AfterValidator(_network), _text("[0-9A-Fa-f.:]+(/[0-9]{1,3})?")]
Instance = Annotated[
    str,
    AfterValidator(_instance),
    _text("arn:aws[a-z0-9-]*:ec2:[a-z0-9-]+:[0-9]{12}:instance/i-.+"),
]
SignInSession = Annotated[
    str,
    AfterValidator(_sign_in_session),
    _text("arn:aws[a-z0-9-]*:signin:[a-z0-9-]+:[0-9]{12}:session/[0-9A-Za-z-]+"),
]
UserArn = Annotated[
    str, AfterValidator(_user_arn), _text("arn:aws[a-z0-9-]*:iam::[0-9]{12}:user/.+")
]
RoleArn = Annotated[
    str, AfterValidator(_role_arn), _text("arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/.+")
]
CredentialId = Annotated[str, AfterValidator(credential_id), _text("[A-Z0-9]{16,128}")]
KeyId = Annotated[str, AfterValidator(access_key_id), _text("AKIA[A-Z0-9]{12,124}")]
