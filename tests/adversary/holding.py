"""`containment hold --extend --live` beside a fight, on the lab's clock."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from containment.identities import parse_principal
from containment.run.state import StackState
from containment.verify.hold.attribution import Attribution
from containment.verify.hold.events import Event
from containment.verify.hold.holding import Hold
from containment.verify.hold.rounds import Rounds
from containment.verify.hold.search import Search
from containment.verify.log_levels import LogLevels
from containment.verify.log_sources import EventHistory
from containment.verify.members import members_of
from containment.verify.verification import Pace
from tests.adversary.arena import INCIDENT, Fight

# Within so many seconds CloudTrail's records have come.
_RECORDS_COME_S = 900


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
    """Hold for a while, as the verb does, and until the records of it have come; return all of it.

    Records come after the fight, so whoever was made in it is contained when it is over.
    """
    arena, world, events = fight.arena, fight.arena.cloud.world, list[Event]()
    hold, attribution = Hold(fight.spec_path, fight.workplace, KeptStack(fight)), Attribution()
    protected = {
        parse_principal(arn).label.lower()
        for arn in (world.responder_role, world.break_glass_role, world.responder_user)
    }
    rounds = Rounds(
        hold,
        Search(hold, fight.started.replace(microsecond=0), protected, attribution),
        events.append,
        arena.wait,
        lambda: arena.now().timestamp(),
        extending=True,
    )
    rounds.run(until=arena.now().timestamp() + seconds)
    fight.ended = arena.now()
    arena.end()
    arena.cloud.clock.advance(_RECORDS_COME_S)
    _read_records(fight, hold, attribution)
    rounds.round()
    return events


def _read_records(fight: Fight, hold: Hold, attribution: Attribution) -> None:
    arena = fight.arena
    source = EventHistory(
        {"us-east-1": arena.instant("cloudtrail", arena.cloud.world.admin)},
        fight.directory / "logs",
        lambda _seconds: None,
    )
    LogLevels(
        INCIDENT,
        hold.spec,
        members_of(hold.state, hold.spec),
        source,
        arena.now,
        fight.directory / "descendants.json",
        Pace(lambda _seconds: True, lambda _words: None),
        fight.directory / "index",
        take_trace=attribution.take,
    ).run()
