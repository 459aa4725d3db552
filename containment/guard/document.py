"""The text of a guard, from whom it spares and whom it denies; and back from a live one.

Exempt are principals by ``aws:PrincipalArn``, which for a session is its role's ARN with the path.
Whoever else may take up an exempt role, or hand it to a service, would be exempt as well: so that
is denied too, but to the exempt themselves and to those whom the role's own trust policy names.
The incident's principals are matched by ``aws:userid``, for a name can be given to somebody else.

Sources: IAM User Guide, "AWS global condition context keys" and "Principal information available
in request context" (``aws:userid`` is a user's unique id, and ``role-id:session-name`` for a
session); Organizations User Guide, "SCP syntax" and "Quotas and service limits".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from containment.errors import NotContainedError
from containment.facets import marks
from policies import Document, render, text
from policies.identity_changes import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.facets.marks import Mark

Mode = Literal["freeze", "quarantine"]

# Organizations User Guide, "Quotas and service limits": 10,240 characters since May 2026. White
# space counts there, and there is none.
LONGEST = 10_240
# The number of the statement that says who may take up an exempt role.
_ENTRY = "2"
# That of the statement that denies everything to some.
_DENIED = "3"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a guard says.

    Attributes:
        mode: ``freeze`` denies identity changes, ``quarantine`` everything, to all but the exempt.
        exempt: the ARNs of those whom it leaves alone.
        entering: the ARNs of those who may take up an exempt role besides the exempt.
        denied: unique ids of whom everything is denied, and ``account:name`` of federated ones.
        revoked: unique ids of roles whose tokens issued before *issued_before* are denied.
        issued_before: that moment; empty where nobody is revoked.
    """

    mode: Mode
    exempt: tuple[str, ...]
    entering: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    issued_before: str = ""


def document(terms: Terms, mark: Mark) -> Document:
    """Return the control policy that carries *mark* and says *terms*.

    Raises:
        NotContainedError: it is longer than Organizations takes.
    """
    written = render(
        "guard",
        sid=mark.sid,
        mode=terms.mode,
        changes=table().patterns() if terms.mode == "freeze" else [],
        exempt=sorted(terms.exempt),
        exempt_roles=sorted(arn for arn in terms.exempt if ":role/" in arn),
        entering=sorted({*terms.exempt, *terms.entering}),
        denied=[_userid(one) for one in sorted(terms.denied)],
        revoked=[_userid(one) for one in sorted(terms.revoked)],
        issued_before=terms.issued_before,
    )
    size = len(text(written))
    if size > LONGEST:
        raise NotContainedError(
            f"a guard that says all of this has {size} characters, and a service control policy no"
            f" more than {LONGEST}",
            remedy="write 'guard: {mode: quarantine}', which names nobody but the exempt; or name"
            " fewer exempt principals in containment.yaml",
        )
    return written


def marks_in(content: str) -> tuple[Mark, ...]:
    """Return the marks that a control policy carries, one an incident; none if it is not ours."""
    by_incident: dict[str, Mark] = {}
    for statement in _statements(content):
        if mark := marks.parse_sid(statement.get("Sid")):
            by_incident.setdefault(mark.incident_hash, mark)
    return tuple(by_incident.values())


def digest(content: str, incident_hash: str) -> str:
    """Return what tells two guards of an incident apart that do not say the same.

    The mark that each carries is none of it, nor what a policy says of other incidents.
    """
    own = _parts(content).get(incident_hash, [])
    content_rows = [{k: v for k, v in one.items() if k != "Sid"} for one in own]
    return sha256(json.dumps(content_rows, sort_keys=True).encode()).hexdigest()


def denied_in(content: str, incident_hash: str) -> frozenset[str]:
    """Return for which ``aws:userid`` an incident's guard in a policy denies everything."""
    conditions: list[Any] = [
        statement.get("Condition")
        for statement in _parts(content).get(incident_hash, [])
        if _number(statement) == _DENIED
    ]
    blocks = [one.get("StringLike") for one in conditions if isinstance(one, dict)]
    named = [one.get("aws:userid", []) for one in blocks if isinstance(one, dict)]
    return frozenset(
        str(value) for one in named for value in (one if isinstance(one, list) else [one])
    )


def mode_of(content: str, incident_hash: str) -> Mode | None:
    """Return the mode of an incident's guard in a policy, None where there is none of it."""
    own = _parts(content).get(incident_hash)
    if not own:
        return None
    return "freeze" if any(_is_freeze(one) for one in own) else "quarantine"


def beside(guard: Document, content: str, *, keep_unmarked: bool) -> str:
    """Return the text of a policy that says *guard*, and what *content* says of other incidents.

    Args:
        guard: what is said of one incident, in the place of what *content* said of it.
        content: the policy as it is.
        keep_unmarked: whether statements that carry no mark of ours stay as well.

    Raises:
        NotContainedError: it is longer than Organizations takes.
    """
    parts = _parts(content)
    if not keep_unmarked:
        parts.pop("", None)
    for statement in guard["Statement"]:
        parts.pop(_incident_hash(statement), None)
    written = _together({**parts, "new": guard["Statement"]})
    if len(written) > LONGEST:
        raise NotContainedError(
            f"with what it says of other incidents the guard has {len(written)} characters, and a"
            f" service control policy no more than {LONGEST}",
            remedy="detach a policy of your own from the account, so that the guard has one to"
            " itself; or write 'guard: {mode: quarantine}', which is shorter",
        )
    return written


def without(content: str, incident_hash: str) -> str | None:
    """Return the text of a policy without what it says of one incident.

    None where it says nothing of another one: then nothing of it is needed any more.
    """
    parts = _parts(content)
    parts.pop(incident_hash, None)
    return _together(parts) if parts.keys() - {""} else None


def exempt_of(content: str, but: str = "", *, only: str = "") -> tuple[str, ...]:
    """Return the ARNs of those whom the guards in *content* leave alone.

    That of the incident whose hash is *but* is passed over; only that of *only*, if that is given.
    """
    arns: dict[str, None] = {}
    for incident_hash, statements in _parts(content).items():
        if incident_hash not in {"", but} and only in {"", incident_hash}:
            first = next(filter(None, map(_spared, statements)), [])
            arns.update(dict.fromkeys(arn.replace("${$}", "$") for arn in first))
    return tuple(arns)


def _parts(content: str) -> dict[str, list[dict[str, Any]]]:
    """Return what a policy says, by the incident's hash; under "" what carries no mark of ours.

    Guards of mode ``freeze`` share the one long statement (:func:`_together`): here each has it,
    with the exempt of its own.
    """
    parts: dict[str, list[dict[str, Any]]] = {}
    shared: dict[str, Any] | None = None
    for statement in _statements(content):
        parts.setdefault(_incident_hash(statement), []).append(statement)
        if shared is None and _is_freeze(statement):
            shared = statement
    for incident_hash, statements in parts.items():
        if not incident_hash:
            continue
        mark = marks.parse_sid(statements[0]["Sid"])
        entry = next((one for one in statements if _number(one) == _ENTRY), None)
        if mark is None or entry is None:
            continue
        if shared is not None and all(_number(one) for one in statements):
            statements.insert(0, {**shared, "Sid": mark.sid})
        if _is_freeze(statements[0]):
            own = [arn for arn in _spared(statements[0]) if arn in _spared(entry)]
            statements[0] = _sparing(statements[0], own)
    return parts


def _together(parts: Mapping[str, Sequence[dict[str, Any]]]) -> str:
    """Return the text of a policy that says all of *parts*.

    The patterns of ``freeze`` take most of its length, so guards that deny the same by them have
    one statement for it, which spares the exempt of all: so each of them would by itself, for a
    guard exempts whom other guards of ours exempt.
    """
    statements: list[dict[str, Any]] = []
    shared: dict[str, int] = {}
    for statement in (one for part in parts.values() for one in part):
        action = json.dumps(statement.get("Action"))
        if _is_freeze(statement) and action in shared:
            first = shared[action]
            spared = {*_spared(statements[first]), *_spared(statement)}
            statements[first] = _sparing(statements[first], sorted(spared))
            continue
        if _is_freeze(statement):
            shared[action] = len(statements)
        statements.append(statement)
    return text({"Version": "2012-10-17", "Statement": statements})


def _is_freeze(statement: Mapping[str, Any]) -> bool:
    """Tell whether it is the statement of ``freeze`` that denies changes of identities."""
    return _incident_hash(statement) != "" and _number(statement) == "" and "Action" in statement


def _number(statement: Mapping[str, Any]) -> str:
    """Return what follows the mark in a statement's Sid."""
    mark = marks.parse_sid(statement.get("Sid"))
    return str(statement["Sid"]).removeprefix(mark.sid) if mark else ""


def _spared(statement: Mapping[str, Any]) -> list[str]:
    """Return the ARNs, as they are written, that *statement* does not reach."""
    condition = statement.get("Condition")
    block = condition.get("StringNotEquals") if isinstance(condition, dict) else None
    named = block.get("aws:PrincipalArn", []) if isinstance(block, dict) else []
    return [str(arn) for arn in named] if isinstance(named, list) else [str(named)]


def _sparing(statement: Mapping[str, Any], arns: Sequence[str]) -> dict[str, Any]:
    condition = {"StringNotEquals": {"aws:PrincipalArn": list(arns)}}
    return {**statement, "Condition": condition}


def _incident_hash(statement: Mapping[str, Any]) -> str:
    """Return the hash of the incident that *statement* is marked with, empty for none."""
    mark = marks.parse_sid(statement.get("Sid"))
    return mark.incident_hash if mark else ""


def _userid(unique_id: str) -> str:
    return f"{unique_id}:*" if unique_id.startswith("AROA") else unique_id


def _statements(content: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(content)["Statement"]
    except (ValueError, KeyError, TypeError):
        return []
    listed = statements if isinstance(statements, list) else [statements]
    return [statement for statement in listed if isinstance(statement, dict)]
