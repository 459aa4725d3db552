"""The account as an outsider sees it: what is ours on a principal, what is not, who gets in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from containment.facets import claims, deny, documents, marks
from containment.facets.shapes import is_deny, is_trust_deny
from containment.lab.scenario.world import Credentials
from containment.lab.state import facts, moto_state
from tests.model.cloud import Cloud

ACCOUNT = "111122223333"
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
_REFUSED = {"AccessDenied", "InvalidClientTokenId", "InvalidAccessKeyId", "ExpiredToken"}
Facts = Mapping[tuple[str, ...], str]


@dataclass(frozen=True)
class Artefact:
    """Something of an incident's on a principal; *fence* where it only outlives its stack."""

    principal: str
    kind: str
    incident: str
    snapshot_id: str
    fence: bool = False


@dataclass(frozen=True)
class Stolen:
    """A credential that the attacker has, and when they got it."""

    owner: str
    kind: str
    credentials: Credentials
    minted: datetime


def names() -> list[str]:
    """Return every user and role of the account, as ``user/NAME`` and ``role/NAME``."""
    state = moto_state.iam(ACCOUNT)
    users = [f"user/{user.name}" for user in state.users.values()]
    return users + [f"role/{role.name}" for role in state.roles.values()]


def entity(principal: str) -> Facts:
    """Return all there is to a principal; empty where there is none."""
    kind, _, name = principal.partition("/")
    if kind == "user":
        facts_read = dict(facts.read(("user", ACCOUNT, name)))
        for key, status in keys(name).items():
            facts_read["key", key] = status
        return facts_read
    return facts.read(("role", ACCOUNT, moto_state.role_id(ACCOUNT, name)))


def keys(user: str) -> dict[str, str]:
    """Return the status of each access key of a user, by its id."""
    user_entry = moto_state.iam(ACCOUNT).users.get(user)
    return (
        {key.access_key_id: str(key.status) for key in user_entry.access_keys} if user_entry else {}
    )


def unmarked_facts(principal: str) -> Facts:
    """Return what is not ours: compared around a command of ours, it may not have changed.

    Statuses of keys and attachments have no owner of their own and are judged at a lift.
    """
    kept: dict[tuple[str, ...], str] = {}
    for entry, value in entity(principal).items():
        if entry[0] in {"key", "attached"}:
            continue
        if entry[0] == "tag" and marks.incident_of_tag(entry[1]) is not None:
            continue
        if entry[0] == "trust" or (
            entry[0] == "inline" and marks.incident_of_policy(entry[1]) is not None
        ):
            shape = is_trust_deny if entry[0] == "trust" else is_deny
            rest = documents.without(documents.parse(value) or {}, lambda _mark: True, shape)
            if rest["Statement"] or entry[0] == "trust":
                kept[entry] = documents.compact(rest)
            continue
        kept[entry] = value
    return kept


def artefacts() -> list[Artefact]:
    """Return everything of ours in the account."""
    artefact_list: list[Artefact] = []
    for principal in names():
        for entry, value in entity(principal).items():
            if entry[0] == "inline" and (incident := marks.incident_of_policy(entry[1])):
                read = deny.read(value, incident)
                if read.mark is not None:
                    snapshot_id = read.mark.snapshot_id
                    artefact_list.append(
                        Artefact(principal, "deny", incident, snapshot_id, read.is_fence)
                    )
            if entry[0] == "tag" and (incident := marks.incident_of_tag(entry[1])):
                claim = claims.parse(value)
                kind = "attachment" if entry[1] == marks.attachment_tag(incident) else "keys"
                if claim is not None:
                    artefact_list.append(Artefact(principal, kind, incident, claim.snapshot_id))
            if entry[0] == "trust":
                artefact_list += [
                    Artefact(principal, "trust", mark.incident_hash, mark.snapshot_id)
                    for mark in documents.marks(value, is_trust_deny)
                ]
    return artefact_list


class Probe:
    """Tries credentials on the company's bucket."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def gets_in(self, credentials: Credentials) -> bool:
        """Tell whether *credentials* can still read the bucket."""
        client = self._cloud.client("s3", credentials)
        return self._allowed(client.list_objects_v2, Bucket=self._cloud.world.bucket)

    def assumes(self, credentials: Credentials, role_arn: str) -> Credentials | None:
        """Return a session of the role, None where *credentials* may not have one."""
        client = self._cloud.client("sts", credentials)
        try:
            issued = client.assume_role(RoleArn=role_arn, RoleSessionName="work")["Credentials"]
        except ClientError as error:
            _only_refused(error)
            return None
        return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])

    def token(self, credentials: Credentials) -> Credentials:
        """Return a session token of a user's key."""
        issued = self._cloud.client("sts", credentials).get_session_token()["Credentials"]
        return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])

    def _allowed(self, call: Any, **values: object) -> bool:
        try:
            call(**values)
        except ClientError as error:
            _only_refused(error)
            return False
        return True


def _only_refused(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _REFUSED:
        raise error


def shown(facts: Facts) -> str:
    """Return facts for a failure's message."""
    return json.dumps({"/".join(entry): value for entry, value in facts.items()}, indent=1)
