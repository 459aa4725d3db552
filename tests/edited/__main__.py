"""``python -m tests.edited``: play edited states and ledgers in bulk; 1 if one did harm."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from containment.lab.testing import Lab, lab_server
from tests.edited.engine import EngineScene
from tests.edited.play import Played, play
from tests.edited.scene import Scene, connected_once
from tests.support.direct_calls import direct_calls


def main() -> int:
    """Play the seeds asked for, and print each one that did what nothing supports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=2000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--engine", action="store_true", help="by the real engine and the verbs")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, harmful, refused = time.monotonic(), 0, 0
    with (
        lab_server() as lab,
        direct_calls(lab),
        connected_once(),
        tempfile.TemporaryDirectory() as once,
    ):
        os.environ |= {"AWS_ENDPOINT_URL": lab.endpoint, **lab.world.responder.env()}
        run = _player(lab, Path(once), by_engine=chosen.engine)
        for seed in range(chosen.first, chosen.first + chosen.edits):
            with tempfile.TemporaryDirectory() as folder:
                played = run(Path(folder), seed)
            refused += played.refused
            if played.wrong:
                harmful += 1
                print(played, flush=True)  # noqa: T201 -- it is a command
    seconds = time.monotonic() - began
    print(  # noqa: T201 -- as above
        f"{chosen.edits} edited runs in {seconds:.0f} s: {harmful} did what neither spec nor"
        f" account supports; {refused} refused something"
    )
    return 1 if harmful else 0


def _player(lab: Lab, folder: Path, *, by_engine: bool) -> Callable[[Path, int], Played]:
    if by_engine:
        return EngineScene(lab, folder).play
    scene = Scene(lab, folder)
    return lambda place, seed: play(scene.company(place), seed)


if __name__ == "__main__":
    sys.exit(main())
