"""How containing grows with the number of principals, beside the same changes by bare boto3.

Every answer of AWS takes 100 ms. For each number of users the lab is started afresh three times:
for ``contain_bare_many.py`` with 16 threads, for ``containment up``, and for ``pulumi up``. The lab
notes when each call came and what it was, so "denied" is when IAM had the policy, and nobody's
clock but the lab's is asked. What is looked at are ratios within one run: the machine is shared.
With 50 users ``containment up`` is run once more while AWS throttles three calls in ten, and has to
end contained.

usage: python -m bench.scale [PRINCIPALS …]   (default: 1 10 50 200)
With TRACE in the environment, every call of a run is written to the file TRACE-PRINCIPALS-WAY.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.project import BIN, STACK, Project, spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    # Given a folder, the users and an environment, it contains and returns when its command began.
    Way = Callable[[Path, list[str], dict[str, str]], float]

LATENCY_S = 0.1
THROTTLED = 0.3
SOME, MANY = 50, 200
SIZES = (1, 10, SOME, MANY)
_LAB = Path(__file__).with_name("scale_lab.py")
_BARE = Path(__file__).with_name("contain_bare_many.py")
_DENIES = frozenset({"PutUserPolicy", "PutRolePolicy"})


@dataclass(frozen=True)
class Call:
    """One call as the lab saw it: when it came and was answered, and whose name was in it."""

    came_s: float
    answered_s: float
    operation: str
    named: str


@dataclass(frozen=True)
class Timing:
    """One way to contain some principals, in seconds from the start of the command."""

    first_call_s: float
    first_deny_s: float
    all_denied_s: float
    end_s: float
    calls: int
    most_before_deny: int


def main() -> int:
    """Print figures and ratios for each number of principals; return 1 if a bar is missed."""
    sizes = [int(word) for word in sys.argv[1:]] or list(SIZES)
    measured: dict[int, dict[str, Timing]] = {}
    print(f"{'':24}{'first call':>11}{'first deny':>11}{'all denied':>11}{'end':>8}", end="")
    print(f"{'calls':>7}{'before a deny':>15}")
    for size in sizes:
        measured[size] = {
            name: one_run(name, way, size)
            for name, way in (
                ("bare boto3", bare),
                ("containment up", containment_up),
                ("pulumi up", pulumi_up),
            )
        }
        if size == SOME:  # ends with an error where it does not end contained
            one_run("up, throttled", containment_up, size, THROTTLED)
    kept = [bar.shown() for bar in bars(measured)]
    return 0 if all(kept) else 1


def one_run(name: str, way: Way, size: int, throttled: float = 0.0) -> Timing:
    """Contain *size* fresh users in one *way*, and print when what happened.

    *throttled* is the share of the calls that AWS throttles.
    """
    with tempfile.TemporaryDirectory() as folder:
        lab = subprocess.Popen(
            [sys.executable, str(_LAB), str(size), str(LATENCY_S), str(throttled)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            ready = json.loads(lab.stdout.readline() if lab.stdout else "")
            started = way(Path(folder), ready["users"], ready["environ"])
            ended = time.monotonic()
            calls = [Call(*row) for row in json.loads(lab.communicate("\n")[0])]
        finally:
            lab.kill()
    if trace := os.environ.get("TRACE"):
        rows = (f"{one.came_s - started:8.3f} {one.operation} {one.named}\n" for one in calls)
        Path(f"{trace}-{size}-{name.replace(' ', '-')}").write_text("".join(rows), "utf-8")
    timing = timed(calls, ready["users"], started, ended)
    print(
        f"{size:4} {name:19}{timing.first_call_s:11.2f}{timing.first_deny_s:11.2f}"
        f"{timing.all_denied_s:11.2f}{timing.end_s:8.2f}{timing.calls:7}"
        f"{timing.most_before_deny:15}",
        flush=True,
    )
    return timing


def timed(calls: Sequence[Call], users: Iterable[str], started: float, ended: float) -> Timing:
    """Return the moments of one run, of which *calls* are all that the lab answered.

    Raises:
        SystemExit: a user was never denied.
    """
    names = {arn.rpartition("/")[2] for arn in users}
    denied: dict[str, float] = {}
    before: Counter[str] = Counter()
    for call in sorted(calls, key=lambda one: one.answered_s):
        if call.named in names and call.named not in denied:
            if call.operation in _DENIES:
                denied[call.named] = call.answered_s
            else:
                before[call.named] += 1
    if denied.keys() != names:
        raise SystemExit(f"never denied: {', '.join(sorted(names - denied.keys()))}")
    return Timing(
        min(call.came_s for call in calls) - started,
        min(denied.values()) - started,
        max(denied.values()) - started,
        ended - started,
        len(calls),
        max(before.values(), default=0),
    )


def bare(folder: Path, users: list[str], environ: dict[str, str]) -> float:
    """Make the changes by boto3 alone, 16 at a time."""
    started = time.monotonic()
    subprocess.run(
        [sys.executable, str(_BARE), STACK],
        input="\n".join(users),
        text=True,
        cwd=folder,
        env={**os.environ, **environ},
        check=True,
    )
    return started


def containment_up(folder: Path, users: list[str], environ: dict[str, str]) -> float:
    """Run ``containment up``."""
    project = _project(folder, users, environ)
    started = time.monotonic()
    process = subprocess.run(
        [str(BIN / "containment"), "up", STACK, "--yes"],
        cwd=project.folder,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        raise SystemExit(
            f"containment up ended with {process.returncode}\n{process.stdout}{process.stderr}"
        )
    return started


def pulumi_up(folder: Path, users: list[str], environ: dict[str, str]) -> float:
    """Run ``pulumi up --skip-preview``."""
    project = _project(folder, users, environ)
    started = time.monotonic()
    process = project.start("up", "--yes", "--skip-preview")
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"pulumi up ended with {process.returncode}\n{output}")
    return started


def _project(folder: Path, users: list[str], environ: dict[str, str]) -> Project:
    project = Project.make(folder, environ)
    limits = f"limits: {{principals: {len(users)}}}\n"
    project.spec(spec(*(f"{{user: '{arn}'}}" for arn in users), extra=limits))
    return project


@dataclass(frozen=True)
class Bar:
    """A figure, and what it may be at most."""

    what: str
    figure: float
    most: float

    def shown(self) -> bool:
        """Print both; tell whether it is kept."""
        kept = self.figure <= self.most
        missed = "" if kept else "  MISSED"
        print(f"{self.what:64}{self.figure:7.2f}  at most {self.most:g}{missed}")
        return kept


def bars(measured: dict[int, dict[str, Timing]]) -> Iterable[Bar]:
    """Yield what has to hold of the numbers that were *measured*."""
    for size, ways in measured.items():
        own, engine = ways["containment up"], ways["pulumi up"]
        base = ways["bare boto3"].end_s
        if size == 1:
            trips = (own.first_deny_s - own.first_call_s) / LATENCY_S
            yield Bar("1: containment up, first deny, round trips after its start", trips, 12)
        if size == SOME:
            yield Bar("50: containment up, first deny / bare", own.first_deny_s / base, 2)
            yield Bar("50: containment up, all denied / bare", own.all_denied_s / base, 3.5)
        if size == MANY:
            yield Bar("200: containment up, all denied / bare", own.all_denied_s / base, 3)
        if size >= SOME:
            yield Bar(f"{size}: containment up, end / bare", own.end_s / base, 12)
            yield Bar(f"{size}: pulumi up, all denied / bare", engine.all_denied_s / base, 10)
            if 1 in measured:
                ratio = engine.first_deny_s / measured[1]["pulumi up"].first_deny_s
                yield Bar(f"{size}: pulumi up, first deny / the same at 1", ratio, 1.5)
    if {SOME, MANY} <= measured.keys():
        early = [measured[size]["containment up"].first_deny_s for size in (MANY, SOME)]
        yield Bar("containment up, first deny at 200 / at 50", early[0] / early[1], 1.3)


if __name__ == "__main__":
    sys.exit(main())
