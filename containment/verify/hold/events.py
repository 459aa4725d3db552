"""What holding an incident saw or did, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "reasserted",  # what was stripped is in force again
    "proposed",  # somebody or something new, and the target that would hold it
    "extended",  # the same, contained now
    "alarm",  # what no target can hold, such as an opened trust of the responder's role
    "guard",  # only a control outside the account wins
    "used",  # a contained credential succeeded after T
    "evidence",  # AWS's own record of a refusal, kept while AWS has it
    "waiting",  # somebody else changes the stack
    "problem",  # something could not be seen or done
    "ended",  # there is nothing to hold any more
]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing.

    Attributes:
        kind: what kind of thing.
        subject: of whom or of what, an ARN as a rule.
        what: in words.
        step: the next step for whoever reads it; empty where there is none.
        count: for ``reasserted``, how often that was undone so far.
    """

    kind: Kind
    subject: str
    what: str
    step: str = ""
    count: int = 0
