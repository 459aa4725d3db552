"""The guardrails as a policy pack of Pulumi: the rules that a stack's inputs can answer.

The engine hands a pack what is declared, and no policy document, for the provider writes those; and
it asks no pack about a delete. So these rules are the ones about who is contained, by whom and how
many; a review asks all of them, of lifts too, by the same names.

An input that is not known in a preview makes a rule answer ``unknown``, which is a violation as
well: Pulumi itself turns it into a note, and the rule would pass (``pulumi_policy``, ``Analyze``).
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from containment.clock import utc_now
from containment.errors import ContainmentError
from containment.identities import parse_principal
from containment.profile import load as load_profile
from containment.review.facts import protections, resembling
from containment.spec import load
from policies.guardrails import (
    INCIDENT_RULES,
    LIMITS,
    WHOLE_RULES,
    Finding,
    IncidentFacts,
    PrincipalFacts,
    Rule,
    WholeFacts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from containment.profile import Profile
    from containment.spec import IncidentSpec

NAME = "containment-guardrails"
ASKED = frozenset(
    {"protected-principals", "guard", "owner-and-review-date", "look-alikes", "analysed", LIMITS}
)
"""The rules that the inputs of a stack can answer."""

_ADVISORY = frozenset({"look-alikes"})
_PREFIX = "containment:index:"
_GUARD = f"{_PREFIX}GuardPolicy"


class Declared(Protocol):
    """A resource as the engine hands it to a pack."""

    @property
    def resource_type(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def props(self) -> Any: ...


def main() -> None:
    """Serve the pack to the engine that started this."""
    sdk = import_module("pulumi_policy")
    unknown = import_module("pulumi_policy.proxy").UnknownValueError
    level = sdk.EnforcementLevel

    def validate(name: str, arguments: Any, report: Callable[[str], None]) -> None:
        for finding in violations(name, arguments.resources, Path.cwd(), utc_now(), unknown):
            report(f"{finding.what}; {finding.remedy}")

    rules: tuple[Rule[Any], ...] = (*INCIDENT_RULES, *WHOLE_RULES)
    summaries = {rule.name: rule.summary for rule in rules}
    sdk.PolicyPack(
        NAME,
        [
            sdk.StackValidationPolicy(
                name,
                summaries[name],
                partial(validate, name),
                level.ADVISORY if name in _ADVISORY else level.MANDATORY,
            )
            for name in sorted(ASKED)
        ],
    )


def violations(
    name: str,
    resources: Sequence[Declared],
    directory: Path,
    now: datetime,
    unknown: type[Exception],
) -> tuple[Finding, ...]:
    """Return what the rule *name* finds in what a stack declares.

    Args:
        name: of the rule.
        resources: the stack's.
        directory: the project.
        now: the time.
        unknown: what is raised where an input is asked for that is not known yet.
    """
    own = [one for one in resources if one.resource_type.startswith(_PREFIX)]
    if not own:
        return ()
    try:
        profile = load_profile(directory)
    except ContainmentError as error:
        return (Finding(name, "unknown", "", f"the profile cannot be used: {error}", "mend it"),)
    principals = dict(_principals(own, unknown))
    if name == LIMITS:
        return _limits(principals, profile)
    facts = _facts(own, principals, profile, _spec(own, directory, unknown), now, unknown)
    return next(
        tuple(
            finding for finding in rule(facts) if name in _ADVISORY or finding.outcome != "flagged"
        )
        for rule in INCIDENT_RULES
        if rule.name == name
    )


def _limits(principals: dict[str, bool], profile: Profile) -> tuple[Finding, ...]:
    named = tuple(arn for arn, is_known in principals.items() if is_known)
    accounts = tuple(sorted({arn.split(":")[4] for arn in named}))
    whole = WholeFacts(tuple(principals), accounts, profile.most_principals, profile.most_accounts)
    (rule,) = (one for one in WHOLE_RULES if one.name == LIMITS)
    return rule(whole)


def _facts(  # noqa: PLR0917 -- all that the rules are asked of
    own: Sequence[Declared],
    principals: dict[str, bool],
    profile: Profile,
    spec: IncidentSpec | None,
    now: datetime,
    unknown: type[Exception],
) -> IncidentFacts:
    break_glass = spec.break_glass if spec else ()
    modes = [_input(one, "mode", unknown) for one in own if one.resource_type == _GUARD]
    others = {*principals, *break_glass}
    for account in {arn.split(":")[4] for arn, is_known in principals.items() if is_known}:
        others |= {one.arn for _, one in profile.protected_in(account)}
    return IncidentFacts(
        _stack(own, unknown) or "",
        str(spec.disposition) if spec else None,
        owner=spec.owner if spec else None,
        review_by=spec.review_by if spec else None,
        now=now,
        guard="off" if not modes else modes[0],
        guard_required=profile.guard_required,
        principals=tuple(
            PrincipalFacts(
                arn,
                "contain",
                protections=protections(arn, profile, break_glass),
                resembles=tuple(resembling(arn, others)),
            )
            if is_known
            else PrincipalFacts(arn)
            for arn, is_known in principals.items()
        ),
    )


def _principals(own: Sequence[Declared], unknown: type[Exception]) -> Iterator[tuple[str, bool]]:
    """Yield the ARN of whom each resource is about, or its name where that is not known."""
    for one in own:
        if one.resource_type == _GUARD:
            continue  # of an account
        arn = _input(one, "principal", unknown)
        try:
            yield parse_principal(arn or "").arn, True
        except ContainmentError:
            yield one.name, False


def _spec(
    own: Sequence[Declared], directory: Path, unknown: type[Exception]
) -> IncidentSpec | None:
    stack = _stack(own, unknown)
    try:
        return load(directory / "stacks" / f"{stack}.yaml", stack=stack) if stack else None
    except ContainmentError:
        return None


def _stack(own: Sequence[Declared], unknown: type[Exception]) -> str | None:
    """Return the incident that all of them are of; None where that is not known, or is several."""
    named = {_input(one, "incident", unknown) for one in own}
    return named.pop() if len(named) == 1 else None


def _input(one: Declared, name: str, unknown: type[Exception]) -> str | None:
    """Return an input as text; None where it is none, or not known."""
    try:
        value = one.props.get(name)
    except unknown:
        return None
    return value if isinstance(value, str) else None
