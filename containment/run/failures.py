"""What a failed run of the engine means: one error of ours, its next step and its exit code.

The engine ends with 1 for nearly everything, so the words decide: those of the engine (v3.259) and
those of our own provider, whose errors read ``what; next step``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containment.errors import (
    AccessError,
    ConflictError,
    ContainmentError,
    NotContainedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from containment.run import events, locks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.run.engine import Run
    from containment.run.events import Diagnostic

_CHECK = re.compile(r"^.*? has a problem: ", re.DOTALL)
_WRAPPED = re.compile(
    r"^(?:(?:Preview failed|deleting failed|creating failed|error): |\d+ errors? occurred: \* )+"
)
_SHOWN = 3
# What the engine says of a resource that the program protects, which is one on hold.
_PROTECTED = re.compile(r"because it is protected")
_ON_HOLD = (
    "it is on hold (hold: true), so nothing of it is released; take 'hold' out of the spec and run"
    " 'containment up', which changes nothing in AWS, before you release"
)

# In the order in which they are tried: what our own provider says, and what kind of failure it is.
_OURS: tuple[tuple[type[ContainmentError], re.Pattern[str]], ...] = (
    (
        AccessError,
        re.compile(
            r"no AWS credentials were found|does not accept the responder's credentials"
            r"|the credentials in use (?:expire|\(.*\) lack)|cannot be assumed"
            r"|is not authorized to perform"
        ),
    ),
    (RefusedError, re.compile(r"so the lift is not made|hold: true")),
    (UnavailableError, re.compile(r"no answer \(")),
    (
        ConflictError,
        re.compile(
            r"is already contained by|the file says |decide: '"
            r"|and the stack was applied as|nobody knows on which terms|and the claim on"
            r"|AWS refuses the trust policy|no room for the release fence|cannot be adopted"
            r"|this stack was applied at"
        ),
    ),
)

# What the engine itself says before it gets to work: the words, what they mean, the next step.
_THEIRS: tuple[tuple[type[ContainmentError], re.Pattern[str], str, str], ...] = (
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


class StoppedError(ContainmentError):
    """Somebody asked to stop; what was in flight came to its end first."""

    exit_code = 130


def of(run: Run, *, verb: str, stack: str) -> ContainmentError | None:
    """Return what *run* of *verb* failed with, or None if all is as declared."""
    if run.code == 0:
        return None
    if run.stopped:
        return StoppedError(
            f"stopped; the change in flight was finished and {stack}'s state knows of it",
            remedy=f"see 'containment status {stack}'; 'containment up {stack}' goes on,"
            f" 'containment lift {stack}' takes back",
        )
    found = [item for item in run.events.errors if events.is_ours(item.urn)]
    if verb != "preview" and run.events.is_preview and not run.events.errors and not run.complaint:
        # The preview came to a good end and nothing after it was begun: somebody said no.
        return RefusedError("declined; nothing has been changed", remedy="run it again to apply")
    if not found and run.complaint:
        return refused(run.complaint, doing=f"pulumi {verb}", stack=stack)
    if not found:
        found = run.events.errors
    if not found:
        return NotContainedError(
            f"pulumi {verb} ended with {run.code} and does not say why",
            remedy=f"look with 'containment status {stack}', then run it again",
        )
    return _failed(found, stack=stack, nothing_changed=_all_checks(found))


def refused(complaint: str, *, doing: str, stack: str) -> ContainmentError:
    """Return what the engine's *complaint* means where it did not get to work at all."""
    text = " ".join(events.plain(complaint).removeprefix("error:").split())
    held = locks.said(complaint)
    if held:
        what, step = held[0].explain(stack)
        return RefusedError(what, remedy=step)
    for kind, words, what, step in _THEIRS:
        if words.search(text):
            message = what.format(stack=stack, text=text)
            return kind(f"{doing}: {message}", remedy=step.format(stack=stack))
    message, step = _parted(text or "the engine said nothing")
    return _kind(message)(f"{doing}: {message}", remedy=step or "see 'pulumi about' and try again")


def _failed(found: Sequence[Diagnostic], *, stack: str, nothing_changed: bool) -> ContainmentError:
    texts = [_ours(item.message) for item in found]
    kinds = {_kind(text) for text in texts}
    kind = kinds.pop() if len(kinds) == 1 else NotContainedError
    if kind is NotContainedError and nothing_changed:
        kind = RefusedError
    if len(set(texts)) == 1:
        message, step = _parted(texts[0])
        at = found[0].where
        said = message if not at or nothing_changed else f"{at}: {message}"
        return kind(said, remedy=step or f"see 'containment status {stack}'")
    rows = [f"  {item.where}: {text}" for item, text in zip(found, texts, strict=True)]
    more = [f"  and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    head = "nothing has been changed, because:" if nothing_changed else "not as declared:"
    return kind(
        f"{stack}: {head}",
        rows=[*rows[:_SHOWN], *more],
        remedy=f"mend these and run it again; 'containment status {stack}' shows what is live",
    )


def _all_checks(found: Sequence[Diagnostic]) -> bool:
    # A Check fails in the preview, before anything is changed.
    return all(_CHECK.match(item.message) for item in found)


def _ours(message: str) -> str:
    if _PROTECTED.search(message):
        return _ON_HOLD
    return _WRAPPED.sub("", _CHECK.sub("", " ".join(message.split()), count=1)).strip()


def _kind(text: str) -> type[ContainmentError]:
    return next((kind for kind, words in _OURS if words.search(text)), NotContainedError)


def _parted(text: str) -> tuple[str, str]:
    message, _, step = text.rpartition("; ")
    return (message, step) if message else (text, "")
