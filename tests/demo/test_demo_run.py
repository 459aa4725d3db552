"""The demo as a whole, with the real engine: what it shows is so, and nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from containment.lab.testing import Lab

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
RECORD = re.compile(r"<!-- demo: begin -->\n```text\n(.*?)```\n<!-- demo: end -->", re.DOTALL)


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the demo in a home and a temporary folder of its own."""
    for folder in ("home", "tmp"):
        (home / folder).mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "cli.demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home / "home"), "TMPDIR": str(home / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_behind(home: Path) -> list[str]:
    """Return the files under *home* and the processes that know of it."""
    files = [str(path) for path in home.rglob("*") if path not in (home / "home", home / "tmp")]
    return files + processes(home)


def processes(home: Path) -> list[str]:
    rows = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            process_text = (process / "environ").read_bytes() + command
        except OSError:
            continue
        if str(home).encode() in process_text and process.name != str(os.getpid()):
            rows.append(f"process {process.name}: {command!r}")
    return rows


# Of a key, of a statement of ours, of AWS's record of a denial, of an inline policy in it.
_ID = re.compile(
    r"\b[A-Z]{4}[A-Z0-9]{12,}|\bContainment[A-Za-z0-9]{20,}|\b[a-z0-9]{26}\b|inline-[0-9a-f]+"
)


def shape(text: str) -> set[str]:
    """Return the demo's own lines of *text*, without what differs from run to run."""
    lines = (_ID.sub("ID", line.strip()) for line in text.splitlines())
    # What the provider says of a principal is its own affair, and tested with it.
    own = [line for line in lines if line and not re.match(r"(user|role) \S+[:,] ", line)]
    return {re.sub(r"\s*\d[\d.:T-]*Z?", " N", line).strip() for line in own}


def section(text: str, name: str) -> str:
    """Return the run called *name*, without its number."""
    match = re.search(
        rf"^Run \d of \d: {name}\n(.*?)^(?=Run |\d+ of)", text, re.DOTALL | re.MULTILINE
    )
    assert match, f"there is no run called {name} in:\n{text}"
    return match[1]


def test_a_run_holds_in_every_claim_says_what_the_readme_shows_and_leaves_nothing(
    tmp_path: Path, lab: Lab
) -> None:
    demo = start(tmp_path, "--only", "confirmed", "--json")
    output, shown = demo.communicate(timeout=300)

    assert demo.returncode == 0, shown
    result: dict[str, Any] = json.loads(output)
    assert result["emulated"]
    assert result["holds"]
    (run,) = result["runs"]
    assert len(run["claims"]) == 60
    assert all(claim["holds"] for claim in run["claims"])
    assert len(run["differences"]) == 4
    assert set(run["timings"]) == {"first_deny_s", "preview_s", "up_s", "decide_s", "destroy_s"}
    recorded = RECORD.search((ROOT / "README.md").read_text())
    assert recorded, "README.md has no recorded demo; 'make record' writes one"
    assert shape(section(shown, "a real theft")) == shape(section(recorded[1], "a real theft")), (
        "the demo's output has changed; renew the one in README.md with 'make record'"
    )
    assert left_behind(tmp_path) == []
    # The same seed makes the same company here and there, secrets included.
    assert lab.world.leaked.access_key_id in shown
    assert [secret for secret in lab.world.secrets() if secret in shown + output] == []


@pytest.mark.parametrize("moment", ["attacker", "pulumi up"])
def test_an_interrupt_leaves_no_process_and_no_file(tmp_path: Path, moment: str) -> None:
    demo = start(tmp_path, "--only", "confirmed")
    assert demo.stdout is not None
    reached = any(moment in line for line in demo.stdout)
    assert reached, demo.communicate()[1]
    time.sleep(1)
    assert processes(tmp_path), "nothing was running, so this proves nothing"
    demo.send_signal(signal.SIGINT)
    _, output = demo.communicate(timeout=60)

    assert demo.returncode == 130
    assert output.splitlines()[-1] == "interrupted"
    assert left_behind(tmp_path) == []
