"""Every error the product raises on purpose.

::

    ContainmentError            exit 1
    ├── SpecError               exit 2   the incident spec, or a value on the command line
    ├── NotFoundError           exit 3   the principal, key or file is not there
    ├── NotContainedError       exit 4   a change did not take, or was undone
    ├── ConflictError           exit 5   live differs from what we left; a lift needs a decision
    ├── RefusedError            exit 7   identity, self-harm or a limit; nothing has changed
    ├── AccessError             exit 8   credentials or permissions are missing
    ├── UnavailableError        exit 9   AWS, the lab or the engine cannot be reached
    └── StoppedError            exit 130 somebody asked to stop

A message says what (with the id, in the reader's words) and why; *remedy* is the next step. Both
are shown as ``what; remedy``. Neither ever holds a secret: key ids may be shown, nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from containment.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# Characters that Unicode sets apart for a program's own use, and that no text in AWS can hold.
_EDGE, _MIDDLE = "\ufdd0", "\ufdd1"
_STEP = re.compile(f"{_EDGE}([a-z-]+){_MIDDLE}(.*?){_EDGE}", re.DOTALL)


def step(name: str, usual: str) -> str:
    """Return a part of a remedy that reads *usual*, unless who shows it takes another one."""
    return f"{_EDGE}{name}{_MIDDLE}{usual}{_EDGE}"


def _rendered(remedy: str, steps: Mapping[str, str]) -> str:
    return plain(_STEP.sub(lambda match: steps.get(match[1], match[2]), remedy))


# How a lift is run again, and how terms come to be those of the spec before one.
LIFT = step("lift", "pulumi destroy")
APPLY_THEN_LIFT = step("apply-then-lift", "run 'pulumi up' first, then lift")


def lift_of(incident: str) -> str:
    """Return the command that lifts *incident*, to which a decision is added."""
    return step("lift", f"containment lift {incident}")


class ContainmentError(Exception):
    """What went wrong, and the next step."""

    exit_code = 1

    # The kind of its cause, where that decides what the reader has to do.
    counts_as: type[ContainmentError] | None = None

    def __init__(self, message: str, *, remedy: str, rows: Sequence[str] = ()) -> None:
        """Say *message* and *remedy*, each on one line, and each of *rows* on one of its own.

        All of them may hold text from outside, which is made harmless here. In *remedy*, what is
        done depends on who runs it, is a `step`.
        """
        self._steps = remedy
        self.message = "\n".join(map(plain, (message, *rows)))
        self.remedy = _rendered(remedy, {})
        super().__init__(self.message)

    def take_steps(self, steps: Mapping[str, str]) -> None:
        """Have the remedy name these *steps*, by their names, in place of the usual ones."""
        self.remedy = _rendered(self._steps, steps)

    def __str__(self) -> str:
        """Return both parts on one line."""
        return f"{self.message}; {self.remedy}"


class SpecError(ContainmentError):
    """The incident spec, or a value that stands for part of one, cannot be used."""

    exit_code = 2


class NotFoundError(ContainmentError):
    """A principal, key, file or stack that was named is not there."""

    exit_code = 3


class NotContainedError(ContainmentError):
    """A change was asked for and live does not show it."""

    exit_code = 4


class ConflictError(ContainmentError):
    """Live is neither what we left nor what was there before; somebody has to decide."""

    exit_code = 5


class RefusedError(ContainmentError):
    """The change would hurt the responder or passes a limit. Nothing has been changed."""

    exit_code = 7


class AccessError(ContainmentError):
    """Credentials are missing, wrong, about to expire, or lack permissions."""

    exit_code = 8


class UnavailableError(ContainmentError):
    """AWS, the lab or the engine does not answer."""

    exit_code = 9


class StoppedError(ContainmentError):
    """Somebody asked to stop; what was in flight came to its end first."""

    exit_code = 130


def kinds() -> dict[str, type[ContainmentError]]:
    """Return the classes above by their names: the kinds of error that a verb can end with."""
    classes: list[type[ContainmentError]] = [ContainmentError, *ContainmentError.__subclasses__()]
    return {kind.__name__: kind for kind in classes if kind.__module__ == __name__}


def kind_of(error: ContainmentError) -> type[ContainmentError]:
    """Return the kind that *error* counts as: that of its cause where it says one, else its own."""
    if error.counts_as is not None:
        return error.counts_as
    return next(cls for cls in type(error).__mro__ if cls.__module__ == __name__)
