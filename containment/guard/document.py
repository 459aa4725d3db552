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
    from containment.facets.marks import Mark

Mode = Literal["freeze", "quarantine"]

# Organizations User Guide, "Quotas and service limits": 10,240 characters since May 2026. White
# space counts there, and there is none.
LONGEST = 10_240


@dataclass(frozen=True, slots=True)
class Terms:
    """What a guard says.

    Attributes:
        mode: ``freeze`` denies identity changes, ``quarantine`` everything, to all but the exempt.
        exempt: the ARNs of those whom it leaves alone.
        entering: the ARNs of those who may take up an exempt role besides the exempt.
        denied: unique ids of whom everything is denied.
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


def mark_of(content: str) -> Mark | None:
    """Return the mark that a control policy carries, or None where it is no guard of ours."""
    own_marks = [marks.parse_sid(statement.get("Sid")) for statement in _statements(content)]
    return next((mark for mark in own_marks if mark is not None), None)


def digest(content: str) -> str:
    """Return what tells two guards apart that do not say the same, whatever mark each carries."""
    content_rows = [{k: v for k, v in one.items() if k != "Sid"} for one in _statements(content)]
    return sha256(json.dumps(content_rows, sort_keys=True).encode()).hexdigest()


def exempt_of(content: str) -> tuple[str, ...]:
    """Return the ARNs of those whom a guard of ours leaves alone."""
    for statement in _statements(content):
        condition = statement.get("Condition")
        block = condition.get("StringNotEquals") if isinstance(condition, dict) else None
        if marks.parse_sid(statement.get("Sid")) is not None and isinstance(block, dict):
            named = block.get("aws:PrincipalArn", [])
            listed = named if isinstance(named, list) else [named]
            return tuple(str(arn).replace("${$}", "$") for arn in listed)
    return ()


def _userid(unique_id: str) -> str:
    return f"{unique_id}:*" if unique_id.startswith("AROA") else unique_id


def _statements(content: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(content)["Statement"]
    except (ValueError, KeyError, TypeError):
        return []
    listed = statements if isinstance(statements, list) else [statements]
    return [statement for statement in listed if isinstance(statement, dict)]
