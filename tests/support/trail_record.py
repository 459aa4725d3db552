"""One record of CloudTrail, as short as a trace needs it."""

from __future__ import annotations

from typing import Any


def trail_record(access_key_id: str) -> dict[str, Any]:
    """Return the record of a call that the user ci-deploy made with *access_key_id*."""
    return {
        "eventVersion": "1.08",
        "eventTime": "2026-11-24T00:00:00Z",
        "eventSource": "sqs.amazonaws.com",
        "eventName": "CreateQueue",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "eventID": "a0b1c2d3-0000-4000-8000-000000000000",
        "eventType": "AwsApiCall",
        "readOnly": False,
        "recipientAccountId": "111122223333",
        "requestParameters": {"queueName": "x"},
        "responseElements": None,
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDACKCEVSQ6C2EXAMPLE",
            "arn": "arn:aws:iam::111122223333:user/ci/ci-deploy",
            "accountId": "111122223333",
            "accessKeyId": access_key_id,
            "userName": "ci-deploy",
        },
    }
