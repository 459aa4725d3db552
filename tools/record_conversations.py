"""Record what the real engine says to the provider: python -m tools.record_conversations [NAME…].

Each scenario of ``tests/model/scenarios.py`` is played with the engine that ``make setup``
provides, against a lab, and its conversation is written to ``tests/model/conversations``, where the
tests hold the engine's stand-in to it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]


def main() -> None:
    """Record the scenarios named on the command line, or all."""
    from containment.lab.testing import lab_server  # noqa: PLC0415 -- found by the path above
    from tests.model.recording import record  # noqa: PLC0415
    from tests.model.scenarios import SCENARIOS  # noqa: PLC0415

    into = ROOT / "tests" / "model" / "conversations"
    into.mkdir(exist_ok=True)
    names = sys.argv[1:] or list(SCENARIOS)
    with lab_server(world=None) as lab:
        for name in names:
            started = time.monotonic()
            with TemporaryDirectory() as folder:
                text = record(lab, Path(folder), SCENARIOS[name])
            (into / f"{name}.json").write_text(text, encoding="utf-8")
            print(f"{name}: {time.monotonic() - started:.1f} s, {len(text):,} characters")


if __name__ == "__main__":
    main()
