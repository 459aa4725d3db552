"""Whether what is contained still is: held, tampered with and by whom, gone, or made anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from containment.aws.principal import locate
from containment.clock import utc_now
from containment.errors import (
    ConflictError,
    ContainmentError,
    NotContainedError,
    UnavailableError,
)
from containment.identities import parse_principal
from containment.run.other_programs import OtherProgram, managing_programs
from containment.run.tampering import Deed, Deeds, History, own_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from containment.identities import Principal
    from containment.lifecycle.workplace import Workplace
    from containment.run.incident_status import IncidentStatus
    from containment.run.live import LiveResource
    from containment.run.report import PrincipalReport
    from containment.run.state import StackState

Condition = Literal["held", "tampered with", "gone", "made anew", "not applied", "unknown", "stray"]

CODES: dict[Condition, int] = {
    "tampered with": NotContainedError.exit_code,
    "made anew": NotContainedError.exit_code,
    "not applied": NotContainedError.exit_code,
    "stray": ConflictError.exit_code,
    "unknown": UnavailableError.exit_code,
    "gone": 0,
    "held": 0,
}
"""What a scheduler is told; the first in this order that is true counts."""

_GUARD = "GuardPolicy"
_OF_ORGANISATION = "who changed the guard is in CloudTrail's history of the management account"
# CloudTrail's clock and ours, and a create that took long.
_EARLIER = timedelta(minutes=5)
# CloudTrail User Guide, "How CloudTrail works": events come within 5 minutes on average.
_LATE = "CloudTrail names nobody yet: its records come minutes later"


@dataclass(frozen=True, slots=True)
class PrincipalDrift:
    """How one principal stands.

    Attributes:
        principal: its ARN.
        condition: in one word.
        what: what AWS shows otherwise than was applied, in words.
        deeds: who changed it, the newest first.
        unread: why that may not be all; empty where nothing was to be asked, or all was.
        programs: which other programs manage it.
    """

    principal: str
    condition: Condition
    what: tuple[str, ...] = ()
    deeds: tuple[Deed, ...] = ()
    unread: str = ""
    programs: tuple[OtherProgram, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """How one stack stands.

    Attributes:
        stack: which one.
        is_applied: whether its state holds anything.
        principals: how each stands.
        missing: what the spec declares and was not applied with the rest, in words.
        problems: why not all of it is known.
    """

    stack: str
    is_applied: bool
    principals: tuple[PrincipalDrift, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[ContainmentError, ...] = ()

    @property
    def exit_code(self) -> int:
        """What a scheduler is told: the gravest of all that was found."""
        conditions: set[Condition] = {item.condition for item in self.principals}
        if self.missing:
            conditions.add("not applied")
        for condition, code in CODES.items():
            if condition in conditions and code:
                return code
        return self.problems[0].exit_code if self.problems else 0


def read_drift(  # noqa: PLR0917 -- the state, AWS, and whom to ask
    stack: str,
    status: IncidentStatus,
    state: StackState | None,
    workplace: Workplace,
    history_of: Callable[[str], Any],
    problems: Sequence[ContainmentError] = (),
    **pace: Callable[[float], None],
) -> Drift:
    """Return how *stack* stands by *status*, and who did what differs.

    Args:
        stack: which one.
        status: what was seen of it.
        state: what was applied.
        workplace: asks AWS.
        history_of: returns CloudTrail's client for a partition, in the caller's account.
        problems: what was met before.
        pace: how to ``pause`` between two calls of CloudTrail.
    """
    rows = {item.principal: _condition(item, status) for item in status.principals}
    rows.update(_unheld(rows, status))
    for arn in status.stray:
        rows[arn] = PrincipalDrift(arn, "stray", ("something of it is live that no state knows",))
    account = workplace.caller().account
    entries = workplace.ledger().journal_of(stack).read()[1].entries
    history: History | None = None
    for arn, row in rows.items():
        principal = parse_principal(arn)
        rows[arn] = replace(row, programs=_programs(principal, workplace))
        if row.condition not in {"tampered with", "made anew", "gone"}:
            continue
        if principal.account != account:
            why = f"CloudTrail's history of {principal.account} is that account's alone"
            rows[arn] = replace(rows[arn], unread=why)
            continue
        history = history or History(
            history_of(principal.partition), _since(state), own_requests(entries), **pace
        )
        changed = _changed(row, arn, status)
        rows[arn] = _with_deeds(rows[arn], history.deeds(principal, changed), changed)
    return Drift(stack, status.applied, tuple(rows.values()), status.missing, tuple(problems))


def _with_deeds(row: PrincipalDrift, deeds: Deeds, changed: Sequence[str]) -> PrincipalDrift:
    unread = deeds.unread or ("" if deeds.deeds else _LATE)
    if _GUARD in changed:
        unread = "; ".join(filter(None, (_OF_ORGANISATION, unread if len(changed) > 1 else "")))
    return replace(row, deeds=deeds.deeds, unread=unread)


def _condition(item: PrincipalReport, status: IncidentStatus) -> PrincipalDrift:
    live = [status.live_resources[one.urn] for one in item.resources]
    drifted = [one for one in live if one.drifted]
    if drifted:
        return PrincipalDrift(item.principal, "tampered with", _words(drifted))
    if any(one.live == "unknown" for one in live):
        unknown = [one for one in live if one.live == "unknown"]
        return PrincipalDrift(item.principal, "unknown", _words(unknown))
    if any(one.live == "gone" for one in live):
        return PrincipalDrift(item.principal, "gone", ("the principal is no more",))
    return PrincipalDrift(item.principal, "held")


def _words(resources: Sequence[LiveResource]) -> tuple[str, ...]:
    return tuple(
        text for one in resources for text in (f"{one.recorded.resource} is {one.live}", *one.notes)
    )


def _unheld(rows: dict[str, PrincipalDrift], status: IncidentStatus) -> dict[str, PrincipalDrift]:
    """Return whom the spec names and nothing holds, and who could not be asked about."""
    unheld: dict[str, PrincipalDrift] = {}
    for item in status.targets:
        if item.unheld:
            condition: Condition = "made anew" if item.principal in rows else "not applied"
            unheld[item.principal] = PrincipalDrift(item.principal, condition, (item.unheld,))
        elif item.unknown and item.principal.startswith("arn:"):
            words = (str(item.unknown),)
            unheld[item.principal] = PrincipalDrift(item.principal, "unknown", words)
    return unheld


def _changed(row: PrincipalDrift, arn: str, status: IncidentStatus) -> list[str]:
    """Return the classes of the resources that somebody changed."""
    if row.condition in {"made anew", "gone"}:
        return ["PrincipalSnapshot"]
    return [
        one.recorded.resource
        for one in status.live_resources.values()
        if one.drifted and one.recorded.state.principal == arn
    ]


def _since(state: StackState | None) -> datetime:
    """Return from when on nobody but this program was to change anything."""
    moments: list[datetime] = []
    for item in state.resources if state else ():
        generation = getattr(item.state, "generation", None)
        if isinstance(generation, int):
            try:
                moments.append(datetime.fromtimestamp(generation / 1000, UTC))
            except (OverflowError, OSError, ValueError):
                continue  # forged, and counts for nothing
    return min(moments, default=utc_now() - timedelta(days=90)) - _EARLIER


def _programs(principal: Principal, workplace: Workplace) -> tuple[OtherProgram, ...]:
    try:
        live = locate(workplace.clients(principal.account).iam, principal, None)
    except ContainmentError:
        return ()  # that it cannot be read is told as its condition
    return managing_programs(live.tags) if live is not None else ()
