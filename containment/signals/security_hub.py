"""Read findings of AWS Security Hub in ASFF, its own format.

Sources: AWS Security Hub User Guide, "AWS Security Finding Format (ASFF)", "Required top-level
ASFF attributes", "AwsIamAccessKey" and "AwsIamUser" (``Resources``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import documents, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "security-hub"


def read(node: Document) -> list[Report] | None:
    """Return the report of a finding; None where *node* is none."""
    if not text(node, "ProductArn") or not text(node, "SchemaVersion"):
        return None
    key_id = principal = resource = ""
    for one in documents(node, "Resources"):
        identity = text(one, "Id")
        if one.get("Type") == "AwsIamAccessKey":
            details = member(one, "Details", "AwsIamAccessKey")
            key_id = key_id or text(details, "AccessKeyId") or identity.rpartition(":")[2]
            principal = principal or text(details, "PrincipalId")
        elif one.get("Type") in {"AwsIamUser", "AwsIamRole"}:
            principal = identity if identity.startswith("arn:") else principal
        resource = resource or identity
    return [
        make_report(
            SOURCE,
            identity=text(node, "Id"),
            title=text(node, "Title"),
            account=text(node, "AwsAccountId"),
            key_id=key_id,
            principal=principal,
            resource=resource,
            first_seen=moment(member(node, "FirstObservedAt")) or moment(member(node, "CreatedAt")),
        )
    ]
