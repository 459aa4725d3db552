# ruff: noqa: D103, E501, S604 -- a stand-alone script that prints and starts commands
"""Measures the trace against a pass that does nothing but gunzip the same files.

    python -m bench.trail CORPUS… [--workers 2] [--no-peers]

CORPUS is a folder made by bench/trail_corpus.py. Everything is measured in one run, as a process
of its own: CPU time is the process tree's, memory is the tree's summed proportional share (PSS),
sampled. Ratios are what counts; seconds depend on the machine and its neighbours. The floor is a
Python loop over isal, taken before, between and after; igzip, the same in C, is shown where it is
installed. The answer of each run is compared with what was planted. Beside it run other tools, on
the smallest corpus and an easier question. Exit code 1 if a limit is passed or an answer differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIRST, NEXT, MEMORY, GROWTH = 3.2, 0.25, 400, 1.5

GUNZIP = """
import glob, sys
from isal import isal_zlib
for path in glob.glob(sys.argv[1] + "/**/*.gz", recursive=True):
    with open(path, "rb") as file:
        isal_zlib.decompress(file.read(), 47)
"""
TRACE = """
import json, sys
from pathlib import Path
from typing import Any
from bench.trail_corpus import digest
from containment.trail import trace
corpus, seed, since, index = sys.argv[1:5]
found = trace(seed, since=since, logs=[corpus], workers=int(sys.argv[5]), index=Path(index))
keys = sorted(c.id for c in found.credentials if c.kind == "access_key")
calls = [t.call.event_id for t in found.calls]
print(json.dumps({"events": found.records, "keys": keys, "calls": len(calls), "digest": digest(calls)}))
"""


@dataclass
class Measured:
    """What one command cost."""

    cpu: float
    wall: float
    peak_mb: float
    output: str


def measure(command: list[str], *, shell: bool = False) -> Measured:
    started = time.perf_counter()
    child = subprocess.Popen(
        " ".join(command) if shell else command, shell=shell, stdout=subprocess.PIPE, text=True
    )
    peaks: list[float] = [0.0]
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(child.pid, peaks, stop))
    watcher.start()
    assert child.stdout is not None  # noqa: S101 -- it was asked for
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    stop.set()
    watcher.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:3]} ended with {child.returncode}")
    return Measured(
        usage.ru_utime + usage.ru_stime, time.perf_counter() - started, max(peaks), output
    )


def _watch(root: int, peaks: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.1):
        peaks.append(sum(_pss(pid) for pid in _tree(root)))


def _tree(root: int) -> list[int]:
    tree, queue = [], [root]
    while queue:
        pid = queue.pop()
        tree.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return tree


def _pss(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def peers(corpus: str, key: str) -> dict[str, str | None]:
    """Other tools on the easier question, which calls one key made; None where not at hand."""
    python, root = sys.executable, ROOT
    scraper = f"{root}/tools/uv.sh tool run --quiet --from 'trailscraper>=0.10,<1' trailscraper"
    sql = (
        "select count(*) from (select unnest(Records) r from read_json($files, columns="
        "{'Records': 'STRUCT(userIdentity STRUCT(accessKeyId VARCHAR))[]'},"
        " maximum_object_size=67108864)) where r.userIdentity.accessKeyId = $key"
    )
    query = f"""import duckdb; print(duckdb.execute({sql!r}, {{'files': '{corpus}/**/*.gz', 'key': '{key}'}}).fetchone()[0])"""
    expression = f""".Records[] | select(.userIdentity.accessKeyId=="{key}")"""
    return {
        "zcat | jq, one key": _if(
            "jq --version",
            f"find {corpus} -name '*.gz' -print0 | xargs -0 zcat | jq -c '{expression}' | wc -l",
        ),
        "rg -z, one key, mentions too": _if("rg --version", f"rg -z -c {key} {corpus} | wc -l"),
        "trailscraper, one role": _if(
            f"{scraper} --version",
            f"{scraper} select --log-dir {corpus} --filter-assumed-role-arn"
            " arn:aws:iam::111122223333:role/hop-0 2>/dev/null | wc -c",
        ),
        "DuckDB read_json, one key": _if(
            f"{python} -c 'import duckdb; assert duckdb.__version__ < \"2\"'",
            f"{python} -c {shlex.quote(query)}",
        ),
    }


def _if(check: str, command: str) -> str | None:
    """Return *command* if its tool is there, which is so when *check* ends well."""
    process = subprocess.run(  # noqa: S602 -- commands of our own
        check, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return command if process.returncode == 0 else None


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("corpora", nargs="+", type=Path)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--no-peers", action="store_true")
    chosen = options.parse_args()
    failures: list[str] = []
    memory: list[float] = []
    print(f"{'':34}{'CPU s':>9}{'x gunzip':>10}{'wall s':>9}{'peak MB':>9}")
    corpora = sorted(chosen.corpora, key=_events)
    for corpus in corpora:
        # The ratios are promised for the largest corpus: starting up costs the same for any.
        passed = failures if corpus == corpora[-1] else []
        floor, peak = _one(corpus, chosen.workers, passed)
        memory.append(peak)
        if not chosen.no_peers and len(memory) == 1:
            _peers(corpus, floor)
    if len(memory) > 1 and max(memory) > GROWTH * min(memory):
        failures.append(f"memory grows from {min(memory):.0f} to {max(memory):.0f} MB")
    for failure in failures:
        print("FAILED:", failure)
    return bool(failures)


def _events(corpus: Path) -> int:
    return int(_truth(corpus)["events"])


def _truth(corpus: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(corpus.with_name(f"{corpus.name}.truth.json").read_text())
    return truth


def _one(corpus: Path, workers: int, failures: list[str]) -> tuple[float, float]:
    """Measure both questions; return the floor's CPU time and the highest memory."""
    truth = _truth(corpus)
    expected = {name: truth[name] for name in ("events", "keys", "calls", "digest")}
    print(f"{corpus.name}: {truth['events']:,} events")
    gunzip = [sys.executable, "-c", GUNZIP, str(corpus)]
    # Neighbours come and go: the floor is taken around each question, and all of it counts.
    floors = [measure(gunzip)]
    with tempfile.TemporaryDirectory() as index:
        asked = [sys.executable, "-c", TRACE, str(corpus), truth["seed"], truth["since"], index]
        asked += [str(workers)]
        first = measure(asked)
        floors.append(measure(gunzip))
        again = measure(asked)
        floors.append(measure(gunzip))
    floor = sum(one.cpu for one in floors) / len(floors)
    _row("gunzip only, isal in Python", floors[0], floor)
    in_c = _if(
        "igzip --version",
        f"find {corpus} -name '*.gz' -print0 | xargs -0 igzip -dc > /dev/null",
    )
    _row("gunzip only, igzip in C", measure([in_c], shell=True) if in_c else None, floor)
    for name, one, limit in (("first trace", first, FIRST), ("next question", again, NEXT)):
        _row(name, one, floor)
        if json.loads(one.output) != expected:
            raise SystemExit(f"{corpus.name}: the {name} differs from what was planted")
        if one.cpu > limit * floor:
            failures.append(
                f"{corpus.name}: the {name} took {one.cpu / floor:.2f} x gunzip, over {limit}"
            )
    peak = max(first.peak_mb, again.peak_mb)
    if peak > MEMORY:
        failures.append(f"{corpus.name}: {peak:.0f} MB, over {MEMORY}")
    return floor, peak


def _peers(corpus: Path, floor: float) -> None:
    for name, command in peers(str(corpus), _truth(corpus)["seed"]).items():
        _row(name, measure([command], shell=True) if command else None, floor)


def _row(name: str, one: Measured | None, floor: float) -> None:
    if one is None:
        print(f"  {name:32} not measured: it is not installed here")
    else:
        print(f"  {name:32}{one.cpu:9.2f}{one.cpu / floor:10.2f}{one.wall:9.2f}{one.peak_mb:9.0f}")


if __name__ == "__main__":
    sys.exit(main())
