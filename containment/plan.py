"""From a spec to what is declared: which actions on which principal, in which order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from containment.errors import RefusedError
from containment.spec import Disposition, IncidentSpec, Rung, Target, lift_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from containment.identities import Principal

Values = dict[str, Any]

# Every mutating resource hangs on its snapshot by these, so that none starts before it is stored.
_FROM_SNAPSHOT = {"principalId": "principalId", "snapshotId": "snapshotId", "endpoint": "endpoint"}
_SCOPES = {
    Rung.DENY_ALL: "all",
    Rung.REVOKE_SESSIONS: "issued-before",
    Rung.CLOSE_TRUST: "issued-before",
    Rung.SESSION: "sessions",
}


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
    held: tuple[Declaration, ...]
    hold: bool = False


def plan(spec: IncidentSpec, *, spec_file: str) -> tuple[PrincipalPlan, ...]:
    """Return what *spec* declares; every access key in it is pinned to its user already.

    Args:
        spec: the incident.
        spec_file: where it was read from, relative to the project, for a lift to read again.

    Raises:
        RefusedError: the spec requires a guard, which this version cannot set.
    """
    if spec.guard.required:
        raise RefusedError(
            f"guard: {spec.guard.mode.value} is required and not part of this version",
            remedy="attach the service control policy by hand and write 'required: false'",
        )
    cohort = [target.principal.arn for target in spec.targets if target.rung is not Rung.KEY_ONLY]
    return tuple(_principal(spec, target, spec_file, cohort) for target in spec.targets)


def notices(spec: IncidentSpec) -> tuple[str, ...]:
    """Return what a responder must know about *spec* that no resource will say."""
    said: list[str] = []
    if spec.guard.mode != "off":
        said.append(
            f"guard: {spec.guard.mode.value} is not part of this version; without a control outside"
            " the account an adversary with IAM rights can take every deny off again"
        )
    if spec.hold:
        said.append(
            "hold: true: nothing is released, not by a lift, not by taking a target out and not by"
            " lowering a rung; take the line out and run 'pulumi up' before"
        )
    if spec.disposition is Disposition.FALSE_POSITIVE:
        said.append("disposition: false-positive: a lift gives the leaked credentials back")
    return tuple(said)


def _principal(
    spec: IncidentSpec, target: Target, spec_file: str, cohort: list[str]
) -> PrincipalPlan:
    principal = target.principal
    terms = lift_terms(spec, principal)
    common: Values = {
        "incident": spec.incident,
        "principal": principal.arn,
        "lift": {
            "spec": spec_file,
            "disposition": terms.disposition,
            "compromisedAt": terms.compromised_at,
            "leaked": list(terms.leaked),
            "hold": terms.hold,
        },
    }
    held = tuple(_held(spec, target, common, cohort))
    snapshot = Declaration(
        "PrincipalSnapshot",
        {
            **common,
            "breakGlass": sorted(spec.break_glass),
            "uses": [declaration.resource for declaration in held],
        },
    )
    return PrincipalPlan(principal, target.rung, snapshot, held, spec.hold)


def _held(
    spec: IncidentSpec, target: Target, common: Values, cohort: list[str]
) -> list[Declaration]:
    declared: list[Declaration] = []
    if target.rung is Rung.CLOSE_TRUST:
        declared.append(
            Declaration(
                "ClosedTrustPolicy",
                {**common, "breakGlass": sorted(spec.break_glass)},
                {**_FROM_SNAPSHOT, "trustPolicy": "trustPolicy"},
            )
        )
    if target.rung in _SCOPES:
        scope = _SCOPES[target.rung]
        inputs = {**common, "scope": scope}
        if scope == "sessions":
            inputs["sessions"] = [_session(session) for session in target.sessions]
        if scope == "issued-before":
            inputs["cohort"] = [arn for arn in cohort if arn != target.principal.arn]
        if target.rung is Rung.CLOSE_TRUST:
            inputs["closedButFor"] = sorted(spec.break_glass)
        declared.append(
            Declaration(
                "DenyPolicy",
                inputs,
                {**_FROM_SNAPSHOT, "attachedPolicies": "attachedPolicies"},
            )
        )
    if target.rung in {Rung.DENY_ALL, Rung.KEY_ONLY} and target.principal.kind == "user":
        which = "leaked" if target.rung is Rung.KEY_ONLY else "all"
        declared.append(
            Declaration(
                "InactiveCredentials",
                {**common, "which": which},
                {**_FROM_SNAPSHOT, "accessKeys": "accessKeys"},
            )
        )
    return declared


def _session(session: Any) -> Values:
    named = session.model_dump(exclude_none=True)
    words = {
        "name": "name",
        "source_identity": "sourceIdentity",
        "source_ip": "sourceIp",
        "source_instance": "sourceInstance",
    }
    return {words[name]: value for name, value in named.items()}
