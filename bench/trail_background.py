# ruff: noqa: D103, PLR2004 -- beside stand-alone scripts with dice
"""What goes on in an account anyway: real records, with what identifies them drawn afresh."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.trail_dice import key_id, stamp, uuid

if TYPE_CHECKING:
    import random

SAMPLES = Path(__file__).parent.parent / "tests" / "trail" / "samples"
_SLOTS = re.compile(r"\{\{(\w+)\}\}")


def templates() -> list[list[str]]:
    """Real records, cut at what is drawn afresh: literal, slot, literal, and so on in turn."""
    texts = [*(SAMPLES / "splunk_data_sources").glob("*.ndjson")]
    texts += (SAMPLES / "otrf_security_datasets").glob("*.json")
    records: list[dict[str, Any]] = []
    for path in texts:
        records += [json.loads(line) for line in path.read_text().splitlines() if line]
    for path in (SAMPLES / "stratus_red_team").glob("*.json"):
        records += json.loads(path.read_text())
    shapes: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        name = record["eventName"]
        # One sample is forty times the size of any other; no trail has it in every tenth record.
        usual = len(json.dumps(record)) < 8192
        if usual and name not in EDGES and record.get("userIdentity", {}).get("arn"):
            shapes[record["eventSource"], name].append(record)
    reads = [
        _cut(r) for group in shapes.values() for r in group[:3] if _READS.match(r["eventName"])
    ]
    writes = [
        _cut(r) for group in shapes.values() for r in group[:3] if not _READS.match(r["eventName"])
    ]
    # Six calls in seven of the recorded capture (otrf) are reads.
    return reads * max(1, 6 * len(writes) // len(reads)) + writes


_READS = re.compile("Get|List|Describe|Head|Lookup")


# Background has mints of its own; these would be facts about identities that nobody planted.
EDGES = frozenset(
    [
        "AssumeRole",
        "AssumeRoleWithSAML",
        "CreateAccessKey",
        "CreateUser",
        "CreateRole",
        "ConsoleLogin",
        "CreateLoginProfile",
        "UpdateLoginProfile",
        "UpdateSAMLProvider",
    ]
)


def _cut(record: dict[str, Any]) -> list[str]:
    record = {
        k: v for k, v in record.items() if k not in ("_source_file", "@timestamp", "@version")
    }
    record |= {
        "eventTime": "{{time}}",
        "eventID": "{{uuid}}",
        "requestID": "{{uuid2}}",
        "awsRegion": "{{region}}",
        "recipientAccountId": "{{account}}",
        "sourceIPAddress": "{{address}}",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "{{principal}}",
            "arn": "{{arn}}",
            "accountId": "{{account}}",
            "accessKeyId": "{{key}}",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "{{role_id}}",
                    "arn": "{{role_arn}}",
                    "accountId": "{{account}}",
                    "userName": "{{role}}",
                },
                "attributes": {"creationDate": "{{created}}", "mfaAuthenticated": "false"},
            },
        },
    }
    text = json.dumps(record, separators=(",", ":"))
    return _SLOTS.split(text)


def assume_template() -> list[str]:
    record = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
        "eventTime": "{{time}}",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "awsRegion": "{{region}}",
        "sourceIPAddress": "ec2.amazonaws.com",
        "userAgent": "ec2.amazonaws.com",
        "requestParameters": {"roleArn": "{{role_arn}}", "roleSessionName": "{{session}}"},
        "responseElements": {
            "credentials": {
                "accessKeyId": "{{new}}",
                "expiration": "Nov 24, 2026, 9:14:00 PM",
                "sessionToken": "{{token}}",
            },
            "assumedRoleUser": {"assumedRoleId": "{{principal}}", "arn": "{{arn}}"},
        },
        "requestID": "{{uuid2}}",
        "eventID": "{{uuid}}",
        "readOnly": True,
        "resources": [
            {"accountId": "{{account}}", "type": "AWS::IAM::Role", "ARN": "{{role_arn}}"}
        ],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "{{account}}",
        "eventCategory": "Management",
    }
    return _SLOTS.split(json.dumps(record, separators=(",", ":")))


class Background:
    """What goes on in an account anyway."""

    def __init__(self) -> None:
        self.shapes = templates()
        self.mint = assume_template()

    def file(
        self, dice: random.Random, account: str, region: str, start: datetime, count: int
    ) -> list[str]:
        sessions = [self._session(dice, account, start) for _ in range(dice.randint(20, 60))]
        lines = []
        for _ in range(count):
            values = dict(dice.choice(sessions))
            when = start + timedelta(seconds=dice.randrange(300))
            values |= {
                "time": stamp(when),
                "uuid": uuid(dice),
                "uuid2": uuid(dice),
                "region": region,
                "address": f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}",
            }
            shape = dice.choice(self.shapes)
            if dice.random() < 0.04:
                new = self._session(dice, account, when)
                values |= new | {"new": new["key"], "token": f"{dice.getrandbits(2400):x}"}
                sessions[dice.randrange(len(sessions))] = new
                shape = self.mint
            parts = list(shape)
            for slot in range(1, len(parts), 2):
                parts[slot] = values[parts[slot]]
            lines.append("".join(parts))
        return lines

    @staticmethod
    def _session(dice: random.Random, account: str, when: datetime) -> dict[str, str]:
        role, session = f"service-{dice.randrange(400)}", f"i-{dice.getrandbits(68):017x}"
        role_id = f"AROA{int.from_bytes(role.encode()) % 36**16:016X}"[:20]
        return {
            "key": key_id(dice, "ASIA"),
            "account": account,
            "role": role,
            "role_id": role_id,
            "session": session,
            "role_arn": f"arn:aws:iam::{account}:role/{role}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "principal": f"{role_id}:{session}",
            "created": stamp(when),
        }
