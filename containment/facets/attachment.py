"""AWSDenyAll, attached where inline policies have no room; another attachment may make some.

AWSDenyAll is AWS's own managed policy that denies everything. The attachment has no owner, so it
is claimed by a tag. Whoever may tag the principal can write a claim, so it alone attaches and
detaches nothing. Quotas: "IAM and AWS STS quotas".

The claim is the tag ``containment:<incident>/AWSDenyAll`` in the form of
:mod:`containment.facets.claims`; its words are

- ``AWSDenyAll=detached``, ``attached`` or ``claimed``: what it was before;
- ``swapped=ANPA…``, ``swapped1=ANPA…`` and so on: the PolicyId, 21 characters, of each policy that
  was detached to make room. An ARN counts as that policy only while GetPolicy answers this id.
  Claims of releases before ids hold the ARN itself;
- ``boundary=none`` where AWSDenyAll was set as the permissions boundary and none was before;
  ``boundary=claimed`` where it was there already when this incident came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain, is_full, is_missing, outcome_unknown
from containment.facets import claims, overlap
from containment.facets.marks import attachment_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from containment.aws.principal import LivePrincipal

# What a claim says of AWSDenyAll: not there before, there before, or there already when we came to
# attach it, by another incident's claim or nobody's, so that nobody here saw whose it is.
WAS, DETACHED, ATTACHED, CLAIMED = "AWSDenyAll", "detached", "attached", "claimed"
BOUNDARY, _SWAPPED, _NONE = "boundary", "swapped", "none"
# By which AWS itself limits a user whose key it found in public; it may not give way to ours.
_QUARANTINES = (
    "AWSCompromisedKeyQuarantine",
    "AWSCompromisedKeyQuarantineV2",
    "AWSCompromisedKeyQuarantineV3",
)
_TRIES = 5


def deny_all_arn(partition: str) -> str:
    """Return the ARN of AWSDenyAll in *partition*."""
    return f"arn:{partition}:iam::aws:policy/AWSDenyAll"


def find(live: LivePrincipal, incident: str) -> claims.Claim | None:
    """Return the incident's claim of an attachment, if there is one."""
    return claims.parse(live.tags.get(attachment_tag(incident)))


def room_words(claim: claims.Claim | None) -> tuple[str, ...]:
    """Return the words of *claim* that name what was detached to make room, in their order.

    Each is the policy's PolicyId, or its ARN in a claim of a release that knew no ids.
    """
    priors = claim.priors if claim else {}
    return tuple(priors[word] for word in sorted(priors) if word.startswith(_SWAPPED))


def rooms(
    live: LivePrincipal, claim: claims.Claim | None, candidates: Sequence[str]
) -> tuple[str, ...]:
    """Return those of *candidates*, by ARN, that *claim* says were detached to make room.

    An ARN counts only if GetPolicy answers the claimed id: a policy that was deleted and made again
    under the ARN has another one ("IAM identifiers", unique identifiers).
    """
    words = room_words(claim)
    ids = [word for word in words if not word.startswith("arn:")]
    matching = [arn for arn in candidates if arn in words]
    if ids:
        rest = [arn for arn in candidates if arn not in words]
        matching += [arn for arn in rest if live.policy_id(arn) in ids]
    return tuple(matching)


def claimed_rooms(live: LivePrincipal, claim: claims.Claim | None) -> tuple[str, ...]:
    """Return the policies, by ARN, that *claim* says made room, where nothing else names them.

    Every policy of the account and of AWS is listed, which only an adoption has the time for.
    """
    words = room_words(claim)
    arns = live.policy_arns([word for word in words if not word.startswith("arn:")])
    return (*(word for word in words if word.startswith("arn:")), *arns)


def is_bounded(claim: claims.Claim | None) -> bool:
    """Tell whether *claim* says that AWSDenyAll was set as the permissions boundary."""
    return claim is not None and BOUNDARY in claim.priors


def holds(live: LivePrincipal, attached: Sequence[str]) -> bool:
    """Tell whether AWSDenyAll is among *attached*, or is the permissions boundary."""
    deny_all = deny_all_arn(live.principal.partition)
    return deny_all in (*attached, live.permissions_boundary)


@dataclass(slots=True)
class Placing:
    """How AWSDenyAll came to hold a principal; filled in as it happens, whatever comes next.

    Attributes:
        swapped: what made room, its PolicyId by its ARN; empty where that could not be read.
        bounded: whether AWSDenyAll became the permissions boundary, where none was.
        unwritten: what of it could not be claimed, in words.
    """

    swapped: dict[str, str] = field(default_factory=dict[str, str])
    bounded: bool = False
    unwritten: str = ""


def place(
    live: LivePrincipal,
    incident: str,
    *,
    snapshot_id: str,
    generation: int,
    prior: Sequence[str],
    placing: Placing,
) -> None:
    """Attach AWSDenyAll, claimed first; make room for it where there is none.

    Any attached policy can give way, for AWSDenyAll denies what it denied, except the three by
    which AWS itself quarantines a user. Where AWS refuses the attachment all the same, AWSDenyAll
    becomes the permissions boundary, and only where none is set: an explicit deny in a boundary
    wins over every allow ("Permissions boundaries for IAM entities"). A claim that cannot be
    written does not stop the containing; the lift then needs a decision.

    Args:
        live: the principal.
        incident: whose attachment it is.
        snapshot_id: under which snapshot.
        generation: of this write.
        prior: what was attached when the snapshot was taken.
        placing: what is known of an earlier try; what is done now is added to it.

    Raises:
        ClientError: AWS refuses the attachment, and a boundary is set or is refused too.
    """
    deny_all = deny_all_arn(live.principal.partition)
    before = find(live, incident)
    own_claim = before if before and before.snapshot_id == snapshot_id else None
    # A claim may be forged, so of what it says only that is taken which the snapshot saw.
    for arn in rooms(live, own_claim, [arn for arn in prior if arn not in placing.swapped]):
        placing.swapped[arn] = "" if arn in room_words(own_claim) else live.policy_id(arn) or ""
    attached = live.attached()
    # What only the state says made room is not claimed: that claim would bear the state out.
    vouched = {*rooms(live, own_claim, list(placing.swapped)), *attached}
    heard = placing.swapped.keys() - vouched
    was = _was(live, incident, own_claim, before=deny_all in prior, now=deny_all in attached)
    bounded = (own_claim.priors if own_claim else {}).get(BOUNDARY)

    def claimed() -> None:
        words = {WAS: was}
        own = [(arn, name) for arn, name in placing.swapped.items() if arn not in heard]
        for index, (arn, policy_id) in enumerate(own):
            words[f"{_SWAPPED}{index or ''}"] = policy_id or arn
        if placing.bounded:
            words[BOUNDARY] = bounded or _NONE
        placing.unwritten = _claim(live, incident, claims.Claim(snapshot_id, generation, words))

    placing.bounded |= bounded is not None
    claimed()
    if holds(live, attached):
        if deny_all not in attached and not placing.bounded:
            placing.bounded, bounded = True, CLAIMED
            claimed()
        return
    try:
        _attach(live, prior, placing, claimed)
    except ClientError as error:
        now = None if outcome_unknown(error) else live.again()
        if now is None or now.permissions_boundary is not None:
            raise
        placing.bounded = True
        claimed()
        live.set_boundary(deny_all)


def _attach(
    live: LivePrincipal, prior: Sequence[str], placing: Placing, claimed: Callable[[], None]
) -> None:
    deny_all = deny_all_arn(live.principal.partition)
    tries = _TRIES
    while True:
        try:
            live.attach(deny_all)
        except ClientError as error:
            way = room(live, live.attached(), prior) if is_full(error) and tries else None
            if way is None:
                raise
        else:
            return
        tries -= 1  # somebody may attach another one as often as we make room
        if way not in placing.swapped:
            placing.swapped[way] = live.policy_id(way) or ""
        claimed()
        detach(live, way)


def detach(live: LivePrincipal, arn: str) -> None:
    """Detach *arn*; that it is gone already, by an earlier try or by others, is no error."""
    try:
        live.detach(arn)
    except ClientError as error:
        if not is_missing(error) or arn in live.attached():
            raise


def _was(
    live: LivePrincipal, incident: str, own_claim: claims.Claim | None, *, before: bool, now: bool
) -> str:
    """Return what our claim says of AWSDenyAll, there *before* (for the snapshot) or *now*."""
    if not before:
        # Somebody may have attached it since the snapshot; an incident would have claimed it.
        if own_claim is not None:
            return CLAIMED if own_claim.priors.get(WAS) == CLAIMED else DETACHED
        return CLAIMED if now and not overlap.attachments(live, incident) else DETACHED
    heard = own_claim is not None and own_claim.priors.get(WAS) == CLAIMED
    return CLAIMED if heard or overlap.attachments(live, incident) else ATTACHED


def room(live: LivePrincipal, attached: Sequence[str], prior: Sequence[str]) -> str | None:
    """Return which of *attached* gives way; None where AWS's own quarantine is all there is.

    What was there before comes back at lift; of what came later nobody knows whose it is.
    """
    kept = {f"arn:{live.principal.partition}:iam::aws:policy/{name}" for name in _QUARANTINES}
    movable = [arn for arn in attached if arn not in kept]
    return min(movable, key=lambda arn: (arn not in prior, arn), default=None)


def _claim(live: LivePrincipal, incident: str, claim: claims.Claim) -> str:
    try:
        live.tag(attachment_tag(incident), claim.value)
    except (ClientError, BotoCoreError) as error:
        failure = explain(f"claiming the attachment of {live}", error)
        return f"{failure}; until then the lift will ask for a decision"
    return ""
