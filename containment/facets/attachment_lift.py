"""What a lift does with AWSDenyAll and with what made room for it.

AWSDenyAll goes if it was not there before, and what made room comes back, where claim and state
say the same. While another incident claims the attachment it stays: the last one to lift takes it
away, and knows by the ledger or by a decision what was there before all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from containment.aws.faults import is_full
from containment.aws.recording import BOUNDARY as BOUNDARY_FACET
from containment.aws.recording import attachment
from containment.errors import ConflictError
from containment.facets import overlap
from containment.facets.attachment import (
    ATTACHED,
    BOUNDARY,
    CLAIMED,
    DETACHED,
    WAS,
    deny_all_arn,
    detach,
    holds,
    is_bounded,
    room_words,
    rooms,
)
from containment.facets.attachment import find as claim_of
from containment.facets.facet import Present, Returns, undecided
from containment.facets.marks import attachment_tag
from containment.facets.write import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.claims import Claim
    from containment.facets.decisions import FacetName, Word
    from containment.facets.facet import Changes, KnownOf, Terms

NAME: str = "attachment"
WORD: FacetName = "attachment"
TURN: int = 1
IN_FORCE: str = "AWSDenyAll"


@dataclass(frozen=True, slots=True)
class AttachmentPrior:
    """What a state or a snapshot remembers of a principal's attached policies.

    Attributes:
        attached: what was attached when the snapshot was taken.
        swapped: what the state knows to have made room; None where a crash may have forgotten it.
        ids: the PolicyId of each of those, where it was read when it made room.
        bounded: the state says that AWSDenyAll became the permissions boundary; None as above.
        placed: the state says that AWSDenyAll was attached for this incident.
    """

    attached: Sequence[str]
    swapped: Sequence[str] | None = None
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    bounded: bool | None = None
    placed: bool = False


@dataclass(frozen=True, slots=True)
class AttachmentChange:
    """What goes and what comes back; *stays* is what stays as it is, and why.

    *unbound* is True where the permissions boundary goes; *yielding* where what finds no room to
    come back is left out, by decision.
    """

    detach: bool = False
    unbound: bool = False
    attach: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    yielding: bool = False


def find(live: LivePrincipal, incident: str) -> Present:
    """Return the incident's claim of the attachment."""
    return Present(claim_of(live, incident))


def decide(
    live: LivePrincipal, presence: Present, prior: AttachmentPrior, terms: Terms
) -> Returns[AttachmentChange]:
    """Return what a lift does with the attachment.

    It is a conflict where claim and state do not agree, or where another incident's AWSDenyAll
    stands where something has to come back.
    """
    del presence  # its type is not a claim's
    claim = claim_of(live, terms.incident)
    if claim is None and not prior.placed:
        return Returns()
    if claim is None and not prior.swapped and not holds(live, live.attached()):
        absent = ("AWSDenyAll is not there any more",)
        return Returns(will=absent, stays=absent)
    memory = _Memory(prior, _changed(terms), terms.decisions.get(WORD), terms.known_of)
    try:
        change = _change(live, terms.incident, claim, memory)
    except ConflictError as error:
        return Returns(conflict=error)
    goes = change.detach or change.unbound
    becomes: tuple[str, ...] = ()
    if prior.placed or goes or change.attach:
        back = "".join(f", {arn} comes back" for arn in change.attach)
        becomes = (f"AWSDenyAll {'goes' if goes else 'stays'}{back}",)
    return Returns(
        change,
        (*becomes, *change.stays),
        stays=change.stays if goes or change.attach else (*becomes, *change.stays),
        writes=_writes(live, change),
        widens={attachment(arn): _witnesses(live, arn, claim, memory) for arn in change.attach},
    )


def _writes(live: LivePrincipal, change: AttachmentChange) -> tuple[Write, ...]:
    """Return what *change* writes of what is not so already."""
    attached, deny_all = live.attached(), deny_all_arn(live.principal.partition)
    writes: list[Write] = []
    if change.detach and deny_all in attached:
        writes.append(Write(attachment(deny_all), ATTACHED, None))
    if change.unbound and live.permissions_boundary == deny_all:
        writes.append(Write(BOUNDARY_FACET, deny_all, None))
    back = [arn for arn in change.attach if arn not in attached]
    writes += [Write(attachment(arn), None, ATTACHED, reason="it made room") for arn in back]
    return tuple(writes)


def give_back(live: LivePrincipal, returns: Returns[AttachmentChange], terms: Terms) -> list[str]:
    """Detach and attach as decided, and drop the claim.

    Raises:
        ConflictError: there is no room for what is to come back; the claim stays.
    """
    change = returns.decided
    if change is None:
        return []
    attached = live.attached()
    lines = list(change.stays)
    deny_all = deny_all_arn(live.principal.partition)
    if change.detach and deny_all in attached:
        detach(live, deny_all)
        lines.append("AWSDenyAll is detached")
    if change.unbound and live.permissions_boundary == deny_all:
        live.delete_boundary()
        lines.append("AWSDenyAll is no permissions boundary any more")
    for arn in change.attach:
        if arn in attached:
            continue
        try:
            live.attach(arn)
        except ClientError as error:
            if not is_full(error):
                raise
            if change.yielding:
                lines.append(f"{arn} made room and stays detached, as was decided")
                continue
            others_attached = ", ".join(sorted(set(attached) - {deny_all}))
            raise undecided(
                live,
                terms.incident,
                WORD,
                f"{arn} made room for AWSDenyAll and has none to come back, for others attached"
                f" policies meanwhile (attached are {others_attached})",
                force_ours="tries again, once you have detached one of them",
                keep_theirs="leaves it detached",
            ) from error
        lines.append(f"{arn} is attached again")
    if attachment_tag(terms.incident) in live.tags:
        live.untag(attachment_tag(terms.incident))
    return lines


def unrecorded(
    live: LivePrincipal, prior: AttachmentPrior, changed: Changes
) -> AttachmentPrior | None:
    """Return what a ledger says was attached and detached for the incident, and still is."""
    deny_all = deny_all_arn(live.principal.partition)
    last = {name: values[-1] for name, values in changed.items() if values}
    if last.get(attachment(deny_all)) != ATTACHED:
        return None
    now = live.attached()
    swapped = tuple(
        arn for arn in prior.attached if arn not in now and last.get(attachment(arn)) == DETACHED
    )
    return (
        AttachmentPrior(prior.attached, swapped, placed=True)
        if deny_all in now or swapped
        else None
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered: by the state, by the ledger (attached or detached, by ARN), by people."""

    prior: AttachmentPrior
    remembered: Mapping[str, str]
    decision: Word | None
    known_of: KnownOf


def _changed(terms: Terms) -> dict[str, str]:
    """Return what was there before, by ARN, of what this incident detached or attached itself."""
    before, changed = terms.history.before, terms.history.changed
    return {
        name.partition(" ")[2]: before[name]
        for name, values in changed.items()
        if name in before and name.startswith(attachment("")) and {before[name]} != set(values)
    }


def _change(
    live: LivePrincipal, incident: str, claim: Claim | None, memory: _Memory
) -> AttachmentChange:
    if not memory.remembered and not _agree(live, claim, memory.prior):
        if memory.decision is None:
            raise _disagreement(live, incident, claim, memory.prior)
        if memory.decision == "keep-theirs":
            return AttachmentChange(
                stays=("its attached policies stay as they are, as was decided",)
            )
    return _agreed(live, incident, claim, memory)


def _agree(live: LivePrincipal, claim: Claim | None, prior: AttachmentPrior) -> bool:
    if claim is None:
        return False
    had_deny_all = deny_all_arn(live.principal.partition) in prior.attached
    if claim.priors.get(WAS) not in {ATTACHED if had_deny_all else DETACHED, CLAIMED}:
        return False
    if prior.bounded is not None and prior.bounded is not is_bounded(claim):
        return False
    made = {prior.ids.get(arn, arn) for arn in prior.swapped or ()}
    return made == set(room_words(claim))


def _agreed(
    live: LivePrincipal, incident: str, claim: Claim | None, memory: _Memory
) -> AttachmentChange:
    deny_all = deny_all_arn(live.principal.partition)
    prior = memory.prior
    had_deny_all = deny_all in prior.attached
    # Never what the state alone names, or a claim: it is attached with the responder's rights.
    from_ledger = {
        arn for arn, was in memory.remembered.items() if was == ATTACHED and arn != deny_all
    }
    detached_arns = set(prior.swapped or rooms(live, claim, prior.attached)) | from_ledger
    back = [
        arn
        for arn in sorted(detached_arns)
        if arn in prior.attached and _witnesses(live, arn, claim, memory)
    ]
    lines = [
        f"{arn} made room and is not attached again (one source alone says that it was, or it was"
        " made anew since): attach it by hand if it is wanted"
        for arn in sorted(detached_arns - set(back))
    ]
    others = overlap.attachments(live, incident)
    if others and memory.decision != "keep-theirs" and memory.known_of(list(others)) is None:
        if memory.decision is None:
            raise _claimed_by_strangers(live, incident, list(others))
        others = {}
    if others and memory.decision == "keep-theirs":
        return AttachmentChange(stays=("its attached policies stay as they are, as was decided",))
    if others and back:
        raise ConflictError(
            f"{live}: {', '.join(back)} made room for AWSDenyAll and cannot come back while"
            f" {', '.join(others)} claims AWSDenyAll too",
            remedy=f"lift {', '.join(others)} first, then {incident}; or, if there is no such"
            f" incident, remove the tag {attachment_tag(next(iter(others)))}",
        )
    if others:
        who = ", ".join(others)
        return AttachmentChange(stays=(*lines, f"AWSDenyAll stays while {who} claims it too"))
    was = memory.remembered.get(deny_all, ATTACHED if had_deny_all else DETACHED)
    if claim is not None and CLAIMED in {claim.priors.get(WAS), claim.priors.get(BOUNDARY)}:
        was = memory.remembered.get(deny_all) or _by_decision(live, incident, memory.decision)
    return AttachmentChange(
        detach=was == DETACHED,
        unbound=was == DETACHED and (is_bounded(claim) or prior.bounded is True),
        attach=tuple(back),
        stays=tuple(lines),
        yielding=memory.decision == "keep-theirs",
    )


def _claimed_by_strangers(
    live: LivePrincipal, incident: str, strangers: Sequence[str]
) -> ConflictError:
    return undecided(
        live,
        incident,
        WORD,
        f"AWSDenyAll is attached, {overlap.unknown(strangers)}",
        force_ours="detaches it",
        keep_theirs="leaves it attached",
    )


def _is_the_same(
    live: LivePrincipal, arn: str, claim: Claim | None, prior: AttachmentPrior
) -> bool:
    """Tell whether *arn* is still the policy that made room, as far as its id is known."""
    words = room_words(claim)
    if arn in words:  # claimed by a release that knew no ids
        return True
    policy_id = prior.ids.get(arn)
    ids = [policy_id] if policy_id else [word for word in words if not word.startswith("arn:")]
    return not ids or live.policy_id(arn) in ids


def _witnesses(
    live: LivePrincipal, arn: str, claim: Claim | None, memory: _Memory
) -> frozenset[str]:
    """Return who says that *arn* was attached and made room; nobody where that is not enough."""
    if not _is_the_same(live, arn, claim, memory.prior):
        return frozenset()
    by_state = {"state"} if arn in memory.prior.attached else set[str]()
    if memory.remembered.get(arn) == ATTACHED:
        return frozenset({*by_state, "ledger"})
    is_recorded = arn in (memory.prior.swapped or ()) or memory.decision == "force-ours"
    if not is_recorded or not rooms(live, claim, [arn]):
        return frozenset()
    by_people = {"decision"} if memory.decision == "force-ours" else set[str]()
    return frozenset({*by_state, *by_people, "claim"})


def _by_decision(live: LivePrincipal, incident: str, decision: Word | None) -> str:
    if decision is not None:
        return DETACHED if decision == "force-ours" else ATTACHED
    raise undecided(
        live,
        incident,
        WORD,
        "AWSDenyAll was attached already when this incident came to attach it, and nobody here saw"
        " by whom",
        force_ours="detaches it",
        keep_theirs="leaves it attached",
    )


def _disagreement(
    live: LivePrincipal, incident: str, claim: Claim | None, prior: AttachmentPrior
) -> ConflictError:
    tag = attachment_tag(incident)
    was = ATTACHED if deny_all_arn(live.principal.partition) in prior.attached else DETACHED
    room = ", ".join(prior.swapped or ()) or "nothing"
    says = "is gone" if claim is None else f"says {claim.value!r}"
    return undecided(
        live,
        incident,
        WORD,
        f"the claim on its attached policies (tag {tag}) {says}, and the state says AWSDenyAll was"
        f" {was} and {room} made room for it",
        force_ours="goes by the state, and attaches nothing that only the state names",
        keep_theirs="leaves every attachment as it is",
    )
