"""On which terms a lift goes: the state's, and only while the spec file says the same.

The engine does not run the program in a destroy, and a delete knows only the state; whoever edits
the file, or the state, would otherwise change what comes back without anybody having applied it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from containment.clock import utc_now
from containment.errors import APPLY_THEN_LIFT, LIFT, ConflictError, ContainmentError, SpecError
from containment.ledger.entries import last_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from containment.clock import Clock
    from containment.ledger import Ledger
    from containment.lifecycle.wire import Inputs, Lift
    from containment.spec import TermsInFile

Words = str | tuple[str, ...]

_APPLY_FIRST = (
    "run 'pulumi up' with the targets and rungs as they were applied, and change those afterwards"
)


def require_terms(
    state: Inputs,
    directory: Path,
    ledger: Ledger,
    *,
    applying: bool = False,
    clock: Clock = utc_now,
    anyway: Callable[[str], None] | None = None,
) -> None:
    """Compare the lift's terms in *state* with the spec file in *directory*.

    Args:
        state: what is lifted.
        directory: the project.
        ledger: what bears the state's terms out where the file is missing, if it is locked.
        applying: whether the file is being applied in this very run, which took *state* out of it
            or gave it another rung. A suspicion that has been confirmed meanwhile lifts alike.
        clock: the time, for what ends by itself.
        anyway: where what nobody swept is lifted all the same: told what works on.

    Raises:
        ConflictError: they differ, or the file cannot be read; or it is missing, and the state
            would give a leaked credential back or no ledger under object lock says the same; or
            something that came out of the leaked credential would work on.
    """
    # Only a lift reads the spec, and reading YAML costs every containment a third of a second.
    from containment.lifecycle.sweep_requirement import require_swept  # noqa: PLC0415
    from containment.spec import load, terms_in_file  # noqa: PLC0415

    terms = state.lift
    path = directory / terms.spec
    if not path.exists():
        _require_recorded(state, ledger)
        require_swept(state, path, None, applying=applying, now=clock, anyway=anyway)
        return
    try:
        spec = load(path)
        now = terms_in_file(spec, state.target, terms.leaked)
    except SpecError as error:
        raise ConflictError(
            f"{terms.spec} cannot be read, so nobody knows on which terms to lift: {error.message}",
            remedy=f"mend the file and run '{LIFT}' again",
        ) from error
    if now.hold:
        raise ConflictError(
            f"{terms.spec} says hold: true, so nothing of it is released",
            remedy=f"take that line out, {APPLY_THEN_LIFT}",
        )
    for word, in_file, applied in _differences(terms, now):
        if applying and word == "disposition" and "false-positive" not in {in_file, applied}:
            continue
        raise ConflictError(
            f"the file says {word} {_shown(in_file)}, the stack was applied as {_shown(applied)}",
            remedy=_APPLY_FIRST if applying else APPLY_THEN_LIFT,
        )
    require_swept(state, path, spec, applying=applying, now=clock, anyway=anyway)


def _require_recorded(state: Inputs, ledger: Ledger) -> None:
    """Let a lift go on without its spec file: by the terms that a locked ledger says were applied.

    Whoever edits the state writes a ledger in a folder beside it as well, so that says nothing.

    Raises:
        ConflictError: they were not applied, or keep it contained, or give a credential back.
    """
    terms = state.lift
    restore = f"restore the spec file (git log -- {terms.spec})"
    if terms.hold:
        raise ConflictError(
            f"{terms.spec} is missing, and the stack was applied with hold: true, so nothing of it"
            " is released",
            remedy=f"{restore}, take 'hold' out of it, {APPLY_THEN_LIFT}",
        )
    if terms.false_positive:
        raise ConflictError(
            f"{terms.spec} is missing, and the stack was applied as false-positive, which gives the"
            " leaked credentials back",
            remedy=f"{restore} and run '{LIFT}' again",
        )
    journal = ledger.journal_of(state.incident)
    evidence = journal.evidence() if journal.locked else None
    applied = last_terms(evidence.entries) if evidence else None
    expected = {"disposition": terms.disposition, "compromisedAt": terms.compromised_at}
    if (
        applied is None
        or applied.get("hold")
        or any(applied.get(name) != value for name, value in expected.items())
    ):
        raise ConflictError(
            f"{terms.spec} is missing, and no ledger under object lock says that the stack was"
            f" applied as {terms.disposition} without hold: the state alone does, with the files"
            " beside it, so nothing of it is released",
            remedy=f"{restore}, or write it anew with the terms that hold, {APPLY_THEN_LIFT}",
        )


def are_changed(state: Inputs, directory: Path) -> bool:
    """Tell whether the spec file says other terms of the lift than *state* was applied with.

    A file that is missing or cannot be read says none.
    """
    from containment.spec import load, terms_in_file  # noqa: PLC0415 -- as above

    try:
        spec = load(directory / state.lift.spec)
    except ContainmentError:
        return False
    now = terms_in_file(spec, state.target, state.lift.leaked)
    return any(True for _ in _differences(state.lift, now))


def _differences(terms: Lift, now: TermsInFile) -> Iterator[tuple[str, Words, Words]]:
    """Yield what the file and the state say of each term on which they differ."""
    for word, in_file, applied in (
        ("hold", str(now.hold).lower(), str(terms.hold).lower()),
        ("disposition", now.disposition, terms.disposition),
        ("compromised_at", now.compromised_at, terms.compromised_at),
        ("leaked", now.leaked, terms.leaked),
    ):
        if in_file is not None and in_file != applied:
            yield word, in_file, applied


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else (", ".join(value) or "none")
