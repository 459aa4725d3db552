"""Read CloudWatch alarms that went off; whom they are about they do not say.

Sources: Amazon CloudWatch User Guide, "Alarm events and EventBridge" and "Notifying users on alarm
changes" (the message to SNS); CloudWatch API Reference, MetricAlarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import event_detail, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "cloudwatch-alarm"
_ALARM = "ALARM"


def read(node: Document) -> list[Report] | None:
    """Return the report of an alarm, nothing where it ended; None where *node* is none."""
    event = event_detail(node, "aws.cloudwatch")
    alarm = event or node
    name = text(alarm, "alarmName")
    state = (
        text(alarm, "state", "value") or text(alarm, "NewStateValue") or text(node, "StateValue")
    )
    if not name or not state:
        return None
    if state != _ALARM:
        return []
    since = (
        member(event, "state", "timestamp")
        or member(node, "StateChangeTime")
        or member(node, "StateUpdatedTimestamp")
    )
    reason = text(event, "state", "reason") or text(node, "NewStateReason")
    arn = text(alarm, "AlarmArn")
    account = text(node, "account") or text(node, "AWSAccountId") or arn.split(":")[4:5]
    return [
        make_report(
            SOURCE,
            identity=f"{arn or name} {since}",
            title=f"{name}: {reason or text(node, 'StateReason')}",
            account=account if isinstance(account, str) else "".join(account),
            resource=arn or name,
            first_seen=moment(since),
        )
    ]
