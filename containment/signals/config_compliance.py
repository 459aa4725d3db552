"""Read changes of compliance of AWS Config rules.

Source: AWS Config Developer Guide, "Monitoring AWS Config with Amazon EventBridge" (detail type
"Config Rules Compliance Change"); an IAM user's or role's ``resourceId`` is its unique id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import event_detail, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "config"
_BAD = "NON_COMPLIANT"


def read(node: Document) -> list[Report] | None:
    """Return the report of what became noncompliant; None where *node* is no such event."""
    event = event_detail(node, "aws.config")
    rule = text(event, "configRuleName")
    if not rule:
        return None
    result = member(event, "newEvaluationResult")
    if text(result, "complianceType") != _BAD:
        return []
    since = member(result, "resultRecordedTime")
    resource = text(event, "resourceId")
    return [
        make_report(
            SOURCE,
            identity=f"{rule} {resource} {since}",
            title=f"{rule}: {text(event, 'resourceType')} {resource} is noncompliant",
            account=text(event, "awsAccountId") or text(node, "account"),
            principal=resource,
            resource=resource,
            first_seen=moment(since),
        )
    ]
