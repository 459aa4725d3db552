"""AWSDenyAll, attached where inline policies have no room; one Allow policy may have to make some.

AWSDenyAll is AWS's own managed policy that denies everything. The attachment has no owner, so it
is claimed by a tag. Quotas: "IAM and AWS STS quotas".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from containment.aws.faults import code, is_full
from containment.errors import ConflictError, ContainmentError, NotContainedError
from containment.facets import claims, documents
from containment.facets.marks import attachment_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.aws.principal import LivePrincipal

_PRIOR, _SWAPPED = "AWSDenyAll", "swapped"


def deny_all_arn(partition: str) -> str:
    """Return the ARN of AWSDenyAll in *partition*."""
    return f"arn:{partition}:iam::aws:policy/AWSDenyAll"


def find(live: LivePrincipal, incident: str) -> claims.Claim | None:
    """Return the incident's claim of an attachment, if there is one."""
    return claims.parse(live.tags.get(attachment_tag(incident)))


def without_ours(live: LivePrincipal, incident: str, attached: Sequence[str]) -> tuple[str, ...]:
    """Return *attached* less AWSDenyAll where the incident claims to have attached it."""
    held = find(live, incident)
    ours = deny_all_arn(live.principal.partition)
    if held is None or held.priors.get(_PRIOR) != "detached":
        return tuple(attached)
    return tuple(arn for arn in attached if arn != ours)


@dataclass(frozen=True, slots=True)
class Placed:
    """What it took to attach AWSDenyAll, and what could not be written down."""

    swapped: str | None
    warnings: tuple[str, ...]


def place(
    live: LivePrincipal,
    incident: str,
    *,
    snapshot_id: str,
    generation: int,
    prior: Sequence[str],
) -> Placed:
    """Attach AWSDenyAll, claimed first; *prior* is what was attached when the snapshot was taken.

    A claim that cannot be written does not stop the containing; the lift then needs a decision.

    Raises:
        NotContainedError: nothing can be swapped out, so there is no room at all.
    """
    deny_all = deny_all_arn(live.principal.partition)
    before = find(live, incident)
    priors = dict(before.priors) if before and before.snapshot_id == snapshot_id else {}
    priors.setdefault(_PRIOR, "attached" if deny_all in prior else "detached")
    warnings = _claim(live, incident, claims.Claim(snapshot_id, generation, priors))
    attached = live.attached()
    if deny_all not in attached:
        try:
            live.attach(deny_all)
        except ClientError as error:
            if not is_full(error):
                raise
            priors[_SWAPPED] = _make_room(live, attached)
            warnings = _claim(live, incident, claims.Claim(snapshot_id, generation, priors))
            live.detach(priors[_SWAPPED])
            live.attach(deny_all)
    return Placed(priors.get(_SWAPPED), warnings)


def require_agreement(
    live: LivePrincipal,
    incident: str,
    claim: claims.Claim,
    *,
    prior: Sequence[str],
    swapped: str | None,
) -> None:
    """Refuse a *claim* that says anything else than the state does.

    Whoever may tag the principal can write a claim, so it alone attaches and detaches nothing.
    *prior* is what was attached when the snapshot was taken, *swapped* what the state knows to
    have made room: None where a crash may have forgotten it.

    Raises:
        ConflictError: they differ; nothing is changed.
    """
    was = "attached" if deny_all_arn(live.principal.partition) in prior else "detached"
    room = claim.priors.get(_SWAPPED)
    if claim.priors.get(_PRIOR) == was and room in ({swapped} if swapped else {None, *prior}):
        return
    raise ConflictError(
        f"{live}: the claim on its attached policies (tag {attachment_tag(incident)}) says"
        f" {claim.value!r}, and the state says AWSDenyAll was {was} and"
        f" {swapped or 'nothing'} made room for it",
        remedy="decide: attach and detach by hand what has to be, remove that tag, then run"
        " 'pulumi destroy' again",
    )


def take_away(
    live: LivePrincipal,
    incident: str,
    claim: claims.Claim,
    *,
    prior: Sequence[str],
    swapped: str | None = None,
) -> None:
    """Undo what *claim* and the state agree was done.

    Raises:
        ConflictError: as :func:`require_agreement` does.
    """
    require_agreement(live, incident, claim, prior=prior, swapped=swapped)
    deny_all = deny_all_arn(live.principal.partition)
    room = claim.priors.get(_SWAPPED)
    attached = live.attached()
    if deny_all in attached and deny_all not in prior:
        live.detach(deny_all)
    if room and room not in attached:
        live.attach(room)
    live.untag(attachment_tag(incident))


def _make_room(live: LivePrincipal, attached: list[str]) -> str:
    for arn in sorted(attached):
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
        said = f"{live}: the claim could not be written ({code(error) or error})"
        return (f"{said}; the lift will ask for a decision",)
    return ()
