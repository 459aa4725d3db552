from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from containment.aws.cancellation import CancelledError
from containment.provider.stack_lock import StackLock

pytestmark = pytest.mark.process

# Takes the lock as the provider of another engine, says so, and holds it until it is told to end.
_OTHER = """\
import sys
from pathlib import Path
from threading import Event
from containment.provider.stack_lock import StackLock
stack_lock = StackLock(engine=int(sys.argv[2]), folder=Path(sys.argv[1]))
assert stack_lock.holder("s", wait=print, cancelled=Event()) is None
print("held", flush=True)
sys.stdin.read()
"""


def other(folder: Path, engine: int = 1) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER, folder, str(engine)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def asked(stack_lock: StackLock, messages: list[str], stack: str = "s") -> int | None:
    return stack_lock.holder(stack, wait=messages.append, cancelled=threading.Event())


def test_the_first_change_waits_until_the_other_process_is_dead(tmp_path: Path) -> None:
    process, messages, got = other(tmp_path), list[str](), list[int | None]()
    stack_lock = StackLock(engine=2, folder=tmp_path)
    waiting = threading.Thread(target=lambda: got.append(asked(stack_lock, messages)))
    waiting.start()
    waiting.join(timeout=0.5)
    assert waiting.is_alive()

    process.kill()
    process.communicate()
    waiting.join(timeout=10)

    assert got == [None]
    assert messages == [f"another run still changes this stack (process {process.pid}); waiting"]


def test_a_process_that_does_not_end_is_named_and_waited_for_once(tmp_path: Path) -> None:
    with other(tmp_path) as process:
        messages: list[str] = []
        stack_lock = StackLock(engine=2, folder=tmp_path, patience_s=0.1)

        assert asked(stack_lock, messages) == process.pid
        assert asked(stack_lock, messages) == process.pid
        assert len(messages) == 1
        process.kill()


def test_another_stack_and_another_provider_of_the_same_run_wait_for_nobody(tmp_path: Path) -> None:
    with other(tmp_path, engine=7) as process:
        messages: list[str] = []

        assert asked(StackLock(engine=2, folder=tmp_path), messages, "another") is None
        assert asked(StackLock(engine=7, folder=tmp_path), messages) is None
        assert messages == []
        process.kill()


def test_waiting_ends_when_the_engine_says_stop(tmp_path: Path) -> None:
    with other(tmp_path) as process:
        stop = threading.Event()
        stop.set()

        with pytest.raises(CancelledError, match="was not made"):
            StackLock(engine=2, folder=tmp_path).holder("s", wait=lambda _: None, cancelled=stop)
        process.kill()


def test_a_stack_lock_is_released_and_leaves_no_file(tmp_path: Path) -> None:
    first = StackLock(engine=1, folder=tmp_path / "locks")
    assert asked(first, []) is None
    assert len(list((tmp_path / "locks").iterdir())) == 1

    first.release()

    assert list((tmp_path / "locks").iterdir()) == []
    assert asked(StackLock(engine=2, folder=tmp_path / "locks", patience_s=0), []) is None


def test_a_lock_folder_that_cannot_be_made_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert asked(StackLock(engine=1, folder=tmp_path / "file" / "locks"), []) is None


def test_a_lock_folder_is_this_users_alone(tmp_path: Path) -> None:
    stack_lock = StackLock(engine=1, folder=tmp_path / "locks")
    asked(stack_lock, [])

    assert (tmp_path / "locks").stat().st_mode & 0o777 == 0o700
    assert os.environ.get("TMPDIR", "/tmp") in str(StackLock().folder)  # noqa: S108
    stack_lock.release()
