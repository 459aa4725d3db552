"""Record what the real engine says to the provider: python -m tools.record_conversations [NAME…].

A scenario of ``tests/model/scenarios.py`` is played with the engine that ``make setup`` provides,
against a lab, and its conversation is written to ``tests/model/conversations``, where the tests
hold the engine's stand-in to it. Without a name those are recorded of which the stand-in says
something else than what is written there; with ``--all``, all.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from containment.lab.testing import lab_server
from tests.model.cloud import simulated
from tests.model.recording import record
from tests.model.rehearsal import rehearse
from tests.model.scenarios import SCENARIOS

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Record the scenarios named on the command line, all, or those that differ."""
    into = ROOT / "tests" / "model" / "conversations"
    into.mkdir(exist_ok=True)
    named = sys.argv[1:]
    names = list(SCENARIOS) if named == ["--all"] else named or changed(into)
    if not names:
        print("no conversation differs from what the stand-in says")
        return
    with lab_server(world=None) as lab:
        for name in names:
            started = time.monotonic()
            with TemporaryDirectory() as folder:
                text = record(lab, Path(folder), SCENARIOS[name])
            (into / f"{name}.json").write_text(text, encoding="utf-8")
            print(f"{name}: {time.monotonic() - started:.1f} s, {len(text):,} characters")


def changed(recorded: Path) -> list[str]:
    """Return the scenarios of which the stand-in says something else than what was recorded."""
    differ: list[str] = []
    with simulated() as cloud, TemporaryDirectory() as folder:
        for name in SCENARIOS:
            cloud.reset()
            conversation = rehearse(cloud, Path(folder) / name, name)
            file = recorded / f"{name}.json"
            if not file.exists() or file.read_text(encoding="utf-8") != conversation:
                differ.append(name)
    return differ


if __name__ == "__main__":
    main()
