"""Refuse a lift while a descendant of the leaked credential would still work after it.

The record beside the spec says what did (``containment.descendants``). A whole lift waits for all
of it; a single principal that is taken out of the spec waits for what is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.clock import utc_now
from containment.errors import ConflictError, SpecError, lift_of
from containment.spec.between import identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from containment.clock import Clock
    from containment.descendants import ContainedTarget
    from containment.lifecycle.wire import Inputs
    from containment.spec import IncidentSpec


def require_swept(
    state: Inputs,
    path: Path,
    spec: IncidentSpec | None,
    *,
    applying: bool = False,
    now: Clock = utc_now,
    anyway: Callable[[str], None] | None = None,
) -> None:
    """Refuse to lift *state* while a descendant in the record beside *path* would work on.

    Args:
        state: what is lifted.
        path: the spec file.
        spec: what it says; None if it is missing.
        applying: whether the file is being applied in this very run.
        now: the time.
        anyway: where somebody decided, with a reason, to lift all the same: told what works on.

    Raises:
        ConflictError: one would, or the record cannot be read.
    """
    from containment import descendants  # noqa: PLC0415 -- only a lift reads the record

    if state.lift.false_positive:
        return
    if applying and spec is not None and _still_target(state, spec):
        return  # a resource makes way for another one; the principal stays contained
    beside = descendants.path_beside(path)
    try:
        record = descendants.load(beside)
    except SpecError as error:
        raise ConflictError(error.message, remedy=error.remedy) from error
    if record is None:
        return
    open_descendants = descendants.unswept(record, _contained_targets(state, spec), now())
    if applying:
        open_descendants = [
            one for one in open_descendants if one.principal.lower() == state.target.label.lower()
        ]
    if open_descendants:
        what, remedy = descendants.describe_unswept(open_descendants, beside)
        if anyway is not None:
            anyway(what)
            return
        all_the_same = f"{lift_of(state.incident)} --force-ours 'sweep:REASON'"
        raise ConflictError(
            what, remedy=f"{remedy}; then lift. '{all_the_same}' lifts all the same, on record"
        )


def _still_target(state: Inputs, spec: IncidentSpec) -> bool:
    target = identity(state.target)
    return any(not t.access_key and identity(t.principal) == target for t in spec.targets)


def contained_targets(spec: IncidentSpec) -> list[ContainedTarget]:
    """Return whom *spec* contains, as far as a lift goes on keeping the attacker out of them."""
    from containment.descendants import ContainedTarget  # noqa: PLC0415 -- as above

    return [
        ContainedTarget(
            target.principal.label,
            str(target.rung),
            target.leaked,
            tuple(session.name for session in target.sessions if session.name),
        )
        for target in spec.targets
        if not target.access_key
    ]


def _contained_targets(state: Inputs, spec: IncidentSpec | None) -> list[ContainedTarget]:
    """Return whom the lift itself goes on keeping the attacker out of."""
    from containment.descendants import ContainedTarget  # noqa: PLC0415 -- as above

    targets = contained_targets(spec) if spec else []
    if not any(one.principal.lower() == state.target.label.lower() for one in targets):
        # What was lifted is fenced, and its leaked keys stay Inactive, whatever the file says now.
        targets.append(ContainedTarget(state.target.label, "deny-all", state.lift.leaked))
    return targets
