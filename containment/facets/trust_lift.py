"""What a lift does with a role's trust policy: our statement leaves, whatever else is in it stays.

A statement that says what ours says under another Sid, or something else under ours, cannot be told
from ours; and only by decision, and where the ledger holds the same document as the state, what was
there before is written instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.consistency import eventually
from containment.aws.faults import code
from containment.aws.recording import TRUST
from containment.errors import LIFT, ConflictError, NotContainedError, lift_of
from containment.facets import documents, trust
from containment.facets.facet import Present, Returns, undecided
from containment.facets.marks import mark, parse_sid
from containment.facets.shapes import is_trust_deny
from containment.facets.write import Write
from policies import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import FacetName
    from containment.facets.facet import Changes, Terms

NAME: str = "trust"
WORD: FacetName = "trust"
TURN: int = 2
IN_FORCE: str = "a closed trust policy"


@dataclass(frozen=True, slots=True)
class TrustPrior:
    """What a state or a snapshot remembers of a trust policy.

    Attributes:
        document: the trust policy when the snapshot was taken.
        break_glass: to whom our statement left the role open.
    """

    document: str
    break_glass: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TrustChange:
    """The document that is written, and whether it says what was there before."""

    document: str
    as_before: bool


def find(live: LivePrincipal, incident: str) -> Present:
    """Return the newest mark of the incident in the trust policy."""
    return Present(trust.newest(live.trust_policy, incident))


def decide(
    live: LivePrincipal, presence: Present, prior: TrustPrior, terms: Terms
) -> Returns[TrustChange]:
    """Return the document that a lift writes; none where nothing of ours is there.

    A statement of which nobody can tell whose it is, is a conflict.
    """
    try:
        document = _document(live, prior, terms)
    except ConflictError as error:
        return Returns(conflict=error)
    if document is None:
        absent = ("its trust policy holds nothing of ours any more",)
        return Returns(will=absent, stays=absent)
    as_before = documents.equal(document, prior.document)
    same = document == prior.document
    stays = () if same else ("others changed its trust policy; their change stays",)
    will = ("its trust policy comes back byte for byte",) if same else stays
    forced = terms.decisions.get(WORD) == "force-ours"
    says = {"mark": presence.in_force, "state": forced, "ledger": forced, "decision": forced}
    witnesses = frozenset(who for who, so in says.items() if so)
    write = Write(TRUST, live.trust_policy, document, is_document=True)
    return Returns(
        TrustChange(document, as_before),
        will,
        stays=stays,
        writes=(write,),
        widens={TRUST: witnesses},
    )


def give_back(live: LivePrincipal, returns: Returns[TrustChange], terms: Terms) -> list[str]:
    """Write the trust policy without our statement.

    Raises:
        ConflictError: AWS refuses what would be left, because it names a principal that is gone.
        NotContainedError: the change was taken and reading it back does not show it.
    """
    del terms
    change = returns.decided
    if change is None:
        return list(returns.will)
    try:
        live.set_trust_policy(change.document)
    except ClientError as error:
        if code(error) != "MalformedPolicyDocument":
            raise
        raise ConflictError(
            f"AWS refuses the trust policy that {live} had before: it names a principal that is"
            f" gone ({error})",
            remedy=f"remove that principal with 'aws iam update-assume-role-policy --role-name"
            f" {live.principal.name}' (the document before is in the snapshot's output"
            f" trustPolicy), then run '{LIFT}' again",
        ) from error
    if not eventually(lambda: _reads(live, change.document)):
        raise NotContainedError(
            f"the trust policy of {live} was given back and does not read so",
            remedy=f"run '{LIFT}' again",
        )
    if change.as_before:
        return ["the trust policy is as it was"]
    return ["others changed the trust policy meanwhile; theirs stays, our statement is gone"]


def unrecorded(live: LivePrincipal, prior: TrustPrior, changed: Changes) -> TrustPrior | None:
    """Return None: our statement carries a mark wherever it is."""
    del live, prior, changed
    return None


def _document(live: LivePrincipal, prior: TrustPrior, terms: Terms) -> str | None:
    """Return live less ours; None where nothing of ours is there.

    Raises:
        ConflictError: somebody has to decide.
    """
    decision = terms.decisions.get(WORD)
    only = terms.snapshot_id if decision == "keep-theirs" else None
    rest = trust.without_ours(live.trust_policy, terms.incident, only)
    doubtful = [*_twins(rest, live.trust_policy, terms.incident, prior), *_edited(rest, terms)]
    if doubtful and decision is None:
        raise _undecided(live, prior, terms, doubtful)
    if decision == "force-ours":
        return _forced(live, rest, doubtful, prior, terms)
    if trust.newest(live.trust_policy, terms.incident, only) is None:
        return None
    return trust.reopened(live.trust_policy, terms.incident, prior.document, only)


def _reads(live: LivePrincipal, written: str) -> bool:
    now = live.again()
    return now is not None and documents.equal(now.trust_policy, written)


def _twins(
    rest: documents.Document, trust_policy: str, incident: str, prior: TrustPrior
) -> list[documents.Statement]:
    """Return the unmarked statements that say what ours says and were not there before."""
    own = trust.statement(mark(incident, "", 0), prior.break_glass, trust_policy)
    own_content = documents.unsigned(own)
    before = [
        documents.unsigned(item)
        for item in documents.statements(documents.parse(prior.document) or {})
    ]
    return [
        item
        for item in documents.statements(rest)
        if documents.mark_of(item, is_trust_deny) is None
        and documents.unsigned(item) == own_content
        and own_content not in before
    ]


def _edited(rest: documents.Document, terms: Terms) -> list[documents.Statement]:
    """Return the statements that carry the mark of our own write and say something else."""
    marked = ((item, parse_sid(item.get("Sid"))) for item in documents.statements(rest))
    return [
        item
        for item, own in marked
        if own is not None and own.is_of(terms.incident) and own.snapshot_id == terms.snapshot_id
    ]


def _forced(
    live: LivePrincipal,
    rest: documents.Document,
    doubtful: Sequence[documents.Statement],
    prior: TrustPrior,
    terms: Terms,
) -> str:
    kept = [item for item in documents.statements(rest) if item not in doubtful]
    others = [item for item in kept if documents.mark_of(item, is_trust_deny)]
    unmarked = {**rest, "Statement": [item for item in kept if item not in others]}
    recorded = terms.history.before.get(TRUST)
    if not documents.equal(unmarked, prior.document) and (
        recorded is None or not documents.equal(recorded, prior.document)
    ):
        raise ConflictError(
            f"{live}: others changed its trust policy from {prior.document} to"
            f" {documents.compact(unmarked)}, and no ledger holds the first as well as the state",
            remedy=f"'{lift_of(terms.incident)} --keep-theirs"
            f" trust@{live.principal.label}' leaves their version and takes our statement out;"
            " whatever else, write by hand",
        )
    if not others:
        return prior.document
    before = documents.parse(prior.document) or {}
    return text({**before, "Statement": [*documents.statements(before), *others]})


def _undecided(
    live: LivePrincipal, prior: TrustPrior, terms: Terms, doubtful: Sequence[documents.Statement]
) -> ConflictError:
    return undecided(
        live,
        terms.incident,
        WORD,
        f"its trust policy holds {documents.compact({'Statement': list(doubtful)})}, which is what"
        " our statement says under another Sid, or our Sid over something else, so nobody can tell"
        f" whose it is; before, the trust policy was {prior.document}",
        force_ours="takes it out",
        keep_theirs="leaves it as it is",
    )
