"""Signing in to the console, and the record of it.

Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events".
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from containment.clock import isoformat
from containment.lab.cloudtrail.elements import HIDDEN
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from containment.lab.cloudtrail.identity import Json

_REGION = "us-east-1"


def console_login(
    account: str, name: str, user: Any, *, success: bool, source_ip: str, user_agent: str
) -> Json:
    """Return the record of a sign-in; *user* is None where the account has nobody of the name."""
    identity: Json = {"type": "IAMUser", "accountId": account}
    if user is None:
        # Whoever mistypes may have typed a password.
        identity |= {"accessKeyId": "", "userName": HIDDEN}
    else:
        identity |= {"principalId": user.id, "arn": user.arn, "userName": name}
    record: Json = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": isoformat(moto_state.clock()),
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": _REGION,
        "sourceIPAddress": source_ip,
        "userAgent": user_agent or "Mozilla/5.0",
        "requestParameters": None,
        "responseElements": {"ConsoleLogin": "Success" if success else "Failure"},
        "additionalEventData": {
            "LoginTo": "https://console.aws.amazon.com/console/home",
            "MobileVersion": "No",
            "MFAUsed": "Yes" if user is not None and user.mfa_devices else "No",
        },
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsConsoleSignIn",
        "managementEvent": True,
        "eventCategory": "Management",
        "recipientAccountId": account,
    }
    if not success:
        record["errorMessage"] = (
            "No username found in supplied account" if user is None else "Failed authentication"
        )
    return record
