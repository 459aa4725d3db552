"""Summarise what a run left: principals, revocation time, what remains open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containment.actions import ACTIONS_BY_RESOURCE
from containment.diff.building import rung_of
from containment.errors import NotContainedError
from containment.identities import parse_principal
from containment.lifecycle import residuals
from containment.plan import working_keys
from containment.spec import pin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from containment.errors import ContainmentError
    from containment.messages import Message
    from containment.run.direct import Applied
    from containment.run.events import Events
    from containment.run.state import Recorded, StackState
    from containment.spec import IncidentSpec


@dataclass(frozen=True, slots=True)
class PrincipalReport:
    """One principal of the stack: its rung by the spec, its resources by the state."""

    principal: str
    rung: str | None
    resources: tuple[Recorded, ...]

    @property
    def issued_before(self) -> str | None:
        """T: tokens that were issued before it are denied. None where there is no such moment."""
        moments = [item.issued_before for item in self.resources if item.issued_before]
        return max(moments, default=None)

    @property
    def inactive(self) -> tuple[str, ...]:
        """The credentials that are held at Inactive."""
        name_lists = [getattr(item.state, "held", ()) for item in self.resources]
        return tuple(str(name) for names in name_lists for name in names)

    @property
    def words(self) -> str:
        """What holds it, in one line."""
        if all(item.resource == "PrincipalSnapshot" for item in self.resources):
            return f"nothing yet; declared is {self.rung or 'nothing any more'}"
        parts = [self.rung or "not in the spec any more"]
        if self.issued_before:
            parts.append(f"T {self.issued_before}")
        if self.inactive:
            parts.append(f"Inactive: {', '.join(self.inactive)}")
        return "; ".join(parts)


def pin_by_state(spec: IncidentSpec, state: StackState) -> IncidentSpec:
    """Return *spec* with its access keys pinned to the users that the state knows them by.

    A key that was never applied is left out: only AWS could say whose it is.
    """
    owners = {key: arn for key in spec.unpinned if (arn := _owner(state, key)) is not None}
    named = tuple(item for item in spec.targets if not item.access_key or item.access_key in owners)
    return pin(spec.model_copy(update={"targets": named}), owners)


def unapplied_keys(spec: IncidentSpec, state: StackState) -> tuple[str, ...]:
    """Return the access keys that *spec* names in a user's place and *state* knows no user of."""
    return tuple(key for key in spec.unpinned if _owner(state, key) is None)


def principals(state: StackState, spec: IncidentSpec | None) -> list[PrincipalReport]:
    """Return the principals that the state holds, in the order of the spec."""
    targets = pin_by_state(spec, state).targets if spec else ()
    rungs = {target.principal.arn: str(target.rung) for target in targets}
    order = {arn: index for index, arn in enumerate(rungs)}
    named = sorted(state.principals, key=lambda arn: order.get(arn, len(order)))
    return [PrincipalReport(arn, rungs.get(arn), tuple(state.resources_of(arn))) for arn in named]


def _owner(state: StackState, access_key: str) -> str | None:
    """Return the user that an unpinned access key was resolved to when it was applied."""
    return next(
        (item.state.principal for item in state.resources if access_key in item.state.lift.leaked),
        None,
    )


def working_key(stack_state: StackState, spec: IncidentSpec) -> ContainmentError | None:
    """Return that leaked keys work on, by what *stack_state* knows of their users; else None."""
    rows = [
        owner.model_dump()
        for item in stack_state.resources
        for owner in getattr(item.state, "owners", None) or ()
    ]
    errors = working_keys(spec, rows)
    if len(errors) <= 1:
        return errors[0] if errors else None
    return NotContainedError(
        "leaked keys work on:", rows=[f"  {error}" for error in errors], remedy="mend the spec"
    )


def stays_open(resources: Iterable[Recorded | Applied]) -> dict[str, str]:
    """Return what an attacker keeps all the same, by the word of each kind of resource in use.

    And, by kind of principal and rung, which credentials live on and until when. What was not
    applied has no state, and counts for nothing.
    """
    states: dict[str, dict[str, Any]] = {}
    for item in resources:
        if item.state is not None:
            states.setdefault(item.state.principal, {})[item.resource] = item.state
    words = sorted({word for by_word in states.values() for word in by_word})
    survives = {
        word: ACTIONS_BY_RESOURCE[word].survives for word in words if word != "PrincipalSnapshot"
    }
    rungs = {arn: rung_of(by_word) for arn, by_word in states.items()}
    return survives | residuals.by_rung(
        (parse_principal(arn).kind, rung) for arn, rung in rungs.items() if rung is not None
    )


def steps(run_events: Events) -> list[dict[str, object]]:
    """Return what was done to each resource, as data."""
    return [
        {
            "op": step.op,
            "urn": step.urn,
            "resource": step.urn.split("::")[2].rpartition(":")[2],
            "name": step.urn.split("::", 3)[-1],
            "changed": list(step.changed),
            "failed": step.failed,
        }
        for step in run_events.steps
        if step.op != "refresh"
    ]


def warnings(messages: Iterable[Message]) -> list[str]:
    """Return what a run warned of, each once."""
    texts = [item.text for item in messages if item.severity == "warning"]
    return list(dict.fromkeys(texts))


def diagnostics(run_events: Events) -> list[dict[str, str]]:
    """Return what was said during the run, as data."""
    return [
        {"severity": item.severity, "message": item.message, "urn": item.urn}
        for item in run_events.diagnostics
    ]
