"""What a level of verification saw: one claim, of one subject, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["V1", "V2", "V2b", "V3", "V4", "V4+", "V5"]
# A claim that was shown; one that was shown to be false; one that nobody could show or refute; and
# what is to be known beside.
Outcome = Literal["holds", "broken", "open", "note"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim, and what was seen of it.

    Attributes:
        level: which level looked.
        subject: whom or what it is about: a principal's ARN, a credential's id, an account.
        outcome: whether the claim is shown.
        what: what was seen, in words.
        step: what to do next, where it is not shown.
        reading: which of the readings of V1 saw it; 0 at other levels.
        artefact: the kind of artefact whose effect was seen, where a live denial shows one.
        request: the id that AWS gave the request that was seen.
        authorization: the id of AWS's own record of it.
    """

    level: Level
    subject: str
    outcome: Outcome
    what: str
    step: str = ""
    reading: int = 0
    artefact: str = ""
    request: str = ""
    authorization: str = ""
