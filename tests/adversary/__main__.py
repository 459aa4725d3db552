"""The fights in bulk, in several processes: python -m tests.adversary --seeds 50.

Prints a row for each setting; ends with 1 where a guard let somebody through after it has to hold,
where a lift did, or where the sweep missed somebody.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).parents[2]
_SENT = "fight "
_GUARDS = ("freeze", "quarantine")


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.adversary")
    parser.add_argument("--seeds", type=int, default=5, help="fights of each setting")
    parser.add_argument("--defences", default="freeze,quarantine,hold,nothing")
    parser.add_argument("--iam-lags", default="0,2,4,8", help="seconds")
    parser.add_argument("--scp-lags", default="0,10,60", help="seconds")
    parser.add_argument("--models", default="0,1", help="0: everybody's changes lag; 1: ours alone")
    parser.add_argument(
        "--with-exempt-roles",
        action="store_true",
        help="let them take up exempt roles before the guard binds, which no guard survives",
    )
    parser.add_argument(
        "--patient",
        action="store_true",
        help="let them make users late in the window too, which a freeze denies a lag later",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part is not None:
        return _part(asked)
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.adversary", *sys.argv[1:]]
    parts = [
        subprocess.Popen(
            [*command, "--jobs", str(asked.jobs), "--part", str(number)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(asked.jobs)
    ]
    fights: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        output, _ = part.communicate()
        for line in output.splitlines():
            if line.startswith(_SENT):
                row = json.loads(line.removeprefix(_SENT))
                fights.setdefault(row["cell"], []).append(row)
            else:
                _say(line)
    broken = sum(part.returncode != 0 for part in parts)
    _show(fights)
    count = sum(map(len, fights.values()))
    seconds = time.monotonic() - started
    lost = sum(row["lost"] for rows in fights.values() for row in rows)
    _say(f"{count} fights, {lost} lost by a guard, {broken} processes broken, {seconds:.0f} s")
    return 1 if broken or lost or not count else 0


def _show(fights: dict[str, list[dict[str, Any]]]) -> None:
    head = (
        "last success after up began (median, most); still at it; after the guard binds; unswept;"
    )
    _say(f"setting: fights; {head} after the lift")
    for cell, rows in sorted(fights.items()):
        last = [row["last_s"] or 0.0 for row in rows]
        working = sum(row["working"] for row in rows)
        late = sum(bool(row["late"]) for row in rows)
        unswept = sum(bool(row["unswept"]) for row in rows)
        revived = sum(bool(row["revived"]) for row in rows)
        made = statistics.median(row["made"] for row in rows)
        _say(
            f"{cell}: {len(rows)}; {statistics.median(last):.1f} s, {max(last):.1f} s;"
            f" {working} of {len(rows)}; {late}; {unswept} (of {made:g} made); {revived}"
        )


def _cells(asked: argparse.Namespace) -> Iterator[Any]:
    from tests.adversary.arena import MODELS, Cell, Defence  # noqa: PLC0415 -- by the path above

    for defence in asked.defences.split(","):
        assert defence in get_args(Defence), defence
        guarded = defence in _GUARDS
        for iam in asked.iam_lags.split(","):
            # Without a guard no control policy lags.
            for scp in asked.scp_lags.split(",") if guarded else "0":
                for model in asked.models.split(","):
                    # Without a lag the two are one.
                    if float(iam) or model == "0" or asked.models == "1":
                        yield Cell(defence, float(iam), float(scp), MODELS[int(model)])


def _part(asked: argparse.Namespace) -> int:
    from tests.adversary.arena import arena  # noqa: PLC0415
    from tests.adversary.judging import judged  # noqa: PLC0415

    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    left_out = frozenset() if asked.with_exempt_roles else frozenset({"responder"})
    jobs = [(cell, seed) for seed in range(asked.seeds) for cell in _cells(asked)]
    with arena() as opened:
        for cell, seed in jobs[asked.part :: asked.jobs]:
            _say(_SENT + json.dumps(judged(opened, cell, seed, left_out, patient=asked.patient)))
    return 0


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
