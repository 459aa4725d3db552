"""Policy documents compared by what they say: AWS rewrites them, so bytes prove nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from containment.facets.marks import Mark, parse_sid

if TYPE_CHECKING:
    from collections.abc import Callable

    Shape = Callable[["Statement"], bool]

Document = dict[str, Any]
Statement = dict[str, Any]

_ACCOUNT = re.compile(r"[0-9]{12}")


def parse(text: str) -> Document | None:
    """Return the policy document in *text*, or None if it is none (AWS stores only valid ones)."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):  # a state may hold whatever somebody wrote into it
        return None
    return cast("Document", document) if isinstance(document, dict) else None


def statements(document: Document) -> list[Statement]:
    """Return the statements; IAM's grammar lets a single one stand without its list."""
    listed = _listed(document.get("Statement", []))
    return [item for item in listed if isinstance(item, dict)]


def mark_of(statement: Statement, shape: Shape) -> Mark | None:
    """Return the mark that *statement* carries, where it also has the *shape* of one of ours."""
    return parse_sid(statement.get("Sid")) if shape(statement) else None


def marks(text: str | None, shape: Shape) -> list[Mark]:
    """Return the marks of the statements of *shape* that a policy holds, in order."""
    document = parse(text) if text else None
    if document is None:
        return []
    candidates = (mark_of(statement, shape) for statement in statements(document))
    return [item for item in candidates if item is not None]


def without(document: Document, is_ours: Callable[[Mark], bool], shape: Shape) -> Document:
    """Return *document* without the statements of *shape* whose mark *is_ours* accepts."""

    def keep(statement: Statement) -> bool:
        mark = mark_of(statement, shape)
        return mark is None or not is_ours(mark)

    return {**document, "Statement": [item for item in statements(document) if keep(item)]}


def compact(document: Document) -> str:
    """Return *document* as JSON text without white space."""
    return json.dumps(document, separators=(",", ":"))


def equal(first: str | Document, second: str | Document) -> bool:
    """Tell whether two policies say the same."""
    return canonical(first) == canonical(second)


def holds(policy: str, statement_document: Document) -> bool:
    """Tell whether *policy* holds every statement of *statement_document*, among others."""
    document = parse(policy)
    if document is None:
        return False
    have = {canonical({"Statement": [item]}) for item in statements(document)}
    return all(canonical({"Statement": [item]}) in have for item in statements(statement_document))


def unsigned(statement: Statement) -> str:
    """Return what *statement* says whatever its Sid, to compare."""
    return canonical({"Statement": [{k: v for k, v in statement.items() if k != "Sid"}]})


def canonical(policy: str | Document) -> str:
    """Return *policy* in a form in which policies that say the same are the same text.

    What may differ without a difference in meaning ("IAM JSON policy elements reference"): one
    value or a list of one, the order of lists and of statements, an account id or its root ARN as
    principal, true or "true" as condition value, a missing Version or the default one. The case
    of action names does not matter to IAM either.
    """
    document = parse(policy) if isinstance(policy, str) else policy
    if document is None:
        return str(policy)
    listed = sorted(json.dumps(_statement(item), sort_keys=True) for item in statements(document))
    rest = {key: value for key, value in document.items() if key not in {"Statement", "Version"}}
    version = document.get("Version", "2008-10-17")
    return json.dumps([version, rest, listed], sort_keys=True)


def _statement(statement: Statement) -> Statement:
    plain: Statement = {}
    for key, value in statement.items():
        if key in {"Action", "NotAction"}:
            plain[key] = sorted(str(item).lower() for item in _listed(value))
        elif key in {"Resource", "NotResource"}:
            plain[key] = sorted(str(item) for item in _listed(value))
        elif key in {"Principal", "NotPrincipal"}:
            plain[key] = _principal(value)
        elif key == "Condition":
            plain[key] = _condition(value)
        else:
            plain[key] = value
    return plain


def _principal(value: object) -> object:
    if not isinstance(value, dict):
        return {"AWS": ["*"]} if value == "*" else value
    kinds = cast("dict[str, Any]", value)
    return {
        kind: sorted(
            _account_root(str(item)) if kind == "AWS" else str(item) for item in _listed(named)
        )
        for kind, named in kinds.items()
    }


def _account_root(principal: str) -> str:
    return f"arn:aws:iam::{principal}:root" if _ACCOUNT.fullmatch(principal) else principal


def _condition(value: object) -> object:
    if not isinstance(value, dict):
        return value
    blocks = cast("dict[str, Any]", value)
    return {
        operator.lower(): {
            key.lower(): sorted(_scalar(item) for item in _listed(needed))
            for key, needed in cast("dict[str, Any]", keys).items()
        }
        if isinstance(keys, dict)
        else keys
        for operator, keys in blocks.items()
    }


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
