"""What a lift does with AWSDenyAll and with what made room for it, and the doing.

AWSDenyAll goes if it was not there before, and what made room comes back, where claim and state
say the same. While another incident claims the attachment it stays: the last one to lift takes it
away, and knows by the ledger or by a decision what was there before all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.faults import is_full
from containment.errors import ConflictError
from containment.facets import overlap
from containment.facets.attachment import (
    ATTACHED,
    CLAIMED,
    DETACHED,
    WAS,
    deny_all_arn,
    detach,
    find,
    rooms,
)
from containment.facets.decisions import way_out
from containment.facets.marks import attachment_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.claims import Claim
    from containment.facets.decisions import Word


@dataclass(frozen=True, slots=True)
class Terms:
    """What a lift of an attachment goes on.

    Attributes:
        prior: what was attached when the snapshot was taken.
        swapped: what the state knows to have made room; None where a crash may have forgotten it.
        placed: the state says that AWSDenyAll was attached for this incident.
        remembered: attached or detached, by ARN, before containment, from an intact ledger.
        decision: what somebody decided where claim and state do not agree.
    """

    prior: Sequence[str]
    swapped: Sequence[str] | None = None
    placed: bool = False
    remembered: Mapping[str, str] = field(default_factory=dict[str, str])
    decision: Word | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """What goes and what comes back; *said* is what stays as it is, and why.

    *yielding* is True where what finds no room to come back is left out, by decision.
    """

    detach: bool = False
    attach: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    yielding: bool = False


def decide(live: LivePrincipal, incident: str, terms: Terms) -> Return:
    """Return what a lift does with the attachment; nothing is changed.

    Raises:
        ConflictError: claim and state do not agree, or another incident's AWSDenyAll stands where
            something has to come back.
    """
    claim = find(live, incident)
    if claim is None and not terms.placed:
        return Return()
    if not terms.remembered and not _agree(live, claim, terms):
        if terms.decision is None:
            raise _disagreement(live, incident, claim, terms)
        if terms.decision == "keep-theirs":
            return Return(said=("its attached policies stay as they are, as was decided",))
    return _agreed(live, incident, claim, terms)


def take_away(live: LivePrincipal, incident: str, decided: Return) -> list[str]:
    """Do what was *decided* and drop the claim; return what was done, in words.

    Raises:
        ConflictError: there is no room for what is to come back; the claim stays.
    """
    attached = live.attached()
    done = list(decided.said)
    deny_all = deny_all_arn(live.principal.partition)
    if decided.detach and deny_all in attached:
        detach(live, deny_all)
        done.append("AWSDenyAll is detached")
    for arn in decided.attach:
        if arn in attached:
            continue
        try:
            live.attach(arn)
        except ClientError as error:
            if not is_full(error):
                raise
            if decided.yielding:
                done.append(f"{arn} made room and stays detached, as was decided")
                continue
            there = ", ".join(sorted(set(attached) - {deny_all}))
            raise ConflictError(
                f"{live}: {arn} made room for AWSDenyAll and has none to come back, for others"
                f" attached policies meanwhile (attached are {there})",
                remedy=way_out(
                    incident,
                    "attachment",
                    live.principal,
                    ours="tries again, once you have detached one of them",
                    theirs="leaves it detached",
                ),
            ) from error
        done.append(f"{arn} is attached again")
    if attachment_tag(incident) in live.tags:
        live.untag(attachment_tag(incident))
    return [f"{live}: {said}" for said in done]


def _agree(live: LivePrincipal, claim: Claim | None, terms: Terms) -> bool:
    if claim is None:
        return False
    there = deny_all_arn(live.principal.partition) in terms.prior
    gone = set(rooms(claim))
    if claim.priors.get(WAS) not in {ATTACHED if there else DETACHED, CLAIMED}:
        return False
    return gone == set(terms.swapped or ())


def _agreed(live: LivePrincipal, incident: str, claim: Claim | None, terms: Terms) -> Return:
    deny_all = deny_all_arn(live.principal.partition)
    there = deny_all in terms.prior
    # Never what the state alone names, or a claim: it is attached with the responder's rights.
    told = {arn for arn, was in terms.remembered.items() if was == ATTACHED and arn != deny_all}
    gone = set(terms.swapped or rooms(claim)) | told
    back = [arn for arn in sorted(gone) if arn in terms.prior and _borne_out(arn, claim, terms)]
    said = [
        f"{arn} made room and is not attached again: attach it by hand if it is wanted"
        for arn in sorted(gone - set(back))
    ]
    others = overlap.attachments(live, incident)
    if others and terms.decision == "keep-theirs":
        return Return(said=("its attached policies stay as they are, as was decided",))
    if others and back:
        raise ConflictError(
            f"{live}: {', '.join(back)} made room for AWSDenyAll and cannot come back while"
            f" {', '.join(others)} claims AWSDenyAll too",
            remedy=f"lift {', '.join(others)} first, then {incident}; or, if there is no such"
            f" incident, remove the tag {attachment_tag(next(iter(others)))}",
        )
    if others:
        who = ", ".join(others)
        return Return(said=(*said, f"AWSDenyAll stays while {who} claims it too"))
    was = terms.remembered.get(deny_all, ATTACHED if there else DETACHED)
    if claim is not None and claim.priors.get(WAS) == CLAIMED:
        was = terms.remembered.get(deny_all) or _by_decision(live, incident, terms)
    yielding = terms.decision == "keep-theirs"
    return Return(was == DETACHED, tuple(back), tuple(said), yielding)


def _borne_out(arn: str, claim: Claim | None, terms: Terms) -> bool:
    if terms.remembered.get(arn) == ATTACHED:
        return True
    known = arn in (terms.swapped or ()) or terms.decision == "force-ours"
    return known and arn in rooms(claim)


def _by_decision(live: LivePrincipal, incident: str, terms: Terms) -> str:
    if terms.decision is not None:
        return DETACHED if terms.decision == "force-ours" else ATTACHED
    raise ConflictError(
        f"{live}: AWSDenyAll was attached already when this incident came to attach it, and nobody"
        " here saw by whom",
        remedy=way_out(
            incident,
            "attachment",
            live.principal,
            ours="detaches it",
            theirs="leaves it attached",
        ),
    )


def _disagreement(
    live: LivePrincipal, incident: str, claim: Claim | None, terms: Terms
) -> ConflictError:
    tag = attachment_tag(incident)
    was = ATTACHED if deny_all_arn(live.principal.partition) in terms.prior else DETACHED
    room = ", ".join(terms.swapped or ()) or "nothing"
    says = "is gone" if claim is None else f"says {claim.value!r}"
    return ConflictError(
        f"{live}: the claim on its attached policies (tag {tag}) {says}, and the state says"
        f" AWSDenyAll was {was} and {room} made room for it",
        remedy=way_out(
            incident,
            "attachment",
            live.principal,
            ours="goes by the state, and attaches nothing that only the state names",
            theirs="leaves every attachment as it is",
        ),
    )
