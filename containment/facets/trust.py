"""A role's trust policy: one Deny statement of ours in it, the rest untouched.

New document = live plus or minus ours, never one from memory: whoever can write the state could
otherwise make us write any trust policy. AWS rewrites principals when it stores a trust policy,
and refuses one that names a principal which is gone ("AWS JSON policy elements: Principal").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.facets import documents
from containment.facets.shapes import is_trust_deny
from policies import literal, render, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.facets.marks import Mark

_CURRENT_VERSION = "2012-10-17"
ROOM = 2_048


def statement(own: Mark, break_glass: Sequence[str], trust_policy: str) -> documents.Statement:
    """Return the statement that closes *trust_policy* to everyone but *break_glass*."""
    version = (documents.parse(trust_policy) or {}).get("Version")
    # Policy variables, and so their escapes, exist since version 2012-10-17 only.
    exempt = [
        str(literal(arn)) if version == _CURRENT_VERSION else arn for arn in sorted(break_glass)
    ]
    return render("closed-trust", sid=own.sid, break_glass=exempt)


def newest(trust_policy: str, incident: str, only: str | None = None) -> Mark | None:
    """Return the newest mark of *incident* in *trust_policy*; with *only*, of that snapshot."""
    marks = documents.marks(trust_policy, is_trust_deny)
    own_marks = [mark for mark in marks if _is_ours(mark, incident, only)]
    return max(own_marks, key=lambda mark: mark.generation, default=None)


def is_closed(trust_policy: str, incident: str, break_glass: Sequence[str]) -> bool:
    """Tell whether a statement of *incident* closes *trust_policy* to all but *break_glass*."""
    own = newest(trust_policy, incident)
    if own is None:
        return False
    own_statement = statement(own, break_glass, trust_policy)
    return documents.holds(trust_policy, {"Statement": [own_statement]})


def closed(trust_policy: str, incident: str, own_statement: documents.Statement) -> str:
    """Return *trust_policy* with *own_statement* as its only statement of *incident*."""
    rest = without_ours(trust_policy, incident, None)
    return text({**rest, "Statement": [*rest["Statement"], own_statement]})


def overflow(document: str) -> int:
    """Return by how many characters *document* is longer than a trust policy may be by default.

    White space is not counted ("IAM and AWS STS quotas", role trust policy length); an account may
    have been given up to 4,096.
    """
    return max(len("".join(document.split())) - ROOM, 0)


def reopened(trust_policy: str, incident: str, prior: str, only: str | None = None) -> str:
    """Return *trust_policy* without the statements of *incident*.

    The bytes of *prior* are used only where it says exactly the same.
    """
    rest = without_ours(trust_policy, incident, only)
    return prior if documents.equal(rest, prior) else text(rest)


def _is_ours(mark: Mark, incident: str, only: str | None) -> bool:
    return mark.is_of(incident) and only in {None, mark.snapshot_id}


def without_ours(trust_policy: str, incident: str, only: str | None) -> documents.Document:
    """Return *trust_policy* less the statements of *incident*; with *only*, of that snapshot."""
    document = documents.parse(trust_policy) or {}
    return documents.without(document, lambda mark: _is_ours(mark, incident, only), is_trust_deny)
