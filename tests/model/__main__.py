"""Stories and crashes in bulk, in several processes: python -m tests.model --runs 2000 --kills.

Prints what was tried and how long it took; ends with 1 where something that must stay true did not,
and shows the story.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SENT = "tally "
_AT_ONCE = 20


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.model")
    parser.add_argument("--runs", type=int, default=0, help="stories to play")
    parser.add_argument("--steps", type=int, default=8, help="steps of a story, at most")
    parser.add_argument("--kills", action="store_true", help="play the full cross of crashes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part is not None:
        return _part(asked)
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.model", "--steps", str(asked.steps)]
    command += ["--runs", str(-(-asked.runs // asked.jobs)), "--jobs", str(asked.jobs)]
    command += ["--kills"] if asked.kills else []
    parts = [
        subprocess.Popen(
            [*command, "--part", str(number)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for number in range(asked.jobs)
    ]
    tally: Counter[str] = Counter()
    for part in parts:
        output, _ = part.communicate()
        for line in output.splitlines():
            if line.startswith(_SENT):
                name, _, number = line.removeprefix(_SENT).rpartition(" ")
                tally[name] += int(number)
            else:
                _say(line)
    broken = sum(part.returncode != 0 for part in parts)
    for name, count in sorted(tally.items()):
        _say(f"{count:8,}  {name}")
    _say(f"{time.monotonic() - started:.0f} s in {asked.jobs} processes, {broken} of them broken")
    return 1 if broken else 0


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _part(asked: argparse.Namespace) -> int:
    from tests.model.cloud import simulated  # noqa: PLC0415 -- found by the path above
    from tests.model.judge import BrokenError  # noqa: PLC0415
    from tests.model.kills import cross  # noqa: PLC0415
    from tests.model.machine import tell  # noqa: PLC0415

    broken = 0
    with simulated() as cloud:
        try:
            if asked.kills:
                kills: Counter[str] = Counter()
                cross(cloud, kills, part=(asked.part, asked.jobs))
                _tell("crash", kills)
            for begun in range(0, asked.runs, _AT_ONCE):
                counts: Counter[str] = Counter()
                runs = min(_AT_ONCE, asked.runs - begun)
                tell(cloud, counts, runs=runs, steps=asked.steps, shorten=True)
                _tell("story", counts)
        except BrokenError as error:
            _say(error)
            broken = 1
    return broken


def _tell(kind: str, tally: Counter[str]) -> None:
    """Hand on what was done so far: a run that is cut off has done that much."""
    for name, count in tally.items():
        _say(f"{_SENT}{kind}: {name} {count}")


if __name__ == "__main__":
    sys.exit(main())
