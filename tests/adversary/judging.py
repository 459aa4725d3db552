"""What came of a fight, as numbers: how long they went on, and whether a lift brought them back."""

from __future__ import annotations

from typing import Any

from tests.adversary.arena import Arena, Cell, fought

# A lift is looked at then: tokens of an hour, of twelve and of thirty-six have ended at the last.
_AFTER_S = (0, 3600, 13 * 3600, 24 * 3600)


def judged(
    arena: Arena, cell: Cell, seed: int, left_out: frozenset[str], *, patient: bool = False
) -> dict[str, Any]:
    """Fight, sweep, lift, and look again; return what came of it."""
    fight = fought(arena, cell, seed, left_out=left_out, patient=patient)
    guarded = fight.bound is not None
    late = fight.late() if guarded else []
    unswept = fight.unswept() if cell.defence != "nothing" else []
    last_s, working, made = fight.last_success_s, fight.still_working, fight.made
    revived: list[str] = []
    if guarded:
        fight.eradicate()
        arena.cloud.lab.faults()
        fight.lift()
        for seconds in _AFTER_S:
            arena.cloud.clock.advance(seconds)
            revived += fight.alive()
    fight.close()
    return {
        "cell": str(cell),
        "seed": seed,
        "last_s": last_s,
        "working": working,
        "late": len(late),
        "made": sum(one.what in {"user", "role"} for one in made),
        "unswept": unswept,
        "revived": revived,
        "lost": bool(guarded and (late or unswept or revived)),
    }
