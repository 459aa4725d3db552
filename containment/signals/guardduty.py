"""Read GuardDuty findings: bare, as events and in lists, attack sequences by each of their actors.

Sources: GuardDuty User Guide, "GuardDuty finding format" and "GuardDuty IAM finding types";
GuardDuty API Reference, Finding, AccessKeyDetails and Actor; CloudTrail User Guide, "userIdentity
element", for ``userType``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.intake.guardduty import is_sample, sequence_actors
from containment.signals.fields import document, event_detail, member, moment, text
from containment.signals.signal import CredentialKind, Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "guardduty"
_SIGN_IN = "ConsoleLogin"


def read(node: Document) -> list[Report] | None:
    """Return the reports of a finding; None where *node* is none, nothing for a sample."""
    finding = event_detail(node, "aws.guardduty") or node
    is_finding = text(finding, "type") and document(finding, "resource")
    if not is_finding or member(finding, "productArn") is not None:
        return None
    details = document(finding, "resource", "accessKeyDetails")
    if is_sample(finding, details):
        return []
    actors = [] if details else sequence_actors(finding)
    return [_actor(finding, actor) for actor in actors] or [_report(finding, details)]


def _report(finding: Document, details: Document) -> Report:
    return _made(
        finding,
        account=text(finding, "accountId"),
        user_type=text(details, "userType"),
        name=text(details, "userName"),
        unique_id=text(details, "principalId"),
        key_id=text(details, "accessKeyId"),
    )


def _actor(finding: Document, user: Document) -> Report:
    return _made(
        finding,
        account=text(user, "account", "uid") or text(finding, "accountId"),
        user_type=text(user, "type"),
        name=text(user, "name"),
        unique_id=text(user, "uid"),
        key_id=text(user, "credentialUid"),
        part=text(user, "credentialUid") or text(user, "name"),
    )


def _made(
    finding: Document,
    *,
    account: str,
    user_type: str,
    name: str,
    unique_id: str,
    key_id: str,
    part: str = "",
) -> Report:
    kind = CredentialKind.UNKNOWN
    principal = ""
    if user_type == "Root":
        kind = CredentialKind.ROOT
    elif user_type in {"IAMUser", "AssumedRole", "Role"} and name:
        partition = text(finding, "partition") or "aws"
        word = "user" if user_type == "IAMUser" else "role"
        principal = f"arn:{partition}:iam::{account}:{word}/{name}"
    if not key_id and kind is CredentialKind.UNKNOWN and _SIGN_IN in text(finding, "type"):
        kind = CredentialKind.PASSWORD
    identity = text(finding, "id") or text(finding, "arn")
    return make_report(
        SOURCE,
        identity=f"{identity} {part}".strip() if identity else "",
        title=f"{text(finding, 'type')}: {text(finding, 'title')}",
        kind=kind,
        account=account,
        key_id=key_id,
        principal=principal or unique_id,
        first_seen=moment(member(finding, "service", "eventFirstSeen")),
    )
