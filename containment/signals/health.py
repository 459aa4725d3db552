"""Read what AWS Health says of credentials that were exposed.

The affected account is ``affectedAccount``, and the one of the event may be the organisation's
administrator. Sources: AWS Health User Guide, "Monitoring events in AWS Health with Amazon
EventBridge" and "AWS Health event schema"; the type ``AWS_RISK_CREDENTIALS_EXPOSED`` is that of
aws-samples, "aws-health-tools".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import documents, event_detail, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "aws-health"
_RISK = "AWS_RISK_"


def read(node: Document) -> list[Report] | None:
    """Return a report for each affected entity of an event; None where *node* is none."""
    event = event_detail(node, "aws.health")
    if not event:
        return None
    code = text(event, "eventTypeCode")
    if not code.startswith(_RISK):
        return []
    entities = [text(one, "entityValue") for one in documents(event, "affectedEntities")]
    account = text(event, "affectedAccount") or text(node, "account")
    return [
        make_report(
            SOURCE,
            identity=f"{text(event, 'eventArn')} {entity}".strip(),
            title=f"{code}: AWS Health says that a credential is exposed",
            account=account,
            key_id=entity,
            principal=entity,
            resource=entity,
            first_seen=moment(member(event, "startTime")),
        )
        for entity in entities or [""]
    ]
