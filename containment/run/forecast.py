"""What a lift would do to each resource, and what it would refuse, without doing it.

The engine never asks a resource in the preview of a destroy, so this asks live the questions that
its delete asks. Nothing is changed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from containment.actions.terms import require_terms
from containment.aws.faults import explain
from containment.errors import ContainmentError
from containment.facets import attachment, credentials, deny, leftovers, trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.marks import Mark
    from containment.run.places import Places
    from containment.run.state import Recorded

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a lift of one resource would bring, and what stands against it."""

    recorded: Recorded
    will: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def on_destroy(self) -> str:
        """The sentence that the stack shows to reviewers."""
        return self.recorded.state.on_destroy


def of(resources: Iterable[Recorded], places: Places) -> list[Forecast]:
    """Return the forecast of every one of *resources*."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(partial(_forecast, places=places), resources))


def _forecast(recorded: Recorded, places: Places) -> Forecast:
    state: Any = recorded.state
    conflicts: list[str] = []
    will: list[str] = []
    try:
        if recorded.resource != "PrincipalSnapshot":
            require_terms(state, places.root)
    except ContainmentError as error:
        conflicts.append(str(error))
    try:
        context = places.context(state.target.account, lambda _severity, _message: None)
        unique_id = state.principal_id
        live = context.locate(state, unique_id)
        if live is None:
            will.append(f"{state.target.name} with the id {unique_id} is gone: nothing to lift")
        else:
            _FORECASTS[recorded.resource](state, live, will, conflicts)
    except ContainmentError as error:
        conflicts.append(str(error))
    except (ClientError, BotoCoreError) as error:
        conflicts.append(str(explain(f"reading {state.principal}", error)))
    return Forecast(recorded, tuple(will), tuple(conflicts))


def _deny(state: Any, live: LivePrincipal, will: list[str], conflicts: list[str]) -> None:
    found = deny.find(live, state.incident)
    claim = attachment.find(live, state.incident)
    if state.placement == "AWSDenyAll":
        if claim is None:
            conflicts.append(
                f"{live}: AWSDenyAll was attached and the claim on it is gone, so nobody but the"
                " state says that it is ours; detach it by hand if it is"
            )
        elif state.swapped:
            will.append(f"{live}: AWSDenyAll goes and {state.swapped} comes back")
        return
    if found.mark is not None and _newer(live, state, found.mark, will, conflicts):
        return
    if found.is_fence:
        will.append(f"{live}: its deny is a fence already, until {found.until}")
    elif found.mark is None:
        will.append(f"{live}: its deny is not there any more")


def _newer(
    live: LivePrincipal, state: Any, newest: Mark, will: list[str], conflicts: list[str]
) -> bool:
    """Say what a delete makes of a mark newer than *state*; False where there is none."""
    if newest.generation <= (state.generation or 0):
        return False
    if newest.snapshot_id == state.snapshot_id:
        will.append(f"{live}: a newer write is in force; this one is superseded, nothing is done")
    else:
        conflicts.append(
            f"{live} carries a newer mark under a snapshot that is not this stack's"
            f" ({newest.snapshot_id}); find in CloudTrail who wrote it, and remove it"
        )
    return True


def _keys(state: Any, live: LivePrincipal, will: list[str], conflicts: list[str]) -> None:
    del will  # its read says of each key what a lift does to it
    claim = credentials.find(live, state.incident)
    decided = credentials.to_return(
        keys=live.access_keys(),
        known={key.access_key_id: key.status for key in state.access_keys},
        claimed=claim.priors if claim else None,
        leaked=state.lift.leaked,
        compromised_at=state.lift.compromised_at,
        false_positive=state.lift.false_positive,
    )
    conflicts.extend(
        f"{live}: the state says {name} was Active before, and no claim on the user says so;"
        " make it Active or delete it by hand, then lift"
        for name in decided.undecided
    )


def _trust(state: Any, live: LivePrincipal, will: list[str], conflicts: list[str]) -> None:
    newest = trust.newest(live.trust_policy, state.incident)
    if newest is None:
        will.append(f"{live}: its trust policy holds nothing of ours any more")
    elif _newer(live, state, newest, will, conflicts):
        return
    elif trust.reopened(live.trust_policy, state.incident, state.trust_policy) == (
        state.trust_policy
    ):
        will.append(f"{live}: its trust policy comes back byte for byte")
    else:
        will.append(f"{live}: others changed its trust policy; their change stays")


def _snapshot(state: Any, live: LivePrincipal, will: list[str], conflicts: list[str]) -> None:
    del conflicts
    left: Sequence[str] = leftovers.find(live, state.incident, state.snapshot_id or "")
    if left:
        will.append(f"{live}: under this snapshot now: {', '.join(left)}")


_FORECASTS: dict[str, Callable[[Any, LivePrincipal, list[str], list[str]], None]] = {
    "DenyPolicy": _deny,
    "InactiveCredentials": _keys,
    "ClosedTrustPolicy": _trust,
    "PrincipalSnapshot": _snapshot,
}
