"""How long until the first deny is in force, and how much of it is the engine.

Contains one user and one role with ``pulumi up --skip-preview`` while the leaked key is used
without pause, then makes the same changes, after the reads that an exact lift needs, from a bare
boto3 script in the same run. The lab counts what was changed and how, so "the same" is checked.
What the engine's run reads besides is shown as a number of calls, for it is part of its price.

usage: python -m bench.contain [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from containment.lab.testing import Lab, lab_server
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from containment.lab.scenario.world import World

BARE = Path(__file__).with_name("contain_bare.py")


@dataclass(frozen=True)
class Round:
    """One containment, timed from the start of the command."""

    first_deny_s: float
    done_s: float
    bare_s: float
    calls: int
    bare_calls: int


def main() -> None:
    """Print the figures of some rounds, and the ratio to the bare script."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with lab_server(world=None) as lab:
        measured = [one_round(lab) for _ in range(rounds)]
    show("first deny in force, s", [item.first_deny_s for item in measured])
    show("pulumi up --skip-preview done, s", [item.done_s for item in measured])
    show("bare boto3, the same calls, s", [item.bare_s for item in measured])
    show("ratio up / bare", [item.done_s / item.bare_s for item in measured])
    show("calls of pulumi up", [item.calls for item in measured])
    show("calls of bare boto3", [item.bare_calls for item in measured])


def one_round(lab: Lab) -> Round:
    """Contain a fresh company by the engine, then another by the bare script."""
    world = lab.reseed(seed=42)
    environ = environ_of(world, lab)
    with tempfile.TemporaryDirectory() as folder:
        project = Project.make(Path(folder), environ)
        project.spec(
            spec(
                f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}",
                f"{{role: '{world.deploy_role}', rung: revoke-sessions}}",
            )
        )
        before = count(lab)
        started = time.monotonic()
        with Probe(lab) as probe:
            project.up()
            finished = time.monotonic()
        calls = count(lab) - before - probe.uses
    changes = changed(lab)
    world = lab.reseed(seed=42)
    before = count(lab)
    bare_started = time.monotonic()
    subprocess.run(
        [sys.executable, str(BARE), world.ci_user, world.deploy_role, STACK],
        env={**os.environ, **environ_of(world, lab)},
        check=True,
    )
    bare = time.monotonic() - bare_started
    if (bare_changes := changed(lab)) != changes:
        raise SystemExit(f"the engine changed {changes} and the bare script {bare_changes}")
    if probe.denied_at is None:
        raise SystemExit("the leaked key was never denied")
    denied_s, done_s = probe.denied_at - started, finished - started
    return Round(denied_s, done_s, bare, calls, count(lab) - before)


def environ_of(world: World, lab: Lab) -> dict[str, str]:
    """Return what points a program at the lab as the responder."""
    return {
        **world.responder.env(),
        "AWS_ENDPOINT_URL": lab.endpoint,
        "AWS_DEFAULT_REGION": world.region,
    }


class Probe:
    """Uses the leaked key without pause, and notes when it was first refused."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._stop = Event()
        self._thread = Thread(target=self._use)
        self.uses = 0
        self.denied_at: float | None = None

    def __enter__(self) -> Self:
        """Start using the key."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop using it."""
        self._stop.set()
        self._thread.join()

    def _use(self) -> None:
        while not self._stop.is_set() and self.denied_at is None:
            self.uses += 1
            if not can_list(self._lab, self._lab.world.leaked):
                self.denied_at = time.monotonic()
            time.sleep(0.02)


def count(lab: Lab) -> int:
    """Return how many requests the lab has had."""
    return int(lab.status()["requests"])


def changed(lab: Lab) -> dict[str, int]:
    """Return how often which action changed something since the lab was seeded."""
    return dict(sorted(lab.status()["mutations"]["by_action"].items()))


def show(what: str, figures: Sequence[float]) -> None:
    """Print minimum, median and maximum."""
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    print(f"{what:36} min {low:6.2f}  median {middle:6.2f}  max {high:6.2f}")


if __name__ == "__main__":
    main()
