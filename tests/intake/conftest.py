"""GuardDuty findings in AWS's two JSON forms, and the emulated company they are about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FindingFile = Callable[..., Path]

# The fields are those of GuardDuty's API Reference, Finding; the values are invented.
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
ACCOUNT = "111122223333"


def finding(**details: object) -> dict[str, Any]:
    """A finding as EventBridge delivers it under ``detail``."""
    access_key = {
        "accessKeyId": KEY_ID,
        "principalId": "",
        "userType": "IAMUser",
        "userName": "ci-deploy",
    }
    return {
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": "eu-central-1",
        "partition": "aws",
        "id": "16afba5c5c43e07c9e3e5e2e544e95df",
        "arn": f"arn:aws:guardduty:eu-central-1:{ACCOUNT}:detector/4e/finding/16afba5c",
        "type": "UnauthorizedAccess:IAMUser/TorIPCaller",
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": access_key | details},
        "service": {
            "serviceName": "guardduty",
            "detectorId": "4e",
            "action": {
                "actionType": "AWS_API_CALL",
                "awsApiCallAction": {"api": "ListBuckets", "serviceName": "s3.amazonaws.com"},
            },
            "resourceRole": "TARGET",
            "eventFirstSeen": "2026-11-20T21:14:00.000Z",
            "eventLastSeen": "2026-11-20T21:44:00.000Z",
            "archived": False,
            "count": 12,
        },
        "severity": 5,
        "createdAt": "2026-11-20T21:20:01.000Z",
        "updatedAt": "2026-11-20T21:50:00.000Z",
        "title": "API ListBuckets was invoked from a Tor exit node.",
        "description": "API ListBuckets, commonly used in reconnaissance, was invoked.",
    }


def actor(name: str = "ci-deploy", key_id: str = KEY_ID, **user: object) -> dict[str, Any]:
    """One actor of an attack sequence."""
    account = {"uid": ACCOUNT, "name": "prod"}
    who = {"name": name, "uid": "", "type": "IAMUser", "credentialUid": key_id, "account": account}
    return {"id": "a1", "user": who | user, "session": {"uid": "s", "mfaStatus": "DISABLED"}}


def sequence(*actors: object) -> dict[str, Any]:
    """A finding of extended threat detection, which names actors and no access key of its own."""
    document = finding() | {
        "type": "AttackSequence:IAM/CompromisedCredentials",
        "resource": {"resourceType": "AttackSequence"},
    }
    detection = {"sequence": {"uid": "u", "actors": list(actors), "signals": []}}
    return document | {"service": document["service"] | {"detection": detection}}


def capitalised(node: object) -> Any:
    """The same document with the API's capitalised names."""
    if isinstance(node, dict):
        return {name[0].upper() + name[1:]: capitalised(value) for name, value in node.items()}
    return [capitalised(item) for item in node] if isinstance(node, list) else node


def event(detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "cd2d702e-ab31-411b-9344-793ce56b1bc7",
        "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty",
        "account": ACCOUNT,
        "time": "2026-11-20T21:20:01Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    }


@pytest.fixture
def finding_file(tmp_path: Path) -> FindingFile:
    """Write a document, or bytes, to a file."""

    def write(document: object) -> Path:
        path = tmp_path / "finding.json"
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        path.write_bytes(content)
        return path

    return write
