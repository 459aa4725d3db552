"""Read findings in OCSF, which the newer Security Hub and Security Lake deliver.

Sources: OCSF 1.6, classes Detection Finding (2004) and Compliance Finding (2003), objects Finding
Information, Evidence Artifacts, Actor, User and Cloud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.signals.fields import document, documents, member, moment, text
from containment.signals.signal import Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "ocsf"


def read(node: Document) -> list[Report] | None:
    """Return the report of a finding; None where *node* is none."""
    details = document(node, "finding_info")
    if not details or member(node, "class_uid") is None:
        return None
    users = [document(one, "actor", "user") for one in documents(node, "evidences")]
    users.append(document(node, "actor", "user"))
    user = next((one for one in users if one), {})
    resources = documents(node, "resources")
    named = [text(one, "uid") for one in resources]
    principals = [text(user, "uid_alt"), text(user, "uid"), *named]
    is_iam = (name for name in principals if name.startswith("arn:") and ":iam::" in name)
    first = member(details, "first_seen_time") or member(details, "first_seen_time_dt")
    return [
        make_report(
            SOURCE,
            identity=text(details, "uid"),
            title=text(details, "title"),
            account=text(node, "cloud", "account", "uid"),
            key_id=text(user, "credential_uid"),
            principal=next(is_iam, text(user, "uid")),
            resource=next(iter(named), ""),
            first_seen=moment(first) or moment(member(details, "created_time")),
        )
    ]
