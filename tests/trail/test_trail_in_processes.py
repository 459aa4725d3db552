"""A trace that reads in several processes, and one that writes to a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from containment.trail import trace
from tests.support.trail_scene import Scene

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]


def test_workers_give_the_same_answer_as_one_process(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containment.trail.facts.scan._WORTH_IT", 0)
    monkeypatch.setattr("containment.trail.facts.scan._BATCH_FILES", 1)
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.write(tmp_path, "a.json")
    scene.records.clear()
    scene.call(key, arn, "ListBuckets", 20, created=10)
    scene.write(tmp_path, "b.json")

    one = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)
    two = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=2)

    assert one.calls == two.calls
    assert one.credentials == two.credentials


def test_on_a_terminal_the_tree_fits_and_nothing_but_text_arrives(tmp_path: Path) -> None:
    scene = Scene()
    scene.make_user(scene.leaked, scene.user, "\x1b]0;owned\x07\x9b2J\u202e" + "x" * 200, 1)
    arguments = [scene.leaked, "--since", scene.since, "--logs", str(scene.write(tmp_path))]
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, 72))

    start = "from cli.main import main; main()"
    command = [sys.executable, "-c", start, "trace", *arguments, "--no-index"]
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, cwd=ROOT, env=environ) as ran:
        os.close(terminal)
        output = b""
        with suppress(OSError):  # how Linux says that the other end has closed
            while chunk := os.read(controller, 65536):
                output += chunk
    os.close(controller)

    text = output.decode()
    assert ran.returncode == 0, text
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text)
    branches = [line.rstrip() for line in text.splitlines() if line.startswith(("├", "└"))]
    assert len(branches) == 1
    assert len(branches[0]) == 72
