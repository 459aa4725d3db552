"""How a run of the engine ended, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from containment.messages import MadeChange, Message
    from containment.run.events import Events
    from containment.run.locks import Lock


@dataclass(frozen=True, slots=True)
class Run:
    """How a run that was shown live ended.

    *complaint* is what the engine said against it, *messages* what the provider and the program
    said, of which the engine passes on the text alone, and *changes* what was changed in AWS.
    *locks* are whose run it was that kept this one from beginning, if that is why.
    """

    code: int
    events: Events
    complaint: str = ""
    stopped: bool = False
    messages: tuple[Message, ...] = ()
    changes: tuple[MadeChange, ...] = ()
    locks: tuple[Lock, ...] = ()
