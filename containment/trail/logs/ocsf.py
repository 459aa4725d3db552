"""CloudTrail records in the Open Cybersecurity Schema Framework (OCSF) of Amazon Security Lake.

Sources: Amazon Security Lake User Guide, "Open Cybersecurity Schema Framework (OCSF)"; OCSF's
published mappings of CloudTrail for versions 1.0.0-rc.2 and 1.1.0, in which ``actor.user.uid`` is
the principal id and the ARN respectively: an ARN is known by its form.
"""

from __future__ import annotations

from typing import Any

from containment.trail.logs.columns import parsed, record_of

OPERATION = "api.operation"
_IDENTITY = "userIdentity."
_FIELDS = {
    "api.operation": "eventName",
    "api.service.name": "eventSource",
    "api.version": "apiVersion",
    "api.request.uid": "requestID",
    "api.request.data": "requestParameters",
    "api.response.data": "responseElements",
    "api.response.error": "errorCode",
    "api.response.message": "errorMessage",
    "metadata.uid": "eventID",
    "metadata.product.version": "eventVersion",
    "cloud.region": "awsRegion",
    "src_endpoint.ip": "sourceIPAddress",
    "src_endpoint.domain": "sourceIPAddress",
    "http_request.user_agent": "userAgent",
    "actor.invoked_by": _IDENTITY + "invokedBy",
    "actor.user.type": _IDENTITY + "type",
    "actor.user.name": _IDENTITY + "userName",
    "actor.user.account.uid": _IDENTITY + "accountId",
    "actor.user.account_uid": _IDENTITY + "accountId",
    "actor.user.credential_uid": _IDENTITY + "accessKeyId",
    "actor.session.created_time": _IDENTITY + "sessionContext.attributes.creationDate",
    "actor.session.created_time_dt": _IDENTITY + "sessionContext.attributes.creationDate",
    "actor.session.is_mfa": _IDENTITY + "sessionContext.attributes.mfaAuthenticated",
    "actor.session.mfa": _IDENTITY + "sessionContext.attributes.mfaAuthenticated",
    "actor.session.issuer": _IDENTITY + "sessionContext.sessionIssuer.arn",
}
_NAMES = ("actor.user.uid", "actor.user.uuid", "actor.user.uid_alt")


def is_ocsf(item: dict[str, Any]) -> bool:
    """Tell whether *item* is an OCSF event about a call of AWS's API, nested or in columns."""
    return ("class_uid" in item and isinstance(item.get("api"), dict)) or OPERATION in item


def record_of_ocsf(item: dict[str, Any]) -> dict[str, Any] | None:
    """Return the CloudTrail record that *item* was made of; None if it names no call."""
    row: dict[str, Any] = {"eventTime": item.get("time") or item.get("time_dt")}
    for path, column in _FIELDS.items():
        value = _value_at(item, path)
        if value is not None and row.get(column) is None:
            row[column] = value
    for path in _NAMES:
        value = _value_at(item, path)
        if isinstance(value, str) and value:
            is_arn = value.startswith("arn:")
            row.setdefault(_IDENTITY + ("arn" if is_arn else "principalId"), value)
    mfa = _IDENTITY + "sessionContext.attributes.mfaAuthenticated"
    if isinstance(row.get(mfa), bool):
        row[mfa] = "true" if row[mfa] else "false"
    unmapped = item.get("unmapped")
    unmapped = parsed(unmapped) if isinstance(unmapped, str) else unmapped
    if isinstance(unmapped, dict):
        row |= {str(name): value for name, value in unmapped.items() if name not in row}
    account = _value_at(item, "cloud.account.uid") or _value_at(item, "cloud.account_uid")
    if account is not None:
        row.setdefault("recipientAccountId", account)
    return record_of(row)


def _value_at(tree: Any, path: str) -> Any:
    if isinstance(tree, dict) and path in tree:
        return tree[path]
    for name in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree
