"""Signals, pipes and output of a run: a change in flight is never cut off by us."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from containment.errors import ContainmentError, UnavailableError
from containment.run.engine import Engine

pytestmark = pytest.mark.process

# Says that it is up, takes a second to finish what it does, and writes down what it was told.
_WORKING = """\
#!{python} -IS
import signal, sys, time
told = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: told.append(signal.Signals(number).name))
print("up", flush=True)
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    time.sleep(0.02)
for line in range({lines}):
    print("line", line, flush=True)
hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
open("done", "w").write(" ".join(told) + (" hangup-ignored" if hangup else ""))
sys.exit(1 if told else 0)
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return working(tmp_path, seconds=0.6, lines=3)


def working(folder: Path, *, seconds: float, lines: int) -> Engine:
    program = folder / "pulumi"
    program.write_text(_WORKING.format(python=sys.executable, seconds=seconds, lines=lines))
    program.chmod(0o755)
    return Engine(program, folder, {"PATH": os.environ["PATH"]})


def send(number: signal.Signals, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        (signal.SIGINT, "SIGINT"),
        (signal.SIGTERM, "SIGTERM"),
        (signal.SIGHUP, "SIGTERM"),
    ],
)
def test_one_signal_is_passed_on_once_and_the_run_comes_to_its_end(
    engine: Engine, sent: signal.Signals, passed_on: str
) -> None:
    messages: list[str] = []

    def out(line: str) -> None:
        messages.append(line)
        if line == "up":
            threading.Thread(target=send, args=(sent,)).start()

    run = engine.run("up", out=out, err=messages.append)

    assert run.stopped
    assert messages[-1] == "line 2"
    assert (engine.root / "done").read_text() == f"{passed_on} hangup-ignored"


def test_a_second_signal_is_passed_on_too(engine: Engine) -> None:
    def out(line: str) -> None:
        if line == "up":
            threading.Thread(target=send, args=(signal.SIGINT, 2)).start()

    engine.run("up", out=out, err=out)

    assert (engine.root / "done").read_text().split().count("SIGINT") == 2


def test_the_signal_handlers_are_restored_after_a_run(engine: Engine) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]

    engine.run("up", out=lambda _: None, err=lambda _: None)

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)] == before


def test_a_reader_who_goes_away_does_not_end_the_run(tmp_path: Path) -> None:
    engine = working(tmp_path, seconds=0, lines=5000)

    def out(line: str) -> None:
        if line == "line 1":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        engine.run("up", out=out, err=out)

    assert (tmp_path / "done").exists()


def test_warnings_pass_and_a_complaint_is_kept_for_the_one_error(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text(
        "#!/bin/sh\necho warning: beware >&2\necho error: no >&2\necho more >&2\nexit 1\n"
    )
    program.chmod(0o755)
    warned: list[str] = []

    run = Engine(program, tmp_path, {}).run("up", out=warned.append, err=warned.append)

    assert warned == ["warning: beware"]
    assert run.complaint == "error: no\nmore"


def test_an_engine_that_cannot_be_started_is_one_error(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/nowhere\n")
    program.chmod(0o755)
    engine = Engine(program, tmp_path, {})

    with pytest.raises(UnavailableError, match="make setup"):
        engine.run("up", out=print, err=print)
    with pytest.raises(UnavailableError, match="make setup"):
        engine.ask("whoami")


def test_an_answer_that_is_no_json_is_an_error_and_never_a_guess(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\necho '[{'\n")
    program.chmod(0o755)

    with pytest.raises(ContainmentError):
        Engine(program, tmp_path, {}).stacks()
