"""Tell a statement that this project writes by what it says, and not by its Sid alone.

Whoever may write a policy may copy a Sid into an honest statement. What counts as containing, and
what leaves a trust policy unasked, is a Deny of exactly the form that the templates in
``policies/templates`` have had in every release. In the incident's own inline policy any Deny with
its Sid goes: there somebody may have edited ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from containment.clock import moment_of

# Operator and condition key by which each kind of session is picked ("AWS global condition context
# keys" and "Condition keys for Amazon EC2"; for the sign-in session AWS Sign-In API Reference,
# RevokeOAuth2TokenWithIAM).
SESSION_CONDITIONS = {
    "name": ("StringEquals", "aws:userid"),
    "sourceIdentity": ("StringEquals", "aws:SourceIdentity"),
    "sourceIp": ("IpAddress", "aws:SourceIp"),
    "sourceInstance": ("ArnEquals", "ec2:SourceInstanceARN"),
    "signInSession": ("StringEquals", "aws:SignInSessionArn"),
}
# A service that calls on a principal's behalf has an address of its own, which may be in the
# network of an attacker in AWS: such a call is nobody's session of that address. Source: "AWS
# global condition context keys", aws:SourceIp and aws:ViaAWSService. Denies of earlier releases
# have no such block.
_BY_ITSELF = {"BoolIfExists": {"aws:ViaAWSService": "false"}}
_ASSUMING = ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]
_ISSUED, _NOW = "aws:TokenIssueTime", "aws:CurrentTime"
_COMMON = frozenset({"Sid", "Effect", "Action", "Condition"})


def is_deny(statement: Mapping[str, Any]) -> bool:
    """Return True where *statement* denies anything."""
    return statement.get("Effect") == "Deny"


def is_trust_deny(statement: Mapping[str, Any]) -> bool:
    """Return True where *statement* closes a trust policy to all, or to all but some ARNs."""
    if not is_deny(statement) or not set(statement) <= {*_COMMON, "Principal"}:
        return False
    principal = statement.get("Principal")
    # AWS stores "*" in either form ("AWS JSON policy elements: Principal").
    if principal not in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
        return False
    if sorted(map(str, _values(statement.get("Action")))) != _ASSUMING:
        return False
    condition = statement.get("Condition")
    if condition is None:
        return True
    exempt = _only(_only(condition, "StringNotEquals"), "aws:PrincipalArn")
    return bool(_values(exempt)) and all(isinstance(arn, str) for arn in _values(exempt))


def is_policy_deny(statement: Mapping[str, Any]) -> bool:
    """Return True where *statement* denies all, tokens by their age, or picked sessions."""
    if not is_deny(statement) or not set(statement) <= {*_COMMON, "Resource"}:
        return False
    if _values(statement.get("Action")) != ["*"] or _values(statement.get("Resource")) != ["*"]:
        return False
    condition = statement.get("Condition")
    if condition is None:
        return True
    if not isinstance(condition, Mapping):
        return False
    blocks = dict(cast("Mapping[str, Any]", condition))
    dates = blocks.pop("DateLessThan", None)
    if dates is not None and not _are_dates(dates, fence_only=bool(blocks)):
        return False
    return not blocks or _picks_sessions(blocks)


def _are_dates(dates: object, *, fence_only: bool) -> bool:
    """Return True for the block of a revocation or of a fence; sessions have the latter alone."""
    if not isinstance(dates, Mapping):
        return False
    moments = cast("Mapping[str, Any]", dates)
    forms = [{_ISSUED, _NOW}] if fence_only else [{_ISSUED}, {_ISSUED, _NOW}]
    return set(moments) in forms and all(
        isinstance(value, str) and moment_of(value) is not None for value in moments.values()
    )


def _picks_sessions(blocks: Mapping[str, Any]) -> bool:
    by_address = SESSION_CONDITIONS["sourceIp"]
    by_itself = {name: block for name, block in blocks.items() if name in _BY_ITSELF}
    for operator, key in SESSION_CONDITIONS.values():
        if by_itself == _BY_ITSELF and (operator, key) == by_address:
            blocks = {name: block for name, block in blocks.items() if name not in _BY_ITSELF}
        values = _values(_only(blocks, operator) and _only(_only(blocks, operator), key))
        if values and all(isinstance(value, str) for value in values):
            return True
    return False


def _only(block: object, name: str) -> Any:
    """Return the value of *name* in *block*, or None where anything else is in it."""
    if not isinstance(block, Mapping):
        return None
    named = cast("Mapping[str, Any]", block)
    return named.get(name) if set(named) == {name} else None


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
