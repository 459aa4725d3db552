"""What GuardDuty would say of a leaked key: one finding in AWS's documented form.

Sources: GuardDuty API Reference, GetFindings and Finding; GuardDuty User Guide, "IAM finding
types", UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom, and "Finding details". The address is
of TEST-NET-2 (RFC 5737).
"""

from __future__ import annotations

from hashlib import md5
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_TYPE = "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom"
_DETECTOR = "12abc34d567e8fa901bc2d34e56789f0"


def leaked_key_used(
    *,
    account: str,
    region: str,
    access_key_id: str,
    user_name: str,
    user_id: str,
    first_seen: datetime,
    last_seen: datetime,
) -> dict[str, Any]:
    """Return the answer of GetFindings with the one finding about *access_key_id*."""
    finding = md5(access_key_id.encode(), usedforsecurity=False).hexdigest()
    detector = f"arn:aws:guardduty:{region}:{account}:detector/{_DETECTOR}"
    return {
        "Findings": [
            {
                "SchemaVersion": "2.0",
                "AccountId": account,
                "Region": region,
                "Partition": "aws",
                "Id": finding,
                "Arn": f"{detector}/finding/{finding}",
                "Type": _TYPE,
                "Title": "API ListBuckets was invoked from an IP address on a custom threat list.",
                "Description": f"API ListBuckets, made by IAMUser : {user_name}, was invoked from"
                " IP address 198.51.100.77, which is on a custom threat list.",
                "Severity": 8,
                "CreatedAt": _time(last_seen),
                "UpdatedAt": _time(last_seen),
                "Resource": {
                    "ResourceType": "AccessKey",
                    "AccessKeyDetails": {
                        "AccessKeyId": access_key_id,
                        "PrincipalId": user_id,
                        "UserName": user_name,
                        "UserType": "IAMUser",
                    },
                },
                "Service": {
                    "ServiceName": "guardduty",
                    "DetectorId": _DETECTOR,
                    "ResourceRole": "TARGET",
                    "Action": {
                        "ActionType": "AWS_API_CALL",
                        "AwsApiCallAction": {
                            "Api": "ListBuckets",
                            "ServiceName": "s3.amazonaws.com",
                            "CallerType": "Remote IP",
                            "RemoteIpDetails": {"IpAddressV4": "198.51.100.77"},
                            "AffectedResources": {},
                        },
                    },
                    "EventFirstSeen": _time(first_seen),
                    "EventLastSeen": _time(last_seen),
                    "Archived": False,
                    "Count": 1,
                },
            }
        ]
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
