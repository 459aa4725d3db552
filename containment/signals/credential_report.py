"""Read IAM's credential report: root with keys, and people who sign in without MFA.

It names no access key ids and no leak: what it shows are settings that make one likely. Source: IAM
User Guide, "Generate credential reports for your AWS account" (columns).
"""

from __future__ import annotations

import base64
import binascii
import csv
from typing import TYPE_CHECKING, Any

from containment.signals.fields import moment, text
from containment.signals.signal import CredentialKind, Report, make_report

if TYPE_CHECKING:
    from containment.signals.fields import Document

SOURCE = "credential-report"
_HEADER = "user,arn,user_creation_time,"
_ROOT = "<root_account>"
_TRUE = "true"


def read(node: Document) -> list[Report] | None:
    """Return the reports of GetCredentialReport's answer; None where *node* is none."""
    if text(node, "ReportFormat") != "text/csv":
        return None
    try:
        content = base64.b64decode(text(node, "Content"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return of_table(content)


def of_table(content: str) -> list[Report] | None:
    """Return the reports of the table itself; None where *content* is another one."""
    if not content.startswith(_HEADER):
        return None
    try:
        rows = list(csv.DictReader(content.splitlines()))
    except csv.Error:
        return None
    return [report for row in rows if (report := _report(row)) is not None]


def _report(row: dict[Any, Any]) -> Report | None:
    # A row that is too long has a list under no name, one that is too short has None.
    cells = {str(name): value for name, value in row.items() if isinstance(value, str)}
    name, arn = cells.get("user", ""), cells.get("arn", "")
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""  # noqa: PLR2004 -- parts of an ARN
    if name == _ROOT:
        keys = [cells.get(f"access_key_{number}_active") for number in (1, 2)]
        if _TRUE not in keys:
            return None
        title, kind = "the root user has an active access key", CredentialKind.ROOT
    elif cells.get("password_enabled") == _TRUE and cells.get("mfa_active") == "false":
        title, kind = f"user {name} signs in without MFA", CredentialKind.PASSWORD
    else:
        return None
    return make_report(
        SOURCE,
        identity=f"{arn} {kind}",
        title=title,
        kind=kind,
        account=account,
        principal=arn,
        resource=arn,
        first_seen=moment(cells.get("user_creation_time")),
    )
