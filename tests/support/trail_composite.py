"""Captures composed of real records: each call is drawn over a real one of the same API.

The records are those under ``tests/trail/samples``, as far as they go; names, ids, times and
answers are made up, all other fields are AWS's. What no sample holds has the shape of AWS's
documentation.
"""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.trail_scene import ACCOUNT, Record, Scene, principal_id

SAMPLES = Path(__file__).parents[1] / "trail" / "samples"
OTHER = "999988887777"


@cache
def templates() -> dict[str, list[Record]]:
    """API name -> real records of it."""
    templates_by_name: dict[str, list[Record]] = {}
    for path in sorted(SAMPLES.glob("*/*json")):
        for row in _rows(path.read_text("utf-8")):
            if isinstance(row, dict) and "eventName" in row and "userIdentity" in row:
                templates_by_name.setdefault(row["eventName"], []).append(row)
    return templates_by_name


def _rows(text: str) -> list[Any]:
    try:
        loaded = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return loaded if isinstance(loaded, list) else [loaded]


@dataclass
class Truth:
    """What the planted calls make, by independent reasoning; and who must stay out."""

    members: dict[str, tuple[str, str, str, int]] = field(default_factory=dict)
    bystanders: set[str] = field(default_factory=set)
    trusts: set[tuple[str, str]] = field(default_factory=set)

    def expect(
        self, name: str, tier: str, parent: str, events: int, kind: str = "access_key"
    ) -> None:
        self.members[name] = (kind, tier, parent, events)


class Composite(Scene):
    """A scene over real records, with the shapes that only AWS writes."""

    def __init__(self, tag: str = "") -> None:
        super().__init__()
        self.tag = tag
        self.truth = Truth()

    def call(self, key: str | None, arn: str, name: str, seconds: int, **more: Any) -> Record:
        record = super().call(key, arn, name, seconds, **more)
        real = templates().get(name)
        if real:
            base = {k: v for k, v in real[0].items() if k in _KEPT}
            drawn = {**base, **record}
            self.records[-1] = drawn
            record = drawn
        identity = record["userIdentity"]
        if ":assumed-role/" in arn:
            _, role, _ = arn.split(":", 5)[5].split("/", 2)
            context = identity.setdefault("sessionContext", {"attributes": {}})
            context["sessionIssuer"] = {
                "type": "Role",
                "principalId": identity["principalId"].split(":")[0],
                "arn": f"arn:aws:iam::{identity['accountId']}:role/{role}",
                "accountId": identity["accountId"],
                "userName": role,
            }
        return record

    def key(self, prefix: str = "ASIA") -> str:
        self._ids += 1
        return prefix + uuid.uuid5(uuid.NAMESPACE_OID, f"{self.tag}{self._ids}").hex[:16].upper()

    def named(self, name: str) -> str:
        """Return a name that no other planting has."""
        return f"{self.tag}-{name}" if self.tag else name

    def person(self, name: str, account: str = ACCOUNT) -> str:
        return f"arn:aws:iam::{account}:user/{self.named(name)}"

    def visit(self, record: Record, account: str = OTHER, copy: str = "") -> Record:
        """Make *record* what the role's account logs of a caller from *account*.

        IAM User Guide, "Logging IAM and AWS STS API calls": type AWSAccount, account and id only.
        """
        record["userIdentity"] = {
            "type": "AWSAccount",
            "principalId": record["userIdentity"]["principalId"],
            "accountId": account,
        }
        if copy:
            record["sharedEventID"] = copy
        return record

    def twin(self, record: Record) -> Record:
        """Log *record* once more, as the account of the role does."""
        shared = str(uuid.uuid5(uuid.NAMESPACE_OID, record["eventID"]))
        record["sharedEventID"] = shared
        other: Record = json.loads(json.dumps(record))
        other["eventID"] = str(uuid.uuid5(uuid.NAMESPACE_OID, shared))
        other["recipientAccountId"] = other["requestParameters"]["roleArn"].split(":")[4]
        self.visit(other, record["userIdentity"]["accountId"], shared)
        self.records.append(other)
        return other

    def web_identity(
        self, provider: str, subject: str, role: str, seconds: int, **more: Any
    ) -> str:
        """AssumeRoleWithWebIdentity; CloudTrail User Guide, "Values for AWS STS APIs with SAML and
        web identity federation": the id is provider, audience and subject, colons and all.
        """
        new = self.key()
        record = self.call(
            None, f"arn:aws:iam::{ACCOUNT}:user/nobody", "AssumeRoleWithWebIdentity", seconds
        )
        record["userIdentity"] = {
            "type": "WebIdentityUser",
            "principalId": f"{provider}:sts.amazonaws.com:{subject}",
            "userName": subject,
            "identityProvider": provider,
        }
        record["eventSource"] = "sts.amazonaws.com"
        session = f"w{seconds}"
        record["requestParameters"] = {
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            "roleSessionName": session,
            **more,
        }
        record["responseElements"] = {
            **_session_answer(new, role, session),
            "provider": provider,
            "audience": "sts.amazonaws.com",
            "subjectFromWebIdentityToken": subject,
        }
        return new

    def saml(self, provider: str, role: str, session: str, seconds: int) -> str:
        new = self.key()
        record = self.call(
            None, f"arn:aws:iam::{ACCOUNT}:user/nobody", "AssumeRoleWithSAML", seconds
        )
        record["userIdentity"] = {
            "type": "SAMLUser",
            "principalId": f"ZRu9MRAjiG9tvi1QBNfdI664G5A=:{session}",
            "userName": session,
            "identityProvider": "ZRu9MRAjiG9tvi1QBNfdI664G5A=",
        }
        record["eventSource"] = "sts.amazonaws.com"
        record["requestParameters"] = {
            "principalArn": provider,
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
            "roleSessionName": session,
        }
        record["responseElements"] = _session_answer(new, role, session)
        return new

    def instance(self, session: str, role: str, seconds: int) -> str:
        """EC2 fetches credentials: the real record names the key and nothing else."""
        new = self.key()
        record = self.service("ec2.amazonaws.com", role, session, seconds, new)
        del record["responseElements"]["assumedRoleUser"]
        return new

    def session(self, role: str, name: str) -> str:
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}"

    def noise(self, count: int, dice: random.Random) -> None:
        """Add real records of people who have nothing to do with it, some of them very close."""
        real = [record for rows in templates().values() for record in rows]
        staff = [f"arn:aws:iam::{ACCOUNT}:user/staff{n}" for n in range(20)]
        sessions = [f"arn:aws:sts::{ACCOUNT}:assumed-role/app/staff{n}" for n in range(20)]
        for _ in range(count):
            when = dice.randrange(-3600, 90_000)
            if dice.random() < 0.2:
                who = dice.randrange(20)
                self.assume(f"AKIASTAFF{who:011}", staff[who], "app", when)
                continue
            record = json.loads(json.dumps(dice.choice(real)))
            session = dice.randrange(20)
            arn = dice.choice([staff, sessions])[session]
            identity = {"type": "IAMUser" if ":user/" in arn else "AssumedRole", "arn": arn}
            identity |= {"accountId": ACCOUNT, "principalId": principal_id(arn)}
            identity["accessKeyId"] = f"{'AKIA' if ':user/' in arn else 'ASIA'}STAFF{session:011}"
            record["userIdentity"] = identity
            record.pop("@timestamp", None)
            record["eventTime"] = self.time_at(when)
            record["eventID"] = str(uuid.UUID(int=dice.getrandbits(128)))
            record["recipientAccountId"] = ACCOUNT
            self.records.append(record)


def _session_answer(key: str, role: str, session: str) -> Record:
    return {
        "credentials": {
            "accessKeyId": key,
            "sessionToken": "not-a-token",
            "expiration": "Nov 24, 2026 9:14:00 PM",
        },
        "assumedRoleUser": {
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}",
            "assumedRoleId": f"{principal_id(f'arn:aws:iam::{ACCOUNT}:role/{role}')}:{session}",
        },
    }


_KEPT = frozenset(
    {
        "additionalEventData",
        "apiVersion",
        "awsRegion",
        "eventCategory",
        "eventType",
        "eventVersion",
        "managementEvent",
        "readOnly",
        "resources",
        "sourceIPAddress",
        "tlsDetails",
        "userAgent",
    }
)
