"""Read CloudTrail records: one report for each credential that made calls, since its first one.

Only who called counts (``userIdentity``), never whom the call was about. Sources: CloudTrail User
Guide, "CloudTrail record contents" and "userIdentity element"; CloudTrail API Reference, Event
(``CloudTrailEvent``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from containment.signals.fields import document, documents, event_detail, member, moment, text
from containment.signals.signal import CredentialKind, Report, make_report

if TYPE_CHECKING:
    from datetime import datetime

    from containment.signals.fields import Document

SOURCE = "cloudtrail"
_SIGN_IN = "ConsoleLogin"


def read(node: Document) -> list[Report] | None:
    """Return the reports of a record, or of a file of records; None where *node* is neither."""
    records = documents(node, "Records") or [_looked_up(one) for one in documents(node, "Events")]
    if not records:
        detail = document(node, "detail")
        event = detail if text(node, "detail-type").endswith("via CloudTrail") else {}
        records = [event or event_detail(node, "aws.cloudtrail") or node]
    records = [one for one in records if text(one, "eventSource") and text(one, "eventName")]
    if not records:
        return None
    first: dict[tuple[str, str], tuple[datetime, Report]] = {}
    for record in records:
        report, when = _report(record), moment(member(record, "eventTime"))
        if when is None or not (report.subject.is_resolved or report.subject.account):
            continue
        caller = (report.subject.key_id, report.subject.principal)
        if caller not in first or when < first[caller][0]:
            first[caller] = (when, report)
    return [report for _, report in first.values()]


def _looked_up(event: Document) -> Document:
    try:
        record: Any = json.loads(text(event, "CloudTrailEvent"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _report(record: Document) -> Report:
    identity = document(record, "userIdentity")
    issuer = document(identity, "sessionContext", "sessionIssuer")
    kind = CredentialKind.UNKNOWN
    if identity.get("type") == "Root":
        kind = CredentialKind.ROOT
    elif record.get("eventName") == _SIGN_IN:
        kind = CredentialKind.PASSWORD
    return make_report(
        SOURCE,
        identity=text(record, "eventID"),
        title=f"{text(record, 'eventName')} by {text(identity, 'arn') or 'a caller without ARN'}",
        kind=kind,
        account=text(identity, "accountId"),
        key_id=text(identity, "accessKeyId"),
        principal=text(issuer, "arn") or text(identity, "arn"),
        first_seen=moment(member(record, "eventTime")),
    )
