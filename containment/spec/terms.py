"""Which users the access keys of a spec stand for, and on what terms a principal is lifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from containment.errors import SpecError
from containment.spec.between import across, identity
from containment.spec.fields import moment_text
from containment.spec.target import Target

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from containment.identities import Principal
    from containment.spec.incident import IncidentSpec
    from containment.spec.vocabulary import Disposition


def pin(spec: IncidentSpec, resolved: Mapping[str, str]) -> IncidentSpec:
    """Return *spec* with each access key target replaced by its user and that leaked key.

    Args:
        spec: a spec that may name access keys.
        resolved: the user's ARN for each access key id; keys the spec does not name are ignored.

    Raises:
        SpecError: a key is not in *resolved*, or two targets turn out to be one principal.
    """
    targets: list[Target] = []
    for index, target in enumerate(spec.targets):
        if target.access_key is None:
            targets.append(target)
            continue
        arn = resolved.get(target.access_key)
        if arn is None:
            raise SpecError(
                f"targets[{index}]: access key {target.access_key} is not resolved to its user",
                remedy=f"run 'containment resolve {target.access_key}' and write what it prints",
            )
        named_user = Target(user=arn, leaked=(target.access_key,), rung=target.rung)
        targets.append(named_user.model_copy(update={"wave": target.wave}))
    numbered = list(enumerate(targets))
    if problems := list(across(numbered, spec.break_glass, spec.limits.principals)):
        first = problems[0]
        places = (place[1] for place in (first.location, first.beside) if len(place) > 1)
        named = [spec.targets[index].named for index in places if isinstance(index, int)]
        raise SpecError(f"{first.field}: {first.what} ({' and '.join(named)})", remedy=first.mend)
    return spec.model_copy(update={"targets": tuple(targets)})


@dataclass(frozen=True, slots=True)
class LiftTerms:
    """What decides, at a lift, which of a principal's credentials come back."""

    disposition: Disposition
    compromised_at: str
    leaked: tuple[str, ...]
    hold: bool = False


@dataclass(frozen=True, slots=True)
class TermsInFile:
    """The terms of a lift as far as a spec states them; *leaked* is None for no target of it."""

    disposition: Disposition
    compromised_at: str
    leaked: tuple[str, ...] | None
    hold: bool = False


def target_for(spec: IncidentSpec, principal: Principal) -> Target | None:
    """Return the target that is *principal*; a target that is an access key is nobody yet."""
    named = (target for target in spec.targets if target.access_key is None)
    named_identity = identity(principal)
    return next((target for target in named if identity(target.principal) == named_identity), None)


def lift_terms(spec: IncidentSpec, principal: Principal) -> LiftTerms:
    """Return the terms on which *principal* is lifted.

    Raises:
        SpecError: it is no target of *spec*.
    """
    target = target_for(spec, principal)
    if target is None:
        raise SpecError(
            f"{principal.label} is no target of {spec.incident}",
            remedy="name it under 'targets', or pin the access key that stands for it",
        )
    moment = moment_text(spec.compromised_at)
    return LiftTerms(spec.disposition, moment, tuple(sorted(target.leaked)), spec.hold)


def terms_in_file(
    spec: IncidentSpec, principal: Principal, known_leaked: Collection[str] = ()
) -> TermsInFile:
    """Return what *spec* says now about lifting *principal*, which it may no longer name.

    Args:
        spec: the file as it is at the lift.
        principal: who is lifted.
        known_leaked: the leaked keys the stack was applied with; an access key among them that
            stands for its user in the file stands for *principal*.

    Raises:
        SpecError: *principal* is not named, and an access key is that may be its own.
    """
    moment = moment_text(spec.compromised_at)
    if target := target_for(spec, principal):
        return TermsInFile(spec.disposition, moment, tuple(sorted(target.leaked)), spec.hold)
    own = [key for key in spec.unpinned if key in known_leaked]
    if spec.unpinned and not own and principal.kind == "user":
        key = spec.unpinned[0]
        raise SpecError(
            f"{spec.incident} names access key {key} and not the user it belongs to",
            remedy=f"run 'containment resolve {key}' and write the lines it prints",
        )
    leaked = tuple(sorted(own)) if own else None
    return TermsInFile(spec.disposition, moment, leaked, spec.hold)
