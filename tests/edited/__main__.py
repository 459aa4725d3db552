"""``python -m tests.edited``: play edited states and ledgers in bulk; 1 if one did harm."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from containment.lab.testing import lab_server
from tests.edited.play import play
from tests.edited.scene import Scene, connected_once
from tests.support.direct_calls import direct_calls


def main() -> int:
    """Play the seeds asked for, and print each one that did what nothing supports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=2000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
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
        scene = Scene(lab, Path(once))
        for seed in range(chosen.first, chosen.first + chosen.edits):
            with tempfile.TemporaryDirectory() as folder:
                played = play(scene.company(Path(folder)), seed)
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


if __name__ == "__main__":
    sys.exit(main())
