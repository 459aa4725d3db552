"""`containment hold --extend` beside a fight, on the lab's clock."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from containment.identities import parse_principal
from containment.run.state import StackState
from containment.verify.hold.events import Event
from containment.verify.hold.holding import Hold
from containment.verify.hold.rounds import Rounds
from containment.verify.hold.search import Search
from tests.adversary.arena import Fight


@dataclass
class KeptStack:
    """The stack of a fight: its state as the engine would have left it, and its lock."""

    fight: Fight

    def read(self) -> StackState:
        return self.fight.state()

    @contextmanager
    def taken(self) -> Generator[bool]:
        yield True


def hold_beside(fight: Fight, seconds: float) -> list[Event]:
    """Hold for a while, as the verb does; return what was seen and done."""
    arena, world, events = fight.arena, fight.arena.cloud.world, list[Event]()
    hold = Hold(fight.spec_path, fight.workplace, KeptStack(fight))
    protected = {
        parse_principal(arn).label.lower()
        for arn in (world.responder_role, world.break_glass_role, world.responder_user)
    }
    rounds = Rounds(
        hold,
        Search(hold, fight.started.replace(microsecond=0), protected),
        events.append,
        arena.wait,
        lambda: arena.now().timestamp(),
        extending=True,
    )
    rounds.run(until=arena.now().timestamp() + seconds)
    return events
