"""What a spec says otherwise than before, field by field. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.review.model import FieldChange
from containment.spec import Disposition, GuardMode, Rung, moment_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.spec import IncidentSpec, Target

_RUNGS = list(Rung)
_GUARDS = (GuardMode.OFF, GuardMode.FREEZE, GuardMode.QUARANTINE)


def spec_changes(before: IncidentSpec | None, after: IncidentSpec) -> tuple[FieldChange, ...]:
    """Return what *after* says otherwise than *before*; nothing where there was no spec."""
    return tuple(_changes(before, after)) if before is not None else ()


def _changes(before: IncidentSpec, after: IncidentSpec) -> Iterator[FieldChange]:
    for name in ("title", "owner", "severity", "cause", "compromised_at_source"):
        old, new = str(getattr(before, name)), str(getattr(after, name))
        if old != new:
            yield FieldChange(name, old, new)
    if before.review_by != after.review_by:
        yield FieldChange("review_by", moment_text(before.review_by), moment_text(after.review_by))
    if before.compromised_at != after.compromised_at:
        # What was made before T0 is taken for the owner's, and comes back at a lift.
        later = after.compromised_at > before.compromised_at
        old, new = moment_text(before.compromised_at), moment_text(after.compromised_at)
        yield FieldChange("compromised_at", old, new, loosens=later)
    if before.disposition != after.disposition:
        loosens = after.disposition is Disposition.FALSE_POSITIVE
        yield FieldChange(
            "disposition", str(before.disposition), str(after.disposition), loosens=loosens
        )
    if before.hold != after.hold:
        yield FieldChange(
            "hold", str(before.hold).lower(), str(after.hold).lower(), loosens=before.hold
        )
    if before.guard != after.guard:
        weaker = _GUARDS.index(after.guard.mode) < _GUARDS.index(before.guard.mode)
        unasked = before.guard.required and not after.guard.required
        yield FieldChange("guard", _guard(before), _guard(after), loosens=weaker or unasked)
    if before.limits != after.limits:
        old, new = str(before.limits.principals), str(after.limits.principals)
        yield FieldChange("limits.principals", old, new)
    yield from _listed("break_glass", before.break_glass, after.break_glass)
    yield from _targets(before, after)


def _guard(spec: IncidentSpec) -> str:
    return f"{spec.guard.mode}{', required' if spec.guard.required else ''}"


def _targets(before: IncidentSpec, after: IncidentSpec) -> Iterator[FieldChange]:
    old = {target.named: target for target in before.targets}
    new = {target.named: target for target in after.targets}
    for name in (*old, *(name for name in new if name not in old)):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            words = (_words(was), _words(now))
            yield FieldChange(f"target {name}", *words, loosens=now is None)
        elif was != now:
            yield FieldChange(
                f"target {name}", _words(was), _words(now), loosens=_is_looser(was, now)
            )


def _is_looser(before: Target, after: Target) -> bool:
    lower = _RUNGS.index(after.rung) < _RUNGS.index(before.rung)
    # None named: all of them count as leaked.
    fewer = set(before.leaked) - set(after.leaked) or (after.leaked and not before.leaked)
    sessions = any(one not in after.sessions for one in before.sessions)
    return lower or bool(fewer) or (sessions and after.rung is Rung.SESSION)


def _words(target: Target | None) -> str:
    if target is None:
        return "none"
    leaked = f", leaked {', '.join(target.leaked)}" if target.leaked else ""
    marks = ", ".join("=".join(one.mark) for one in target.sessions)
    return f"{target.rung}{leaked}{f', sessions {marks}' if marks else ''}"


def _listed(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[FieldChange]:
    added, removed = set(after) - set(before), set(before) - set(after)
    for arn in sorted(added):
        # Whoever is added is let in whatever is denied.
        yield FieldChange(name, "none", arn, loosens=True)
    for arn in sorted(removed):
        yield FieldChange(name, arn, "none", loosens=True)
