"""Read findings of IAM Access Analyzer, as events and as its API gives them.

Sources: IAM User Guide, "Monitoring AWS Identity and Access Management Access Analyzer with Amazon
EventBridge"; IAM Access Analyzer API Reference, FindingSummary, FindingSummaryV2 and GetFindingV2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import document, event_detail, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "access-analyzer"


def read(node: Document) -> list[Report] | None:
    """Return the report of a finding; None where *node* is none."""
    finding = event_detail(node, "aws.access-analyzer") or document(node, "finding") or node
    if not text(finding, "resourceType").startswith("AWS::") or not text(finding, "id"):
        return None
    resource = text(finding, "resource")
    return [
        make_report(
            SOURCE,
            identity=text(finding, "id"),
            title=f"{text(finding, 'findingType') or 'finding'} of {resource}",
            account=text(finding, "accountId") or text(finding, "resourceOwnerAccount"),
            principal=resource,
            resource=resource,
            first_seen=moment(member(finding, "createdAt")),
        )
    ]
