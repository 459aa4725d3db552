"""The judges' known readings, one for each entry of `disagreements.md`, and what each is asked."""

from __future__ import annotations

from typing import Any

from tests.judges.case import Case, Verdict, compiled, lab_says
from tests.judges.readings import (
    VARIABLE,
    Reading,
    Statement,
    each_condition,
    each_statement,
    has_value,
    texts,
    variables_in_every_version,
)


def _nothing_excepted(case: Case, _layer: str, one: Statement) -> Statement | None:
    lost = any(not has_value(case, text) for text in texts(one.get("NotResource", [])))
    return None if lost else one


def _nothing_unlike_nothing(case: Case, _layer: str, one: Statement) -> Statement | None:
    present = {key.lower() for key in case.context}
    lost = any(
        "Not" in operator and key.lower() in present and not has_value(case, str(value))
        for operator, keys in one.get("Condition", {}).items()
        for key, value in keys.items()
    )
    return None if lost else one


def _only_addresses_of_its_family(case: Case, _layer: str, one: Statement) -> Statement | None:
    values = {key.lower(): str(value) for key, value in case.context.items()}
    lost = any(
        "NotIpAddress" in operator
        and key.lower() in values
        and "/" not in text
        and (":" in text) != (":" in values[key.lower()])
        for operator, keys in one.get("Condition", {}).items()
        for key, value in keys.items()
        for text in texts(value)
    )
    return None if lost else one


def _session_limits_every_grant(case: Case) -> Verdict:
    verdict = lab_says(case)
    request, layers = compiled(case)
    if layers.session is None or verdict != "allow":
        return verdict
    allowed = any(
        statement.applies(request.action, request.resource, request.context)
        for policy in layers.session
        for statement in policy.allows
    )
    return verdict if allowed else "implicit deny"


IAM_SIMULATE = (
    Reading("a variable without a value in NotResource", each_statement(_nothing_excepted)),
    Reading(
        "a variable without a value in a negated condition",
        each_statement(_nothing_unlike_nothing),
    ),
    Reading("a single address of the other family", each_statement(_only_addresses_of_its_family)),
    Reading("variables in the older version", variables_in_every_version),
    Reading(
        "a session policy and a grant to the session itself", decide=_session_limits_every_grant
    ),
)


def _not_like(operator: str, _key: str, _value: Any, present: bool) -> str | None:
    lost = operator.endswith("StringNotLike") and ":" not in operator and not present
    return None if lost else operator


def _if_exists(operator: str, _key: str, _value: Any, present: bool) -> str | None:
    if not operator.endswith("IfExists") or not present or ":" in operator:
        return operator
    if operator.startswith(("Numeric", "Date")):
        return None
    return "notipaddress" if operator == "IpAddressIfExists" else operator


def _of_sets(operator: str, _key: str, _value: Any, present: bool) -> str | None:
    quantifier, colon, name = operator.partition(":")
    if not colon or not present:
        return operator
    if name.startswith(("Numeric", "Date")):
        return None
    if name.startswith("IpAddress"):
        return "notipaddress"
    if quantifier == "ForAnyValue" and name.startswith("StringNot"):
        return f"forallvalues:{name.lower()}"
    return operator


def _booleans(operator: str, _key: str, value: Any, present: bool) -> str | None:
    return None if present and any(isinstance(one, bool) for one in texts(value)) else operator


def _as_text(value: Any) -> Any:
    """Return *value* with its variables turned into plain text."""
    changed = [
        VARIABLE.sub(lambda match: "${$}" + match[0][1:], one) if isinstance(one, str) else one
        for one in texts(value)
    ]
    return changed if isinstance(value, list) else changed[0]


def _no_variables_in_conditions(_case: Case, _layer: str, one: Statement) -> Statement:
    block = {
        operator: {key: _as_text(value) for key, value in keys.items()}
        for operator, keys in one.get("Condition", {}).items()
    }
    return {**one, "Condition": block} if block else one


def _no_defaults(_case: Case, _layer: str, one: Statement) -> Statement:
    changed = dict(one)
    for element in ("Resource", "NotResource"):
        if ", '" in str(one.get(element, "")):
            elements = [_as_text(text) if ", '" in text else text for text in texts(one[element])]
            changed[element] = elements
    return changed


def _everyone_of_the_account(case: Case, _layer: str, one: Statement) -> Statement:
    principal = one.get("Principal")
    if not isinstance(principal, dict) or "*" not in texts(principal.get("AWS", [])):
        return one
    root = f"arn:aws:iam::{case.account}:root"
    names = [root if name == "*" else name for name in texts(principal["AWS"])]
    return {**one, "Principal": {"AWS": names}}


def _spared_in_spite_of_a_boundary(case: Case, _layer: str, one: Statement) -> Statement | None:
    named = texts(one.get("NotPrincipal", {}).get("AWS", []))
    return None if case.boundary and case.arn in named else one


PRINCIPALMAPPER = (
    Reading("StringNotLike without its key", each_condition(_not_like)),
    Reading("IfExists of numbers, dates and addresses", each_condition(_if_exists)),
    Reading("set operators that it does not know", each_condition(_of_sets)),
    Reading("true and false that are no strings", each_condition(_booleans)),
    Reading("variables in conditions", each_statement(_no_variables_in_conditions)),
    Reading("defaults of variables", each_statement(_no_defaults)),
    Reading("variables in the older version", variables_in_every_version),
    Reading("everybody in a list of principals", each_statement(_everyone_of_the_account)),
    Reading("NotPrincipal and boundaries", each_statement(_spared_in_spite_of_a_boundary)),
)


def for_iam_simulate(case: Case) -> Case | None:
    """Return what iam-simulate is asked: everything."""
    return case


def for_principalmapper(case: Case) -> Case | None:
    """Return what principalmapper can be asked; None for a caller that it does not model.

    It knows users and roles, no sessions as principals, and no resource control policies.
    """
    if case.kind == "federated" or (case.kind == "role" and case.resource is not None):
        return None
    return case.without("resource_control")
