"""Who is meant: ARNs, principals and access key ids as frozen values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from containment.errors import SpecError

PrincipalKind = Literal["user", "role"]

_KINDS: dict[str, PrincipalKind] = {"user": "user", "role": "role"}

# IAM and STS quotas, "IAM name requirements": names are 1-64 of these, paths are "/" or
# "/" + U+0021..U+007E + "/" up to 512.
_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_PATH = re.compile(r"/(?:[\x21-\x7e]{1,510}/)?")
# AWS General Reference, "Amazon Resource Names (ARNs)": aws, aws-cn, aws-us-gov and their kin.
_PARTITION = re.compile(r"aws(-[a-z0-9]+)*")
_ACCOUNT = re.compile(r"[0-9]{12}")
# "Understanding unique ID prefixes": AKIA is a long-term access key, ASIA a temporary one.
_ACCESS_KEY = re.compile(r"AKIA[A-Z0-9]{12,124}")
_TEMPORARY_KEY = re.compile(r"ASIA[A-Z0-9]{12,124}")
_UNIQUE_ID = re.compile(r"(?P<prefix>A[A-Z]{3})[A-Z0-9]{12,124}")
_ID_KINDS: dict[str, PrincipalKind] = {"AIDA": "user", "AROA": "role"}
# STS API Reference, "AssumeRole", RoleSessionName.
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
# Prefix -> what bears it, and how to get from it to a principal. Source: IAM User Guide,
# "Understanding unique ID prefixes".
_OTHER_IDS = {
    "ABIA": ("an STS service bearer token", "run 'containment trace' with it over CloudTrail logs"),
    "ACCA": (
        "a service-specific credential",
        "find its user with 'aws iam list-service-specific-credentials', or trace it",
    ),
    "AGPA": ("an IAM group, which holds no credentials", "name one of its users"),
    "AIPA": (
        "an instance profile, which holds a role",
        "find it with 'aws iam list-instance-profiles' and name its role",
    ),
    "ANPA": ("a managed policy, which is nobody", "name a user or role that has it"),
    "ANVA": ("a version of a managed policy, which is nobody", "name a user or role that has it"),
    "APKA": (
        "an SSH public key",
        "find its user with 'aws iam list-ssh-public-keys --user-name' and name that user",
    ),
    "ASCA": (
        "a certificate",
        "find its user with 'aws iam list-signing-certificates' and name that user",
    ),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """An IAM user or role, named once by its full ARN.

    Source: IAM User Guide, "IAM identifiers".
    """

    partition: str
    account: str
    kind: PrincipalKind
    path: str
    name: str

    @property
    def arn(self) -> str:
        """The ARN with the path, as IAM answers it."""
        return f"arn:{self.partition}:iam::{self.account}:{self.kind}{self.path}{self.name}"

    @property
    def label(self) -> str:
        """``<account>/<user|role>/<name>``: unique in AWS, for names are unique in an account."""
        return f"{self.account}/{self.kind}/{self.name}"

    @property
    def service_linked(self) -> bool:
        """True for a role that only its service may change."""
        return self.kind == "role" and self.path.startswith("/aws-service-role/")

    @property
    def identity_center(self) -> bool:
        """True for a role that IAM Identity Center keeps and IAM cannot edit.

        The path tells ("Referencing permission sets in resource policies"): whoever may make roles
        may give one such a name.
        """
        return self.kind == "role" and self.path.startswith("/aws-reserved/sso.amazonaws.com/")


def parse_principal(arn: str) -> Principal:
    """Return the user or role that *arn* names.

    Raises:
        SpecError: *arn* is no ARN of an IAM user or role; says what was expected.
    """
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "iam" or parts[3]:  # noqa: PLR2004
        raise _malformed(arn, "it is not of the form arn:aws:iam::<account>:user/<name>")
    _, partition, _, _, account, resource = parts
    if resource == "root":
        raise SpecError(
            f"{arn} is the account's root user, which no policy of the account can hold",
            remedy="change its password and MFA, delete its access keys, and see docs/limits",
        )
    word, _, rest = resource.partition("/")
    kind = _KINDS.get(word)
    path, _, name = ("/" + rest).rpartition("/")
    path += "/"
    if not _PARTITION.fullmatch(partition):
        raise _malformed(arn, f"{partition!r} is no partition of AWS")
    if not _ACCOUNT.fullmatch(account):
        raise _malformed(arn, f"{account!r} is not a 12-digit account id")
    if kind is None:
        raise _malformed(arn, f"{word!r} is neither user nor role")
    if not _NAME.fullmatch(name):
        raise _malformed(arn, f"{name!r} is not an IAM {kind} name")
    if not _PATH.fullmatch(path):
        raise _malformed(arn, f"{path!r} is not an IAM path")
    return Principal(partition, account, kind, path, name)


@dataclass(frozen=True, slots=True)
class UniqueId:
    """The unique id of a user or role; *session* is set where it names a session of the role."""

    id: str
    kind: PrincipalKind
    session: str = ""


def parse_unique_id(value: str) -> UniqueId | None:
    """Return the user (``AIDA…``), role (``AROA…``) or session (``AROA…:name``) of *value*.

    Source: IAM User Guide, "IAM identifiers"; ``aws:userid`` has this form for a session.
    """
    head, colon, session = value.partition(":")
    match = _UNIQUE_ID.fullmatch(head)
    kind = _ID_KINDS.get(match["prefix"]) if match else None
    if kind is None or (colon and (kind != "role" or not _SESSION_NAME.fullmatch(session))):
        return None
    return UniqueId(head, kind, session)


def describe_id(value: str) -> tuple[str, str] | None:
    """Return what bears the unique id *value* and how to go on; None for principals and keys."""
    match = _UNIQUE_ID.fullmatch(value)
    return _OTHER_IDS.get(match["prefix"]) if match else None


def is_access_key_id(value: str) -> bool:
    """Tell whether *value* has the shape of a long-term access key id (``AKIA…``)."""
    return _ACCESS_KEY.fullmatch(value) is not None


def is_temporary_key_id(value: str) -> bool:
    """Tell whether *value* has the shape of a session's access key id (``ASIA…``)."""
    return _TEMPORARY_KEY.fullmatch(value) is not None


def _malformed(arn: str, why: str) -> SpecError:
    return SpecError(
        f"{arn!r} does not name an IAM user or role: {why}",
        remedy="write it as arn:aws:iam::111122223333:user/path/name or …:role/path/name",
    )
