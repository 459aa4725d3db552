"""Event history: LookupEvents with its limits, and the rest of CloudTrail's API that moto lacks.

Source: CloudTrail API Reference, "LookupEvents": one attribute a call, 50 events a page, two calls
a second in an account and Region, management events of the last 90 days.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.cloudtrail.responses import CloudTrailResponse

from containment.clock import utc_now
from containment.lab.cloudtrail import digests
from containment.lab.cloudtrail.delivery import Delivery
from containment.lab.cloudtrail.identity import user_name
from containment.lab.cloudtrail.record import Outcome, records_of
from containment.lab.protocol.refusal import Reason, Refusal
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containment.lab.authn.callers import Caller
    from containment.lab.cloudtrail.identity import Json
    from containment.lab.protocol.call import Call
    from containment.lab.protocol.operations import Operation

_PAGE, _A_SECOND, _KEPT = 50, 2, timedelta(days=90)


class CloudTrail:
    """Everything that is recorded in one lab."""

    def __init__(self) -> None:
        self.delivery = Delivery()
        self._events: dict[tuple[str, str], list[tuple[datetime, Json]]] = {}
        self._calls: dict[tuple[str, str], deque[datetime]] = {}

    def reset(self) -> None:
        """Forget every record."""
        self.delivery.reset()
        self._events.clear()
        self._calls.clear()

    def note(self, call: Call, operation: Operation, caller: Caller, outcome: Outcome) -> None:
        """Record an authenticated call."""
        now = moto_state.clock()
        self._keep(records_of(call, operation, caller, outcome, now=now), now)

    def write(self, record: Json) -> None:
        """Record what came about without a call: a sign-in, or a service's own doing."""
        self._keep([record], moto_state.clock())

    def _keep(self, records: Iterable[Json], now: datetime) -> None:
        for record in records:
            if record["managementEvent"]:
                place = (str(record["recipientAccountId"]), str(record["awsRegion"]))
                self._events.setdefault(place, []).append((now, record))
            self.delivery.take([record], now)

    def lookup(self, account: str, region: str, request: Json) -> Json:
        """Answer LookupEvents.

        Raises:
            Refusal: more than one attribute, or more than two calls in a second.
        """
        self._throttle(account, region)
        attributes = request.get("LookupAttributes") or []
        if len(attributes) > 1:
            raise Refusal(
                Reason.MALFORMED,
                "You can specify only one lookup attribute.",
                code="InvalidLookupAttributesException",
                status=400,
            )
        size = int(request.get("MaxResults") or _PAGE)
        if not 1 <= size <= _PAGE:
            raise Refusal(
                Reason.MALFORMED,
                f"The value of MaxResults has to be from 1 to {_PAGE}.",
                code="InvalidMaxResultsException",
                status=400,
            )
        start = int(base64.b64decode(request.get("NextToken") or "MA=="))
        events = [
            record
            for recorded, record in reversed(self._events.get((account, region), []))
            if self._visible(recorded, request) and all(_matches(a, record) for a in attributes)
        ]
        answer: Json = {"Events": [_event(one) for one in events[start : start + size]]}
        if start + size < len(events):
            answer["NextToken"] = base64.b64encode(str(start + size).encode()).decode()
        return answer

    def _visible(self, recorded: datetime, request: Json) -> bool:
        now = moto_state.clock()
        start, end = request.get("StartTime"), request.get("EndTime")
        return (
            now - _KEPT <= recorded <= now - timedelta(seconds=self.delivery.delay_s)
            and (start is None or recorded >= datetime.fromtimestamp(float(start), UTC))
            and (end is None or recorded <= datetime.fromtimestamp(float(end), UTC))
        )

    def _throttle(self, account: str, region: str) -> None:
        now = utc_now()
        recent = self._calls.setdefault((account, region), deque())
        while recent and now - recent[0] > timedelta(seconds=1):
            recent.popleft()
        if len(recent) >= _A_SECOND:
            raise Refusal(Reason.THROTTLED, "Rate exceeded")
        recent.append(now)


def _matches(attribute: Json, record: Json) -> bool:
    value, kind = attribute.get("AttributeValue"), attribute.get("AttributeKey")
    if kind == "ResourceName":
        return value in {one["ResourceName"] for one in _resources(record)}
    if kind == "ResourceType":
        return value in {one["ResourceType"] for one in _resources(record)}
    shown = {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "EventSource": record["eventSource"],
        "ReadOnly": "true" if record["readOnly"] else "false",
        "Username": user_name(record["userIdentity"]),
        "AccessKeyId": record["userIdentity"].get("accessKeyId", ""),
    }
    return shown.get(str(kind)) == value


def _event(record: Json) -> Json:
    identity = record["userIdentity"]
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": "true" if record["readOnly"] else "false",
        "AccessKeyId": identity.get("accessKeyId", ""),
        "EventTime": datetime.fromisoformat(record["eventTime"]).timestamp(),
        "EventSource": record["eventSource"],
        "Username": user_name(identity),
        "Resources": _resources(record),
        "CloudTrailEvent": json.dumps(record),
    }


# Which parameter names a resource of which type, as LookupEvents shows them.
_NAMED = {
    "userName": "AWS::IAM::User",
    "roleName": "AWS::IAM::Role",
    "groupName": "AWS::IAM::Group",
    "policyArn": "AWS::IAM::Policy",
    "accessKeyId": "AWS::IAM::AccessKey",
    "bucketName": "AWS::S3::Bucket",
    "bucket": "AWS::S3::Bucket",
    "roleArn": "AWS::IAM::Role",
}


def _resources(record: Json) -> list[Json]:
    named: list[Json] = []
    parts = [
        record.get("requestParameters") or {},
        *(record.get("responseElements") or {}).values(),
    ]
    for part in parts:
        if isinstance(part, dict):
            named += [
                {"ResourceType": _NAMED[name], "ResourceName": value}
                for name, value in part.items()
                if name in _NAMED and isinstance(value, str)
            ]
    return named


class LabCloudTrail(CloudTrailResponse):
    """Every CloudTrail operation of the lab."""

    def __init__(self, caller: Caller, operation: Operation, trail: CloudTrail) -> None:
        super().__init__()
        self._caller, self._operation, self._trail = caller, operation, trail

    def answer(self, request: Any, url: str, headers: Any) -> Any:
        """Answer one call."""
        return self._dispatch(request, url, headers)

    def lookup_events(self) -> str:
        """Answer from the lab's own history."""
        request = json.loads(self.body or "{}")
        return json.dumps(self._trail.lookup(self._caller.account, self.region, request))

    def list_public_keys(self) -> str:
        """Give the key that digest files are signed with."""
        now = moto_state.clock().timestamp()
        key = {
            **digests.fingerprint_and_key(),
            "ValidityStartTime": now - 86400 * 365,
            "ValidityEndTime": now + 86400 * 365,
        }
        return json.dumps({"PublicKeyList": [key]})


def answer(caller: Caller, operation: Operation, trail: CloudTrail) -> Callable[..., Any]:
    """Return what handles CloudTrail calls of *caller*."""
    from moto.cloudtrail.models import Trail as MotoTrail

    from containment.lab.state.buckets import bucket_owner

    original = MotoTrail.check_bucket_exists

    def in_any_account(self: MotoTrail) -> None:
        if bucket_owner(self.bucket_name) is None:
            original(self)

    if original.__name__ != in_any_account.__name__:
        setattr(MotoTrail, "check_bucket_exists", in_any_account)  # noqa: B010 -- it is a method
    return LabCloudTrail(caller, operation, trail).answer
