"""A role's trust policy: one Deny statement of ours in it, the rest untouched.

New document = live plus or minus ours, never one from memory: whoever can write the state could
otherwise make us write any trust policy. AWS rewrites principals when it stores a trust policy,
and refuses one that names a principal which is gone ("AWS JSON policy elements: Principal").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code
from containment.errors import ConflictError, NotContainedError
from containment.facets import documents
from containment.facets.decisions import way_out
from containment.facets.marks import mark, parse_sid
from containment.facets.shapes import is_trust_deny
from policies import literal, render, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import Word
    from containment.facets.marks import Mark

_CURRENT_VERSION = "2012-10-17"


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
    ours = [mark for mark in marks if _is_ours(mark, incident, only)]
    return max(ours, key=lambda mark: mark.generation, default=None)


def is_closed(trust_policy: str, incident: str, break_glass: Sequence[str]) -> bool:
    """Tell whether a statement of *incident* closes *trust_policy* to all but *break_glass*."""
    own = newest(trust_policy, incident)
    if own is None:
        return False
    ours = statement(own, break_glass, trust_policy)
    return documents.holds(trust_policy, {"Statement": [ours]})


def closed(trust_policy: str, incident: str, ours: documents.Statement) -> str:
    """Return *trust_policy* with *ours* as its only statement of *incident*."""
    rest = _rest(trust_policy, incident, None)
    return text({**rest, "Statement": [*rest["Statement"], ours]})


def reopened(trust_policy: str, incident: str, prior: str, only: str | None = None) -> str:
    """Return *trust_policy* without the statements of *incident*.

    The bytes of *prior* are used only where it says exactly the same.
    """
    rest = _rest(trust_policy, incident, only)
    return prior if documents.equal(rest, prior) else text(rest)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a lift of a trust policy goes on.

    Attributes:
        prior: the document when the snapshot was taken, from the state.
        break_glass: to whom our statement left the role open.
        remembered: the document before containment, from an intact ledger.
        only: the snapshot whose statements alone are ours; None for all of the incident.
        snapshot_id: under which ours was written: under another form it is ours, edited.
        decision: what somebody decided where the two versions cannot be told apart.
    """

    prior: str
    break_glass: Sequence[str] = ()
    remembered: str | None = None
    only: str | None = None
    decision: Word | None = None
    snapshot_id: str | None = None


def wanted(live: LivePrincipal, incident: str, terms: Terms) -> str | None:
    """Return the document that a lift writes, or None where nothing of ours is there.

    It is live less ours. A statement that says what ours says under another Sid, or something else
    under ours, cannot be told from ours; and only by decision, and where the ledger holds the same
    document as the state, what was there before is written instead.

    Raises:
        ConflictError: somebody has to decide.
    """
    trust_policy = live.trust_policy
    rest = _rest(trust_policy, incident, terms.only)
    doubtful = [*_twins(rest, trust_policy, incident, terms), *_edited(rest, incident, terms)]
    if doubtful and terms.decision is None:
        raise _undecided(live, incident, terms, doubtful)
    if terms.decision == "force-ours":
        return _forced(live, incident, rest, doubtful, terms)
    if newest(trust_policy, incident, terms.only) is None:
        return None
    return reopened(trust_policy, incident, terms.prior, terms.only)


def lift(live: LivePrincipal, incident: str, terms: Terms) -> str:
    """Take our statement out of *live*'s trust policy; return what was done, in words.

    Raises:
        ConflictError: as :func:`wanted` does; or AWS refuses what would be left, because it names
            a principal that is gone.
        NotContainedError: the change was taken and reading it back does not show it.
    """
    document = wanted(live, incident, terms)
    if document is None:
        return f"{live}: its trust policy holds nothing of ours any more"
    try:
        live.set_trust_policy(document)
    except ClientError as error:
        if code(error) != "MalformedPolicyDocument":
            raise
        raise ConflictError(
            f"AWS refuses the trust policy that {live} had before: it names a principal that is"
            f" gone ({error})",
            remedy=f"remove that principal with 'aws iam update-assume-role-policy --role-name"
            f" {live.principal.name}' (the document before is in the snapshot's output"
            " trustPolicy), then run 'pulumi destroy' again",
        ) from error
    if not eventually(lambda: _reads(live, document)):
        raise NotContainedError(
            f"the trust policy of {live} was given back and does not read so",
            remedy="run 'pulumi destroy' again",
        )
    if documents.equal(document, terms.prior):
        return f"{live}: the trust policy is as it was"
    return f"{live}: others changed the trust policy meanwhile; theirs stays, our statement is gone"


def _reads(live: LivePrincipal, wanted: str) -> bool:
    now = live.again()
    return now is not None and documents.equal(now.trust_policy, wanted)


def _is_ours(mark: Mark, incident: str, only: str | None) -> bool:
    return mark.is_of(incident) and only in {None, mark.snapshot_id}


def _rest(trust_policy: str, incident: str, only: str | None) -> documents.Document:
    document = documents.parse(trust_policy) or {}
    return documents.without(document, lambda mark: _is_ours(mark, incident, only), is_trust_deny)


def _twins(
    rest: documents.Document, trust_policy: str, incident: str, terms: Terms
) -> list[documents.Statement]:
    """Return the statements of nobody that say what ours says and were not there before."""
    ours = documents.unsigned(statement(mark(incident, "", 0), terms.break_glass, trust_policy))
    before = [
        documents.unsigned(item)
        for item in documents.statements(documents.parse(terms.prior) or {})
    ]
    return [
        item
        for item in documents.statements(rest)
        if documents.mark_of(item, is_trust_deny) is None
        and documents.unsigned(item) == ours
        and ours not in before
    ]


def _edited(rest: documents.Document, incident: str, terms: Terms) -> list[documents.Statement]:
    """Return the statements that carry the mark of our own write and say something else."""
    found = ((item, parse_sid(item.get("Sid"))) for item in documents.statements(rest))
    return [
        item
        for item, mark in found
        if mark is not None and mark.is_of(incident) and mark.snapshot_id == terms.snapshot_id
    ]


def _forced(
    live: LivePrincipal,
    incident: str,
    rest: documents.Document,
    doubtful: Sequence[documents.Statement],
    terms: Terms,
) -> str:
    left = [item for item in documents.statements(rest) if item not in doubtful]
    others = [item for item in left if documents.mark_of(item, is_trust_deny)]
    unmarked = {**rest, "Statement": [item for item in left if item not in others]}
    if not documents.equal(unmarked, terms.prior) and (
        terms.remembered is None or not documents.equal(terms.remembered, terms.prior)
    ):
        raise ConflictError(
            f"{live}: others changed its trust policy from {terms.prior} to"
            f" {documents.compact(unmarked)}, and no ledger holds the first as well as the state",
            remedy=f"'containment lift {incident} --keep-theirs trust@{live.principal.label}'"
            " leaves their version and takes our statement out; whatever else, write by hand",
        )
    if not others:
        return terms.prior
    before = documents.parse(terms.prior) or {}
    return text({**before, "Statement": [*documents.statements(before), *others]})


def _undecided(
    live: LivePrincipal, incident: str, terms: Terms, doubtful: Sequence[documents.Statement]
) -> ConflictError:
    return ConflictError(
        f"{live}: its trust policy holds {documents.compact({'Statement': list(doubtful)})}, which"
        " is what our statement says under another Sid, or our Sid over something else, so nobody"
        f" can tell whose it is; before, the trust policy was {terms.prior}",
        remedy=way_out(
            incident,
            "trust",
            live.principal,
            ours="takes it out",
            theirs="leaves it as it is",
        ),
    )
