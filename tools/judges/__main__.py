"""Hold the lab's evaluator against judges that others wrote: ``make judges``.

Random cases of five mixes of policies are put to the evaluator and to the judges, and every
disagreement has to be one of those in tests/judges/disagreements.md. Then the lab's own behaviour
matrix is run against a second emulator.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from containment.iam_policy.evaluate import decide
from tests.judges.case import Case, compiled
from tests.judges.corpus import MIXES, cases
from tests.judges.tally import JUDGES, Tally, balance, tally
from tools.judges.asking import ask_all
from tools.judges.recording import RECORDED, record
from tools.judges.second_emulator import compare

# Of all cases with iam-simulate; of those that it can judge with principalmapper, which is known
# to lack more.
AGREEMENT = {
    "identity": 0.999,
    "boundary": 0.999,
    "session": 0.995,
    "resource": 0.995,
    "trust": 0.995,
}
MICROSECONDS = 50
ALLOWED = (0.3, 0.7)  # the share of cases that come out allowed
DECIDED = 0.1  # the least share of cases that a layer of the mix decides
WEIGHED = 5000  # a share of fewer cases says more about chance than about the mix


def main() -> int:
    """Return 1 if anything is not as it has to be."""
    parser = argparse.ArgumentParser(prog="make judges", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="cases of each mix")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--record", action="store_true", help="record verdicts for make test")
    parser.add_argument("--no-emulator", action="store_true", help="leave ministack out")
    options = parser.parse_args()
    if options.record:
        print(f"{record(options.seed)} cases recorded in {RECORDED}")
        return 0
    failures = fuzz(options.cases, options.seed)
    if not options.no_emulator:
        failures += compare()
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


def fuzz(number: int, seed: int) -> list[str]:
    """Print the agreement of every mix with every judge; return what is not as it has to be."""
    failures: list[str] = []
    explained: dict[str, Counter[str]] = {judge.name: Counter() for judge in JUDGES}
    speed: dict[str, float] = {}
    print(f"The lab's evaluator and the judges: {number:,} cases of each mix, seed {seed}")
    print(f"{'mix':9} {'judge':16} {'asked':>7}  {'agree':>17}  {'of those it can judge':>25}")
    for mix, layers in MIXES.items():
        corpus = list(cases(mix, number, seed))
        for judge, asked, verdicts in ask_all(JUDGES, corpus):
            result = tally(judge, asked, verdicts)
            explained[judge.name] += result.explained
            print(f"{mix:9} {judge.name:16} {_row(result)}", flush=True)
            failures += _too_little(mix, judge.name, result)
        weighed = corpus if number >= WEIGHED else list(cases(mix, WEIGHED, seed))
        allowed, deciding = balance(weighed, layers)
        shares = ", ".join(f"{layer} {share:.1%}" for layer, share in deciding.items())
        print(f"{'':9} allowed {allowed:.1%}; decided by {shares}")
        if not ALLOWED[0] <= allowed <= ALLOWED[1] or min(deciding.values()) < DECIDED:
            failures.append(f"{mix}: the cases are lopsided")
        speed[mix] = _microseconds(corpus)
    for name, counted in explained.items():
        print(f"\nKnown disagreements with {name} (tests/judges/disagreements.md)")
        for why, times in counted.most_common():
            print(f"{times:7,}  {why}")
    each = ", ".join(f"{mix} {value:.1f}" for mix, value in speed.items())
    print(f"\nThe evaluator: {each} µs of processor a decision, limit {MICROSECONDS}")
    return failures


def _row(result: Tally) -> str:
    judged = result.asked - result.with_own_reading
    agreed = result.agreed - result.agreed_on_known
    return (
        f"{result.asked:7,}  {result.agreed:7,} {result.share:9.3%}"
        f"  {agreed:7,} of {judged:6,} {result.share_of_judged:8.3%}"
    )


def _too_little(mix: str, judge: str, result: Tally) -> list[str]:
    failures = []
    share = result.share if judge == "iam-simulate" else result.share_of_judged
    if share < AGREEMENT[mix]:
        failures.append(f"{mix}: {judge} agrees in {share:.3%}, wanted is {AGREEMENT[mix]:.1%}")
    for case, verdict, judged in result.unexplained[:3]:
        print(json.dumps(case.to_json()), file=sys.stderr)
        failures.append(
            f"{case.name}: the lab says {verdict}, {judge} says {judged}; nobody knows why"
        )
    if len(result.unexplained) > 3:  # noqa: PLR2004
        failures.append(
            f"{mix}: {len(result.unexplained)} disagreements with {judge} of no known kind"
        )
    return failures


def _microseconds(corpus: list[Case]) -> float:
    """Return the processor time of a decision, policies compiled, as in a lab that knows them."""
    asked = [compiled(case) for case in corpus]
    rounds = []
    for _ in range(3):
        started = time.process_time()
        for request, layers in asked:
            decide(request, layers)
        rounds.append((time.process_time() - started) / len(asked))
    return min(rounds) * 1e6


if __name__ == "__main__":
    sys.exit(main())
