"""Take the inventory of an account, fact by fact, to compare before with after.

Every user, group, role and policy as GetAccountAuthorizationDetails tells it, with login profiles
and credentials of every kind that has a status. Policy documents are kept as AWS sent them: equal
means equal to the byte. What AWS only observes (when a role was last used) is left out, for using
is not changing.

Sources: IAM API Reference, GetAccountAuthorizationDetails, UserDetail and RoleDetail (which hold
the tags), ListAccessKeys and its like, and GetLoginProfile.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

Inventory = Mapping[str, str]

_LISTS = {
    "UserDetailList": ("user", "UserName"),
    "GroupDetailList": ("group", "GroupName"),
    "RoleDetailList": ("role", "RoleName"),
    "Policies": ("policy", "Arn"),
}
# A user's credentials that have a status: fewer than a page each, by the quotas.
_CREDENTIALS = (
    ("access key", "list_access_keys", "AccessKeyMetadata", "AccessKeyId", "CreateDate"),
    (
        "service-specific credential",
        "list_service_specific_credentials",
        "ServiceSpecificCredentials",
        "ServiceSpecificCredentialId",
        "CreateDate",
    ),
    ("SSH public key", "list_ssh_public_keys", "SSHPublicKeys", "SSHPublicKeyId", "UploadDate"),
    (
        "signing certificate",
        "list_signing_certificates",
        "Certificates",
        "CertificateId",
        "UploadDate",
    ),
)
# What names an entry of a list, so that another order is no change.
_NAMES = ("PolicyName", "VersionId", "InstanceProfileName", "Key", "RoleName")
# Observed only, or a fact by its own name.
_LEFT_OUT = {"RoleLastUsed", "PasswordLastUsed", "Tags"}


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that differs; None is a fact that is not there."""

    fact: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return the change on one line, documents shortened."""
        return f"{self.fact}: {_short(self.before)} -> {_short(self.after)}"


def take(iam: IAMClient) -> Inventory:
    """Return every fact of *iam*'s account by its name.

    Names read ``user ci-deploy, access key AKIA…`` or ``role deploy, AssumeRolePolicyDocument``.
    The client may decode policy documents or not: their own text is what counts.
    """
    facts: dict[str, str] = {}
    for page in _pages(iam):
        for name, (kind, naming) in _LISTS.items():
            for entry in page.get(name, []):
                facts.update(_facts(f"{kind} {entry[naming]}", entry))
                facts.update(_tags(f"{kind} {entry[naming]}", entry.get("Tags", [])))
                if kind == "user":
                    facts.update(_user(iam, entry["UserName"]))
    return dict(sorted(facts.items()))


def changes(before: Inventory, after: Inventory) -> list[Change]:
    """Return every fact that is not the same in both, by name; none where nothing differs."""
    return [
        Change(fact, before.get(fact), after.get(fact))
        for fact in sorted(before.keys() | after.keys())
        if before.get(fact) != after.get(fact)
    ]


def digest(inventory: Inventory) -> str:
    """Return the SHA-256 of all facts: equal for equal inventories only."""
    return sha256(repr(sorted(inventory.items())).encode()).hexdigest()


def _pages(iam: IAMClient) -> Iterator[dict[str, Any]]:
    with _as_sent(iam) as answers:
        for _ in iam.get_paginator("get_account_authorization_details").paginate():
            yield answers.pop()


@contextmanager
def _as_sent(iam: IAMClient) -> Generator[list[dict[str, Any]]]:
    """Collect answers before botocore decodes the documents in them, which loses their bytes."""
    answers: list[dict[str, Any]] = []

    def keep(parsed: dict[str, Any], **_: object) -> None:
        answers.append(deepcopy(parsed))

    event = "after-call.iam.GetAccountAuthorizationDetails"
    iam.meta.events.register_first(event, keep)
    try:
        yield answers
    finally:
        iam.meta.events.unregister(event, keep)


def _facts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the facts below *value*, each with its path as its name."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _LEFT_OUT:
                yield from _facts(f"{name}, {key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _entry(name, inner)
        if not value:
            yield name, "none"
    else:
        text = str(value)
        yield name, unquote(text) if name.endswith("Document") else text


def _entry(name: str, entry: Any) -> Iterator[tuple[str, str]]:
    naming = next((key for key in _NAMES if isinstance(entry, Mapping) and key in entry), None)
    if naming is None:
        yield f"{name} {entry}", "there"
        return
    named = f"{name} {entry[naming]}"
    rest = {key: inner for key, inner in entry.items() if key != naming}
    yield from _facts(named, rest) if rest else [(named, "there")]


def _user(iam: IAMClient, user: str) -> Iterator[tuple[str, str]]:
    name = f"user {user}"
    for word, operation, members, id_member, made in _CREDENTIALS:
        for one in getattr(iam, operation)(UserName=user)[members]:
            entry = f"{name}, {word} {one[id_member]}"
            yield entry, str(one["Status"])
            yield f"{entry}, made", str(one[made])
    try:
        profile = iam.get_login_profile(UserName=user)["LoginProfile"]
    except iam.exceptions.NoSuchEntityException:
        yield f"{name}, login profile", "none"
    else:
        yield from _facts(f"{name}, login profile", profile)


def _tags(name: str, tags: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for tag in tags:
        yield f"{name}, tag {tag['Key']}", tag["Value"]


def _short(text: str | None) -> str:
    if text is None:
        return "not there"
    most = 60
    return text if len(text) <= most else f"{text[:most]}…"
