"""What a failed run of the engine means: one error of ours, its next step and its exit code.

What our provider and our program raise comes as data (`containment.messages`), with its kind. Only
what the engine (v3.259) itself says is told by its words: it ends with 1 for nearly everything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containment.errors import (
    AccessError,
    ContainmentError,
    NotContainedError,
    NotFoundError,
    RefusedError,
    StoppedError,
    UnavailableError,
)
from containment.run import events, locks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.messages import Message
    from containment.run.events import Diagnostic
    from containment.run.result import Run

_SHOWN = 3
# What the engine says of a state that it can read and not use.
_UNUSABLE = re.compile(
    r"snapshot integrity failure|failed to load checkpoint|could not deserialize deployment"
    r"|unsupported checkpoint version|unknown secrets provider type"
)
# What the engine says of a resource that the program protects, which is one on hold.
_PROTECTED = re.compile(r"because it is protected")

# What the engine itself says before it gets to work: the words, what they mean, the next step.
_ENGINE_SENTENCES: tuple[tuple[type[ContainmentError], re.Pattern[str], str, str], ...] = (
    (
        AccessError,
        re.compile(r"incorrect passphrase|passphrase must be set|PULUMI_CONFIG_PASSPHRASE"),
        "the passphrase of stack {stack} is missing or wrong",
        "set PULUMI_CONFIG_PASSPHRASE to the one that the stack was made with",
    ),
    (
        AccessError,
        re.compile(r"PULUMI_ACCESS_TOKEN must be set|not logged in|no credentials provided"),
        "nobody said where the state is kept",
        "run 'pulumi login' or set PULUMI_BACKEND_URL (for the lab: see 'containment lab env')",
    ),
    (
        UnavailableError,
        re.compile(r"unable to open state directory|could not list bucket|unable to check if"),
        "the state cannot be reached ({text})",
        "check PULUMI_BACKEND_URL and that the place is there",
    ),
    (
        NotFoundError,
        re.compile(r"no stack named '[^']+' found|no stack selected"),
        "stack {stack} has never been applied, or its state is lost",
        "run 'containment up {stack}', or 'containment adopt {stack}' if it is live already",
    ),
    (UnavailableError, re.compile(r"make setup"), "the engine is missing", "run 'make setup'"),
)


def error_of(  # noqa: PLR0911 -- one return for each way to end
    run: Run, *, verb: str, stack: str
) -> ContainmentError | None:
    """Return what *run* of *verb* failed with, or None if all is as declared."""
    if run.code == 0:
        return None
    if run.stopped:
        return StoppedError(
            f"stopped; the change in flight was finished and {stack}'s state knows of it",
            remedy=f"see 'containment status {stack}'; 'containment up {stack}' goes on,"
            f" 'containment lift {stack}' takes back",
        )
    failed = [item for item in run.messages if item.is_error]
    said_of = {item.urn for item in failed}
    others = [
        item for item in run.events.errors if events.is_ours(item.urn) and item.urn not in said_of
    ]
    if failed or others:
        return _together(failed, [_by_engine(item) for item in others], stack=stack)
    if verb != "preview" and run.events.is_preview and not run.events.errors and not run.complaint:
        # The preview came to a good end and nothing after it was begun: somebody said no.
        return RefusedError("declined; nothing has been changed", remedy="run it again to apply")
    if run.locks:
        what, step = run.locks[0].explain(stack)
        return RefusedError(what, remedy=step)
    if run.complaint:
        return refused(run.complaint, doing=f"pulumi {verb}", stack=stack)
    unexplained = NotContainedError(
        f"pulumi {verb} ended with {run.code} and does not say why",
        remedy=f"look with 'containment status {stack}', then run it again",
    )
    engine_errors = [_by_engine(item) for item in run.events.errors] or [("", unexplained)]
    return _together([], engine_errors, stack=stack)


def raised(messages: Sequence[Message], *, stack: str) -> ContainmentError | None:
    """Return the errors among *messages* as one, or None if there is none."""
    failed = [item for item in messages if item.is_error]
    return _together(failed, [], stack=stack) if failed else None


def is_unusable_state(run: Run) -> bool:
    """Tell whether the engine began nothing because it cannot make sense of the state."""
    return not run.events.steps and _UNUSABLE.search(events.plain(run.complaint)) is not None


def refused(complaint: str, *, doing: str, stack: str) -> ContainmentError:
    """Return what the engine's *complaint* means where it did not get to work at all."""
    text = " ".join(events.plain(complaint).removeprefix("error:").split())
    if locks.is_complaint(complaint):
        return RefusedError(
            f"{stack} is locked by another run",
            remedy=f"see whose it is with 'containment status {stack}'",
        )
    for kind, words, what, step in _ENGINE_SENTENCES:
        if words.search(text):
            message = what.format(stack=stack, text=text)
            return kind(f"{doing}: {message}", remedy=step.format(stack=stack))
    message, _, step = (text or "the engine said nothing").rpartition("; ")
    if not message:
        message, step = step, "see 'pulumi about' and try again"
    return NotContainedError(f"{doing}: {message}", remedy=step)


def _together(
    failed: Sequence[Message], others: Sequence[tuple[str, ContainmentError]], *, stack: str
) -> ContainmentError:
    """Return what was raised as one error, of the one kind that all have or else not contained.

    The kind does not hang on whether it was a preview: a run would meet the same.
    """
    errors = [(_where(item.urn), item.error()) for item in failed] + list(others)
    nothing_changed = not others and all(item.changed_nothing for item in failed)
    kinds = {type(error) for _, error in errors}
    kind = kinds.pop() if len(kinds) == 1 else NotContainedError
    texts = {str(error) for _, error in errors}
    if len(texts) == 1:
        where, error = errors[0]
        first, *rows = error.message.split("\n")
        message = first if not where or nothing_changed else f"{where}: {first}"
        return kind(message, remedy=error.remedy, rows=rows)
    rows = [f"  {where}: {error}" for where, error in errors]
    more = [f"  and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    head = "nothing has been changed, because:" if nothing_changed else "not as declared:"
    return kind(
        f"{stack}: {head}",
        rows=[*rows[:_SHOWN], *more],
        remedy=f"mend these and run it again; 'containment status {stack}' shows what is live",
    )


def _where(urn: str) -> str:
    return f"{events.kind_of(urn)} {events.name_of(urn)}" if events.is_ours(urn) else ""


def _by_engine(item: Diagnostic) -> tuple[str, ContainmentError]:
    """Return what the engine itself says at a resource, which none of our processes said."""
    where = _where(item.urn)
    if _PROTECTED.search(item.message):
        return where, RefusedError(
            "it is on hold (hold: true), so nothing of it is released",
            remedy="take 'hold' out of the spec and run 'containment up', which changes nothing in"
            " AWS, before you release",
        )
    return where, NotContainedError(
        " ".join(item.message.split()), remedy="see 'containment status', then run it again"
    )
