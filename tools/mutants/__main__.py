"""Break the code that restores and guards, one small change at a time, and see the tests notice.

The changes are cosmic-ray's, made in a copy of the project. A seed picks as many as there is time
for. Prints the score and every change that nothing noticed, with its place; ends with 1 where the
unmutated tests fail. What is only said (messages) and type hints are not changed.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cosmic_ray.commands.init import _all_work_items as all_work_items
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import TestOutcome

ROOT = Path(__file__).parents[2]
CODE = ("containment/facets", "containment/lifecycle", "containment/actions")
# Read by every action: tested through them, and by their own tests.
NOT_MUTATED = {"__init__.py", "wire.py"}
TESTS = ("tests/facets", "tests/actions", "tests/ledger")
OPERATORS = frozenset(
    f"core/{name}"
    for name in (
        "AddNot",
        "ExceptionReplacer",
        "NumberReplacer",
        "ReplaceAndWithOr",
        "ReplaceComparisonOperator_Eq_NotEq",
        "ReplaceComparisonOperator_GtE_Gt",
        "ReplaceComparisonOperator_Gt_GtE",
        "ReplaceComparisonOperator_Gt_Lt",
        "ReplaceComparisonOperator_IsNot_Is",
        "ReplaceComparisonOperator_Is_IsNot",
        "ReplaceComparisonOperator_LtE_Lt",
        "ReplaceComparisonOperator_Lt_Gt",
        "ReplaceComparisonOperator_Lt_LtE",
        "ReplaceComparisonOperator_NotEq_Eq",
        "ReplaceContinueWithBreak",
        "ReplaceFalseWithTrue",
        "ReplaceOrWithAnd",
        "ReplaceTrueWithFalse",
        "ReplaceUnaryOperator_Delete_Not",
        "ZeroIterationForLoop",
    )
)
# A change may make the tests wait for ever; slower than this, it did.
PATIENCE = 4  # times what the tests take without a change


def main() -> int:
    """Try a sample of changes and tell the score."""
    options = _options()
    mutations = _mutations(options.only)
    picked = random.Random(options.seed).sample(  # noqa: S311 -- to repeat it
        mutations, min(options.sample, len(mutations))
    )
    print(f"{len(picked)} of {len(mutations)} changes, seed {options.seed}", flush=True)
    with TemporaryDirectory(prefix="mutants-") as folder:
        lanes = [_copy(Path(folder) / f"lane-{number}") for number in range(options.lanes)]
        started = time.monotonic()
        if subprocess.run(_command(TESTS), cwd=lanes[0], env=_environ(), check=False).returncode:
            print("error: the tests fail without any change", file=sys.stderr)
            return 1
        return _tell(_run(picked, lanes, PATIENCE * (time.monotonic() - started)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="how many changes to try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=2, help="how many at a time")
    parser.add_argument("--only", default="", help="part of a file's path")
    return parser.parse_args()


def _mutations(only: str) -> list[Any]:
    paths = sorted(
        path.relative_to(ROOT)
        for folder in CODE
        for path in (ROOT / folder).glob("*.py")
        if path.name not in NOT_MUTATED and only in str(path)
    )
    os.chdir(ROOT)
    items = [item.mutations[0] for item in all_work_items(paths, {})]
    return [item for item in items if item.operator_name in OPERATORS]


def _copy(lane: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        (lane / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, lane / name)
    (lane / ".venv").symlink_to(ROOT / ".venv")
    return lane


def _command(tests: tuple[str, ...]) -> list[str]:
    options = ["-x", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", *options, "-m", "plain or process or lab", *tests]


def _environ() -> dict[str, str]:
    # The copy's code, not the one that is installed.
    return {**os.environ, "PYTHONPATH": ".", "PYTHONDONTWRITEBYTECODE": "1"}


def _run(picked: list[Any], lanes: list[Path], patience_s: float) -> list[tuple[Any, Any]]:
    """Return each change with what came of it; a lane is used by one process at a time."""
    results: list[tuple[Any, Any]] = []
    shares = [picked[number :: len(lanes)] for number in range(len(lanes))]
    with ProcessPoolExecutor(len(lanes)) as pool:
        running = [
            pool.submit(_lane, lane, share, patience_s)
            for lane, share in zip(lanes, shares, strict=True)
        ]
        for future in as_completed(running):
            results.extend(future.result())
    return results


def _lane(lane: Path, share: list[Any], patience_s: float) -> list[tuple[Any, Any]]:
    os.chdir(lane)
    os.environ.update(_environ())
    results: list[tuple[Any, Any]] = []
    for mutation in share:
        stem = mutation.module_path.stem
        near = [str(test) for folder in TESTS for test in Path(folder).glob(f"test_{stem}*.py")]
        command = shlex.join(_command((*sorted(near), *TESTS)))
        result = mutate_and_test([mutation], command, patience_s)
        results.append((mutation, result))
        print(f"{result.test_outcome or result.worker_outcome}: {_place(mutation)}", flush=True)
    return results


def _tell(results: list[tuple[Any, Any]]) -> int:
    counts = Counter(str(getattr(result.test_outcome, "value", "not run")) for _, result in results)
    for mutation, result in results:
        if result.test_outcome == TestOutcome.SURVIVED:
            print(f"\nsurvived: {_place(mutation)}\n{result.diff}")
    endless = sum(result.output == "timeout" for _, result in results)
    killed = len(results) - counts["survived"] - counts["not run"]
    tried = len(results) - counts["not run"]
    share = 100 * killed / max(tried, 1)
    print(f"\n{killed} of {tried} changes noticed ({share:.1f} %), {endless} by waiting in vain")
    return 0


def _place(mutation: Any) -> str:
    line = mutation.start_pos[0]
    return f"{mutation.module_path}:{line} {mutation.operator_name.removeprefix('core/')}"


if __name__ == "__main__":
    sys.exit(main())
