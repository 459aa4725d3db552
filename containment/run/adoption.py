"""Taking a containment over whose state is lost: which targets carry it, and under which snapshot.

What is live says it by itself: every artefact of ours carries the id of its snapshot, and the claim
on a user says what the keys were. The engine's import asks the provider, which reads just that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from containment.actions import FACETS
from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.aws.principal import locate
from containment.aws.resolve import resolve_access_key
from containment.facets import attachment, leftovers
from containment.facets.decisions import Decision, Decisions, decided
from containment.text import wired

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containment.aws.principal import LivePrincipal
    from containment.identities import Principal
    from containment.lifecycle.snapshot import Snapshot
    from containment.lifecycle.workplace import Workplace
    from containment.run.state import StackState
    from containment.spec import IncidentSpec, Target

AdoptionStatus = Literal["in the stack", "to adopt", "not applied", "gone", "contested"]
_TYPE = "containment:index:PrincipalSnapshot"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target and how it stands: live under one snapshot of the incident, or not.

    *hearsay* is what of its prior nothing but a claim says, which whoever may tag it can write.
    """

    principal: Principal
    status: AdoptionStatus
    snapshots: tuple[str, ...] = ()
    hearsay: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """How it stands, for people."""
        if self.status == "contested":
            return f"carries marks of several snapshots ({', '.join(self.snapshots)}); see who"
        if self.status == "not applied":
            return "nothing of the incident is on it; 'containment up' will contain it"
        return self.status


def candidates(
    spec: IncidentSpec, stack_state: StackState, workplace: Workplace
) -> list[Candidate]:
    """Return every target of *spec* and how it stands. Nothing is changed.

    Raises:
        ContainmentError: AWS cannot be asked.
    """
    return [_candidate(spec, target, stack_state, workplace) for target in spec.targets]


def import_file(incident: str, all_candidates: Iterable[Candidate]) -> str:
    """Return the file that ``pulumi import --file`` takes for those that are to be adopted."""
    return json.dumps(
        {
            "resources": [
                {
                    "type": _TYPE,
                    "name": item.principal.label,
                    "id": wired(f"{incident}/{item.principal.arn}"),
                }
                for item in all_candidates
                if item.status == "to adopt"
            ]
        }
    )


def _candidate(
    spec: IncidentSpec, target: Target, stack_state: StackState, workplace: Workplace
) -> Candidate:
    if target.access_key:
        clients = workplace.clients()
        principal = resolve_access_key(clients.iam, clients.sts, target.access_key).principal
    else:
        principal = target.principal
    if stack_state.resources_of(principal.arn):
        return Candidate(principal, "in the stack")
    clients = workplace.clients(principal.account)
    live = locate(clients.iam, principal, None)
    if live is None:
        return Candidate(principal, "gone")
    snapshots = tuple(sorted(leftovers.snapshots(live, spec.incident, FACETS)))
    if not snapshots:
        return Candidate(live.principal, "not applied")
    if len(snapshots) > 1:
        return Candidate(live.principal, "contested", snapshots)
    context = workplace.context(principal.account)
    taken = PrincipalSnapshot(context).adopt(spec.incident, live.principal.arn)
    return Candidate(live.principal, "to adopt", snapshots, tuple(_hearsay(live, taken)))


def _hearsay(live: LivePrincipal, taken: Snapshot) -> Iterator[str]:
    for one in taken.credentials:
        if one.said_by:
            yield f"{one.credential_id} was {one.status} before"
    claim = attachment.find(live, taken.incident)
    deny_all = attachment.deny_all_arn(live.principal.partition)
    if claim and deny_all in taken.attached_policies:
        yield f"AWSDenyAll was {claim.priors.get(attachment.WAS)} before"
    for arn in attachment.claimed_rooms(live, claim):
        if arn not in taken.attached_policies:
            yield f"{arn} was attached before, and made room"


def believe(
    spec: IncidentSpec, all_candidates: Iterable[Candidate], workplace: Workplace
) -> Decisions:
    """Return the decisions that take the hearsay of *all_candidates* for true; record them.

    Raises:
        RefusedError: they cannot be put on record.
    """
    made: list[Decision] = []
    for item in all_candidates if workplace.believed else ():
        if not item.hearsay:
            continue
        for facet in ("credentials", "attachment"):
            made.append(decided("force-ours", f"{facet}@{item.principal.label}"))
            workplace.ledger().decide(
                spec.incident,
                decision="force-ours",
                facet=facet,
                principal=item.principal.arn,
                operator=workplace.caller().arn,
            )
    return Decisions(tuple(made))
