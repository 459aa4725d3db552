"""AWSDenyAll, attached where inline policies have no room; Allow policies may have to make some.

AWSDenyAll is AWS's own managed policy that denies everything. The attachment has no owner, so it
is claimed by a tag: whether it was there before, and what made room. Whoever may tag the principal
can write a claim, so it alone attaches and detaches nothing. Quotas: "IAM and AWS STS quotas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import explain, is_full, may_be_gone
from containment.errors import ContainmentError, NotContainedError
from containment.facets import claims, documents, overlap
from containment.facets.marks import attachment_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal

# What a claim says of AWSDenyAll: not there before, there before, or there already when we came to
# attach it, by another incident's claim or nobody's, so that nobody here saw whose it is.
WAS, DETACHED, ATTACHED, CLAIMED = "AWSDenyAll", "detached", "attached", "claimed"
_SWAPPED = "swapped"


def deny_all_arn(partition: str) -> str:
    """Return the ARN of AWSDenyAll in *partition*."""
    return f"arn:{partition}:iam::aws:policy/AWSDenyAll"


def find(live: LivePrincipal, incident: str) -> claims.Claim | None:
    """Return the incident's claim of an attachment, if there is one."""
    return claims.parse(live.tags.get(attachment_tag(incident)))


def rooms(claim: claims.Claim | None) -> tuple[str, ...]:
    """Return the policies that *claim* says were detached to make room, in their order."""
    said = claim.priors if claim else {}
    return tuple(said[word] for word in sorted(said) if word.startswith(_SWAPPED))


def place(
    live: LivePrincipal,
    incident: str,
    *,
    snapshot_id: str,
    generation: int,
    prior: Sequence[str],
    swapped: list[str],
) -> tuple[str, ...]:
    """Attach AWSDenyAll, claimed first.

    A claim that cannot be written does not stop the containing; the lift then needs a decision.

    Args:
        live: the principal.
        incident: whose attachment it is.
        snapshot_id: under which snapshot.
        generation: of this write.
        prior: what was attached when the snapshot was taken.
        swapped: what is known to have made room already; what does so now is added at once, so
            that it is known whatever happens next.

    Returns:
        What could not be written down, in words.

    Raises:
        NotContainedError: nothing can be swapped out, so there is no room at all.
    """
    deny_all = deny_all_arn(live.principal.partition)
    before = find(live, incident)
    mine = before if before and before.snapshot_id == snapshot_id else None
    # A claim may be forged, so of what it says only that is taken which the snapshot saw.
    swapped += [arn for arn in rooms(mine) if arn in prior and arn not in swapped]
    attached = live.attached()
    was = _was(live, incident, mine, before=deny_all in prior, now=deny_all in attached)

    def claimed() -> tuple[str, ...]:
        words = {_SWAPPED + (str(index) if index else ""): arn for index, arn in enumerate(swapped)}
        return _claim(live, incident, claims.Claim(snapshot_id, generation, {WAS: was, **words}))

    warnings = claimed()
    if deny_all not in attached:
        try:
            live.attach(deny_all)
        except ClientError as error:
            if not is_full(error):
                raise
            room = _make_room(live, attached, prior)
            if room not in swapped:  # an interrupted run may have claimed it, and gone no further
                swapped.append(room)
            warnings = claimed()
            detach(live, room)
            live.attach(deny_all)
    return warnings


def detach(live: LivePrincipal, arn: str) -> None:
    """Detach *arn*; that an earlier try of the same call did it is read back and no error."""
    try:
        live.detach(arn)
    except ClientError as error:
        if not may_be_gone(error) or arn in live.attached():
            raise


def _was(
    live: LivePrincipal, incident: str, mine: claims.Claim | None, *, before: bool, now: bool
) -> str:
    """Return what our claim says of AWSDenyAll, there *before* (for the snapshot) or *now*."""
    if not before:
        # Somebody may have attached it since the snapshot; an incident would have claimed it.
        if mine is not None:
            return CLAIMED if mine.priors.get(WAS) == CLAIMED else DETACHED
        return CLAIMED if now and not overlap.attachments(live, incident) else DETACHED
    heard = mine is not None and mine.priors.get(WAS) == CLAIMED
    return CLAIMED if heard or overlap.attachments(live, incident) else ATTACHED


def _make_room(live: LivePrincipal, attached: list[str], prior: Sequence[str]) -> str:
    # What was there before comes back at lift; of what came later nobody knows whose it is.
    for arn in sorted(attached, key=lambda arn: (arn not in prior, arn)):
        if "AWSCompromisedKeyQuarantine" in arn or len(arn) > claims.LONGEST // 2:
            continue
        try:
            document = documents.parse(live.policy_document(arn)) or {}
        except ContainmentError:  # another one may be readable
            continue
        if all(item.get("Effect") == "Allow" for item in documents.statements(document)):
            return arn
    raise NotContainedError(
        f"{live} has no room for a deny: inline and attached policies are at their quotas",
        remedy="detach one policy that only allows, then run 'pulumi up' again",
    )


def _claim(live: LivePrincipal, incident: str, claim: claims.Claim) -> tuple[str, ...]:
    try:
        live.tag(attachment_tag(incident), claim.value)
    except (ClientError, BotoCoreError) as error:
        said = explain(f"claiming the attachment of {live}", error)
        return (f"{said}; until then the lift will ask for a decision",)
    return ()
