"""Control requests, on the lab's own port under ``/_lab/``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from containment.clock import isoformat
from containment.errors import ContainmentError
from containment.lab import ground
from containment.lab.call import Call
from containment.lab.seed.company import company
from containment.lab.seed.world import World
from containment.lab.status import Status

if TYPE_CHECKING:
    from containment.lab.gate import Gate

Answer = tuple[int, dict[str, str], bytes]
WORLDS: Mapping[str, Callable[..., World]] = {"company": company}


def answer(gate: Gate, call: Call) -> Answer:
    """Answer a control request."""
    name = (call.method, call.raw_path.removeprefix("/_lab/"))
    try:
        if name == ("GET", "status"):
            return _json(200, status(gate))
        if name == ("POST", "reset"):
            reset(gate)
            return _json(200, status(gate))
        if name == ("POST", "enforce"):
            gate.enforcing = True
            return _json(200, status(gate))
        if name == ("POST", "clock"):
            return _advance(gate, call)
        if name == ("POST", "seed"):
            return _seed(gate, call)
    except ContainmentError as error:
        return _json(400, {"error": str(error)})
    return _json(
        404,
        {
            "error": f"{call.method} /_lab/{name[1]} is not a control request; "
            "use GET status, POST reset, POST enforce, POST clock, POST seed"
        },
    )


def reset(gate: Gate) -> None:
    """Empty the world: no accounts, no enforcement, no counts, the machine's own time."""
    with gate.lock:
        gate.enforcing = False
        gate.sessions.clear()
        gate.status = Status()
        ground.reset()


def status(gate: Gate) -> dict[str, Any]:
    """Return everything GET /_lab/status shows."""
    return {
        "emulated": True,
        "pid": os.getpid(),
        "enforcement": gate.enforcing,
        "clock": isoformat(ground.clock()),
        "clock_offset_s": ground.clock.offset_seconds,
        **gate.status.as_json(),
    }


def _seed(gate: Gate, call: Call) -> Answer:
    """Start over with a seeded world, enforcement on, and answer everything in it."""
    try:
        wanted = json.loads(call.body)
        name, number = str(wanted["world"]), int(wanted.get("seed", 42))
    except (ValueError, KeyError, TypeError):
        return _json(400, {"error": 'seeding wants a JSON body such as {"world": "company"}'})
    if name not in WORLDS:
        known = ", ".join(sorted(WORLDS))
        return _json(400, {"error": f"there is no world called {name!r}; there is {known}"})
    with gate.lock:
        reset(gate)
        world = WORLDS[name](gate.sessions, seed=number)
        gate.enforcing = True
    return _json(200, world.to_json())


def _advance(gate: Gate, call: Call) -> Answer:
    try:
        seconds = float(json.loads(call.body)["advance_s"])
    except (ValueError, KeyError, TypeError):
        return _json(400, {"error": 'the clock wants a JSON body such as {"advance_s": 120}'})
    ground.clock.advance(seconds)
    return _json(200, status(gate))


def _json(code: int, document: dict[str, Any]) -> Answer:
    return code, {"Content-Type": "application/json"}, json.dumps(document).encode()
