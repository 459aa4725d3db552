"""Break real runs in every way and see that nothing is lost: ``make reliability``.

First the kill matrix, then whole runs while a fifth of all calls to AWS fails. A trial is right
where it ends contained exactly as declared, restored exactly, or refused with the difference named,
and where it is proven that its blow hit. Ends with 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from tools.reliability import lanes
from tools.reliability.rows import rows, sample, storms
from tools.reliability.trial import Storm

if TYPE_CHECKING:
    from tools.reliability.trial import Result, Trial


def main() -> int:
    """Return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="make reliability", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--storms", type=int, default=100, help="runs with faults")
    parser.add_argument("--lanes", type=int, default=(os.cpu_count() or 1) + 1, help="labs at once")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no row after that")
    parser.add_argument("--only", metavar="WORDS", help="only rows whose name holds this")
    parser.add_argument("--sample", action="store_true", help="only what make test tries")
    parser.add_argument("--rows", action="store_true", help="list the rows and run none")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    matrix = sample() if options.sample else rows(options.seed)
    todo: list[Trial | Storm] = [*matrix, *storms(options.storms, options.seed)]
    chosen = [trial for trial in todo if not options.only or options.only in trial.name]
    if options.rows:
        print("\n".join(trial.name for trial in chosen))
        return 0
    started = time.monotonic()
    outcomes: dict[Trial | Storm, Result] = {}
    for trial, result in lanes.run(chosen, options.lanes, options.minutes * 60):
        outcomes[trial] = result
        if not options.json:
            show(result, len(outcomes), len(chosen))
    results = {trial: outcomes[trial] for trial in chosen if trial in outcomes}
    seconds = time.monotonic() - started
    if options.json:
        print(json.dumps({"seconds": seconds, "rows": [asdict(each) for each in results.values()]}))
    else:
        summary(results, len(chosen) - len(results), seconds, options.seed)
    return int(not chosen or any(not result.right for result in results.values()))


def show(result: Result, number: int, total: int) -> None:
    """Print one row, and what was lost in it."""
    word = "ok  " if result.right else "LOST"
    print(f"{number:4}/{total} {word} {result.seconds:6.1f} s  {result.name}")
    print(f"{'':22}{result.outcome}: {result.evidence or result.lost}", flush=True)


def summary(results: dict[Trial | Storm, Result], untried: int, seconds: float, seed: int) -> None:
    """Print the tables: tried, right, lost."""
    print(f"\n{'':40} {'tried':>6} {'right':>6} {'lost':>6}")
    groups: dict[str, list[Result]] = {}
    for trial, result in results.items():
        groups.setdefault(trial.kind, []).append(result)
    for kind, outcomes in groups.items():
        right = sum(result.right for result in outcomes)
        print(f"{kind:40} {len(outcomes):6} {right:6} {len(outcomes) - right:6}")
    right = sum(result.right for result in results.values())
    print(f"{'all':40} {len(results):6} {right:6} {len(results) - right:6}")
    tries = Counter(result.outcome for trial, result in results.items() if isinstance(trial, Storm))
    for outcome, count in sorted(tries.items()):
        print(f"  with faults: {count:4} {outcome} tries")
    over = f"; no time for {untried} more" if untried else ""
    print(f"seed {seed}, {seconds / 60:.1f} min{over}")


if __name__ == "__main__":
    sys.exit(main())
