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

from containment.aws.faults import explain
from containment.errors import ContainmentError
from containment.facets import (
    attachment,
    credentials,
    deny,
    detaching,
    leftovers,
    overlap,
    returning,
    trust,
)
from containment.lifecycle import evidence
from containment.lifecycle.action import superseded
from containment.lifecycle.terms import require_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from containment.aws.principal import LivePrincipal
    from containment.facets.decisions import Facet
    from containment.lifecycle.context import Context, Generation
    from containment.lifecycle.workplace import Workplace
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


def of(resources: Iterable[Recorded], workplace: Workplace) -> list[Forecast]:
    """Return the forecast of every one of *resources*."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(partial(_forecast, workplace=workplace), resources))


def _forecast(recorded: Recorded, workplace: Workplace) -> Forecast:
    state: Any = recorded.state
    conflicts: list[str] = []
    will: list[str] = []
    try:
        if recorded.resource != "PrincipalSnapshot":
            require_terms(state, workplace.directory)
    except ContainmentError as error:
        conflicts.append(str(error))
    try:
        context = workplace.context(state.target.account)
        live = context.locate(state, state.principal_id)
        if live is None:
            will.append(
                f"{state.target.name} with the id {state.principal_id} is gone: nothing to lift"
            )
        else:
            will.extend(_FORECASTS[recorded.resource](context, state, live))
    except ContainmentError as error:
        conflicts.append(str(error))
    except (ClientError, BotoCoreError) as error:
        conflicts.append(str(explain(f"reading {state.principal}", error)))
    return Forecast(recorded, tuple(will), tuple(conflicts))


def _deny(context: Context, state: Any, live: LivePrincipal) -> Iterator[str]:
    found = deny.find(live, state.incident)
    decision = context.decisions.on("deny", state.target)
    if _is_superseded(
        context, state, live, "deny", found.mark, attachment.find(live, state.incident)
    ):
        yield f"{live}: a newer write is in force; this one is superseded, nothing is done"
        return
    if decision is not None:
        yield f"{live}: its deny is lifted as was decided ({decision})"
    attached = detaching.decide(live, state.incident, _attached(context, state))
    if state.placement == "AWSDenyAll":
        back = "".join(f", {arn} comes back" for arn in attached.attach)
        yield f"{live}: AWSDenyAll {'goes' if attached.detach else 'stays'}{back}"
    yield from (f"{live}: {said}" for said in attached.said)
    if found.is_fence:
        yield f"{live}: its deny is a fence already, until {found.until}"
    elif found.mark is None and state.placement != "AWSDenyAll":
        yield f"{live}: its deny is not there any more"


def _keys(context: Context, state: Any, live: LivePrincipal) -> Iterator[str]:
    claim = credentials.find(live, state.incident)
    if _is_superseded(context, state, live, "credentials", claim):
        yield f"{live}: a newer write is in force; this one is superseded, nothing is done"
        return
    decision = context.decisions.on("credentials", state.target)
    terms = evidence.keys(context, state, state.access_keys, which=state.which, decision=decision)
    decided = returning.to_return(
        keys=live.access_keys(),
        claimed=claim.priors if claim else None,
        terms=terms,
        others=overlap.others(live, state.incident),
    )
    if decided.undecided:
        raise returning.undecided(live, state.incident, decided.undecided, terms)
    if decision is not None:
        # Its read says of each key what a lift does to it, and knows of no decision.
        yield from (f"{live}: {name} becomes Active, as was decided" for name in decided.activate)
        yield from (f"{live}: {reason}" for reason in decided.kept)


def _trust(context: Context, state: Any, live: LivePrincipal) -> Iterator[str]:
    newest = trust.newest(live.trust_policy, state.incident)
    if _is_superseded(context, state, live, "trust", newest):
        yield f"{live}: a newer write is in force; this one is superseded, nothing is done"
        return
    decision = context.decisions.on("trust", state.target)
    terms = evidence.trusted(
        context,
        state,
        state.trust_policy,
        break_glass=state.break_glass,
        only=state.snapshot_id if decision == "keep-theirs" else None,
        decision=decision,
    )
    document = trust.wanted(live, state.incident, terms)
    if document is None:
        yield f"{live}: its trust policy holds nothing of ours any more"
    elif document == state.trust_policy:
        yield f"{live}: its trust policy comes back byte for byte"
    else:
        yield f"{live}: others changed its trust policy; their change stays"


def _snapshot(context: Context, state: Any, live: LivePrincipal) -> Iterator[str]:
    del context
    left: Sequence[str] = leftovers.find(live, state.incident, state.snapshot_id or "")
    if left:
        yield f"{live}: under this snapshot now: {', '.join(left)}"


def _attached(context: Context, state: Any) -> detaching.Terms:
    return evidence.attachments(
        context,
        state,
        state.attached_policies,
        swapped=state.swapped,
        placed=state.placement == "AWSDenyAll",
        decision=context.decisions.on("attachment", state.target),
    )


def _is_superseded(
    context: Context, state: Any, live: LivePrincipal, facet: Facet, *found: Generation | None
) -> bool:
    return superseded(live, state, context.decisions.on(facet, state.target), facet, *found)


_FORECASTS: dict[str, Callable[[Context, Any, LivePrincipal], Iterable[str]]] = {
    "DenyPolicy": _deny,
    "InactiveCredentials": _keys,
    "ClosedTrustPolicy": _trust,
    "PrincipalSnapshot": _snapshot,
}
