"""Who changed what is contained: CloudTrail's own history of what was done to a principal.

Asked by the event's name, which no attacker chooses; the names in LookupEvents' list of resources
are whatever CloudTrail found in a record. What this program did itself is told by the request ids
in the ledger, and by nothing that a caller could write into a user agent.

Source: CloudTrail API Reference, LookupEvents (one attribute a call, 50 events a page, two calls a
second, 90 days); CloudTrail User Guide, "CloudTrail record contents".
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from containment.identities import Principal
    from containment.ledger.chain import Entry

_PAUSE_S = 0.5
_PAGE = 50
_MOST_PAGES = 20
_POLICIES = ("Put{}Policy", "Delete{}Policy")
_ATTACHED = ("Attach{}Policy", "Detach{}Policy", "Put{}PermissionsBoundary")
_LIFE = ("Delete{}", "Create{}")
_CREDENTIALS = (
    *("UpdateAccessKey", "CreateAccessKey", "DeleteAccessKey", "CreateLoginProfile"),
    *("UpdateServiceSpecificCredential", "CreateServiceSpecificCredential"),
    *("UpdateSSHPublicKey", "UploadSSHPublicKey"),
    *("UpdateSigningCertificate", "UploadSigningCertificate", "UntagUser"),
)
_OF_RESOURCE: Mapping[str, tuple[str, ...]] = {
    "DenyPolicy": (*_POLICIES, *_ATTACHED, "Delete{}PermissionsBoundary"),
    "InactiveCredentials": _CREDENTIALS,
    "ClosedTrustPolicy": ("UpdateAssumeRolePolicy",),
    "PrincipalSnapshot": (*_LIFE, "UpdateUser"),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """A change that somebody made to a principal, as CloudTrail recorded it."""

    moment: str
    event: str
    actor: str
    credential: str
    source: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        by = f" with {self.credential}" if self.credential else ""
        return (
            f"{self.moment} {self.event} by {self.actor or 'nobody named'}{by} from {self.source}"
        )


@dataclass(frozen=True, slots=True)
class Deeds:
    """What was found, the newest first; *unread* says why that may not be all."""

    deeds: tuple[Deed, ...] = ()
    unread: str = ""


def own_requests(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the ids of the requests that the ledger's *entries* tell of."""
    return frozenset(str(entry["request_id"]) for entry in entries if entry.get("request_id"))


class History:
    """CloudTrail's history of one account's identities, each name asked once."""

    def __init__(
        self,
        client: Any,
        since: datetime,
        own: Collection[str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._since = since
        self._own = own
        self._pause = pause
        self._records: dict[str, tuple[list[dict[str, Any]], str]] = {}

    def deeds(self, principal: Principal, resources: Iterable[str]) -> Deeds:
        """Return who changed what *resources* hold of *principal*, but for this program."""
        kind = principal.kind.capitalize()
        names = [name.format(kind) for word in resources for name in _OF_RESOURCE.get(word, ())]
        made: list[Deed] = []
        unread: list[str] = []
        for name in dict.fromkeys(names):
            records, problem = self._ask(name)
            if problem:
                unread.append(problem)
            made += [_deed(one) for one in records if _is_of(one, principal, self._own)]
        newest = sorted(made, key=lambda deed: deed.moment, reverse=True)
        return Deeds(tuple(newest), "; ".join(dict.fromkeys(unread)))

    def _ask(self, name: str) -> tuple[list[dict[str, Any]], str]:
        if name not in self._records:
            self._records[name] = self._looked_up(name)
        return self._records[name]

    def _looked_up(self, name: str) -> tuple[list[dict[str, Any]], str]:
        records: list[dict[str, Any]] = []
        asked: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}],
            "StartTime": self._since,
            "MaxResults": _PAGE,
        }
        try:
            for _ in range(_MOST_PAGES):
                answer = self._client.lookup_events(**asked)
                records += _parsed(answer)
                self._pause(_PAUSE_S)
                if not answer.get("NextToken"):
                    return records, ""
                asked["NextToken"] = answer["NextToken"]
        except (ClientError, BotoCoreError) as error:
            return records, str(explain("asking CloudTrail who did it", error))
        return records, f"there are more than {_PAGE * _MOST_PAGES:,} records of {name}"


def _parsed(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for event in answer.get("Events") or ():
        try:
            record: Any = json.loads(event.get("CloudTrailEvent") or "")
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _is_of(record: Mapping[str, Any], principal: Principal, own: Collection[str]) -> bool:
    """Tell whether *record* is of a change of *principal* that was made, and not by us."""
    if record.get("errorCode") or str(record.get("requestID")) in own:
        return False
    if str(record.get("recipientAccountId")) != principal.account:
        return False
    asked = _mapping(record.get("requestParameters"))
    identity = _mapping(record.get("userIdentity"))
    # IAM API Reference, UpdateAccessKey: without a user's name it is about whoever calls.
    named = asked.get(f"{principal.kind}Name") or identity.get("userName")
    renamed = asked.get("newUserName") if principal.kind == "user" else None
    return principal.name.lower() in {str(one).lower() for one in (named, renamed) if one}


def _deed(record: Mapping[str, Any]) -> Deed:
    identity = _mapping(record.get("userIdentity"))
    return Deed(
        str(record.get("eventTime", "")),
        str(record.get("eventName", "")),
        str(identity.get("arn") or identity.get("invokedBy") or identity.get("principalId") or ""),
        str(identity.get("accessKeyId") or ""),
        str(record.get("sourceIPAddress", "")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
