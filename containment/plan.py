"""From a spec to what is declared: which actions on which principal, in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from containment.actions import ACTIONS
from containment.errors import NotContainedError
from containment.identities import parse_principal
from containment.lifecycle.wire import Lift, Wire
from containment.spec import (
    Disposition,
    Guard,
    GuardMode,
    IncidentSpec,
    Rung,
    Target,
    lift_terms,
    target_for,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from containment.identities import Principal
    from containment.profile import Profile

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One resource to declare.

    Attributes:
        resource: the word for the class, as in ``containment.actions``.
        inputs: what is known from the spec.
        from_snapshot: inputs that are outputs of the snapshot, by input name.
    """

    resource: str
    inputs: Values
    from_snapshot: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class PrincipalPlan:
    """A principal's resources, the snapshot first; with *hold* the engine releases none."""

    principal: Principal
    rung: Rung
    snapshot: Declaration
    declarations: tuple[Declaration, ...]
    hold: bool = False


def plan(
    spec: IncidentSpec, *, spec_file: str, profile: Profile | None = None
) -> tuple[PrincipalPlan, ...]:
    """Return what *spec* declares; every access key in it is pinned to its user already.

    Args:
        spec: the incident.
        spec_file: where it was read from, relative to the project, for a lift to read again.
        profile: the project's; its break-glass principals are added to the spec's.
    """
    # All targets of a spec are in one account.
    named = profile.break_glass_in(spec.targets[0].principal.account) if profile else ()
    whole = spec.model_copy(
        update={
            "break_glass": tuple(sorted({*spec.break_glass, *named})),
            "guard": guard_of(spec.guard, profile),
        }
    )
    return tuple(_principal(whole, target, spec_file) for target in whole.targets)


def owners(
    spec: IncidentSpec,
    rung: Rung,
    owner_rows: Sequence[Mapping[str, Any]],
    *,
    spec_file: str,
    profile: Profile | None = None,
) -> tuple[PrincipalPlan, ...]:
    """Return what is declared for users to whom leaked keys of a target led, and who are none.

    Args:
        spec: the incident.
        rung: the target's, which is theirs as well, but for those of a later wave.
        owner_rows: the output ``owners`` of the target's snapshot.
        spec_file: as for :func:`plan`.
        profile: as for :func:`plan`.
    """
    strangers: list[Target] = []
    for item in owner_rows:
        principal = parse_principal(str(item["principal"]))
        if target_for(spec, principal) is None:
            # As its own wave will have it, so that this changes nothing then.
            later = _later_target(spec, principal)
            leaked = tuple(item["leaked"])
            strangers.append(later or Target(user=principal.arn, leaked=leaked, rung=rung))
    if not strangers:
        return ()
    # The incident has one guard, which its own targets declare.
    also = spec.model_copy(update={"targets": tuple(strangers), "guard": Guard()})
    unguarded = replace(profile, guard_required=False) if profile else None
    return plan(also, spec_file=spec_file, profile=unguarded)


def working_keys(
    spec: IncidentSpec, owner_rows: Sequence[Mapping[str, Any]]
) -> tuple[NotContainedError, ...]:
    """Return which leaked keys work on, because *spec* has their users at a rung that spares them.

    Args:
        spec: the incident.
        owner_rows: as for :func:`owners`.
    """
    errors: list[NotContainedError] = []
    for item in owner_rows:
        principal = parse_principal(str(item["principal"]))
        target = target_for(spec, principal) or _later_target(spec, principal)
        if target is None or target.rung is Rung.DENY_ALL:
            continue
        errors += [  # no key is in two targets, so it is not in this one's
            NotContainedError(
                f"{key} leaked and works on: it is a key of {principal.arn}, which the spec has at"
                f" rung {target.rung.value} without it",
                remedy=f"move {key} into 'leaked' of that target, at rung key-only or deny-all",
            )
            for key in item["leaked"]
        ]
    return tuple(errors)


def _later_target(spec: IncidentSpec, principal: Principal) -> Target | None:
    return target_for(spec.model_copy(update={"targets": spec.later}), principal)


def notices(spec: IncidentSpec) -> tuple[str, ...]:
    """Return what a responder must know about *spec* that no resource will say."""
    lines: list[str] = []
    if spec.hold:
        lines.append(
            "hold: true: nothing is released, not by a lift, not by taking a target out and not by"
            " lowering a rung; take the line out and run 'pulumi up' before"
        )
    if spec.disposition is Disposition.FALSE_POSITIVE:
        lines.append("disposition: false-positive: a lift gives the leaked credentials back")
    return tuple(lines)


def guard_of(guard: Guard, profile: Profile | None) -> Guard:
    """Return the guard that spec and *profile* ask for together."""
    if profile is None or not profile.guard_required:
        return guard
    mode = GuardMode.FREEZE if guard.mode is GuardMode.OFF else guard.mode
    return Guard(mode=mode, required=True)


def _principal(spec: IncidentSpec, target: Target, spec_file: str) -> PrincipalPlan:
    principal = target.principal
    terms = lift_terms(spec, principal)
    common: Values = {
        "incident": spec.incident,
        "principal": principal.arn,
        "lift": Lift(
            spec=spec_file,
            disposition=terms.disposition.value,
            compromised_at=terms.compromised_at,
            leaked=terms.leaked,
            hold=terms.hold,
        ),
    }
    snapshot_of, *others = ACTIONS
    declarations = [
        Declaration(
            action.resource,
            _on_the_wire({**common, **inputs}),
            {to_camel(name): to_camel(name) for name in action.snapshot_inputs()},
        )
        for action in others
        if (inputs := action.inputs_for(spec, target)) is not None
    ]
    remembered = snapshot_of.inputs_for(spec, target) or {}
    uses = [declaration.resource for declaration in declarations]
    snapshot = Declaration(
        snapshot_of.resource, _on_the_wire({**common, **remembered, "uses": uses})
    )
    return PrincipalPlan(principal, target.rung, snapshot, tuple(declarations), spec.hold)


def _on_the_wire(inputs: Mapping[str, Any]) -> Values:
    def plain(value: Any) -> Any:
        if isinstance(value, Wire):
            return value.model_dump(mode="json", by_alias=True, exclude_none=True)
        return [plain(item) for item in value] if isinstance(value, list) else value

    return {to_camel(name): plain(value) for name, value in inputs.items()}
