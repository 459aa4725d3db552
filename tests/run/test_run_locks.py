from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from containment.run import locks

pytestmark = pytest.mark.plain
HERE = socket.gethostname()


def gone() -> int:
    """Return the id of a process that was there a moment ago."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock(pid: int, host: str = HERE) -> locks.Lock:
    return locks.Lock("bob", host, pid, "2026-11-24T11:00:00Z")


def engine_process(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Start a process that is called like the engine."""
    program = tmp_path / "pulumi"
    program.write_text(
        f"#!{sys.executable}\nimport time\nprint('up', flush=True)\ntime.sleep(30)\n"
    )
    program.chmod(0o755)
    process = subprocess.Popen([program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_lock_of_a_living_run_says_to_wait_and_never_to_cancel(tmp_path: Path) -> None:
    process = engine_process(tmp_path)
    try:
        held = lock(process.pid)
        what, step = held.explain("inc-x")

        assert held.holder == "alive"
        assert "right now" in what
        assert "cancel" not in step
    finally:
        process.kill()
        process.communicate()


def test_a_lock_of_a_dead_process_on_this_machine_is_stale() -> None:
    what, step = lock(gone()).explain("inc-x")

    assert "its process is gone" in what
    assert "containment up inc-x" in step
    assert "pulumi cancel --yes --stack inc-x" in step


def test_a_process_id_that_another_program_has_now_is_stale_too() -> None:
    assert lock(os.getpid()).holder == "gone"


def test_a_lock_from_another_machine_is_its_owners_to_judge() -> None:
    held = lock(1, host="elsewhere.example")
    what, step = held.explain("inc-x")

    assert held.holder == "elsewhere"
    assert "bob@elsewhere.example" in what
    assert step.startswith("ask bob")


def test_the_engines_complaint_names_every_lock() -> None:
    text = (
        "error: the stack is currently locked by 2 lock(s).\n"
        "  file:///s/1.json: created by bob@host-1 (pid 7) at 2026-11-24T11:00:00Z\n"
        "  file:///s/2.json: created by eve@host-2 (pid 8) at 2026-11-24T11:00:01Z\n"
    )

    assert [held.owner for held in locks.said(text)] == [
        "bob@host-1, process 7, since 2026-11-24T11:00:00Z",
        "eve@host-2, process 8, since 2026-11-24T11:00:01Z",
    ]
    assert [held.file for held in locks.said(text)] == [Path("/s/1.json"), Path("/s/2.json")]
    assert locks.said(text.replace("file:///s", "s3://bucket/s"))[0].file is None


def test_locks_are_read_from_a_state_in_files(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "containment" / "inc-x"
    folder.mkdir(parents=True)
    told = {"pid": 7, "username": "bob", "hostname": "h", "timestamp": "t"}
    (folder / "1.json").write_text(json.dumps(told))
    (folder / "2.json").write_text("half a fi")

    found = list(locks.held(tmp_path.as_uri(), "inc-x"))

    assert [held.user for held in found] == ["bob", "somebody"]
    assert list(locks.held(tmp_path.as_uri(), "inc-y")) == []
    assert list(locks.held("https://api.pulumi.com", "inc-x")) == []


def test_the_lock_of_a_dead_process_of_this_machine_is_removed_and_no_other(
    tmp_path: Path,
) -> None:
    living = engine_process(tmp_path)
    file = tmp_path / "1.json"
    file.touch()
    try:
        for kept in (
            locks.Lock("bob", HERE, living.pid, "t", file),
            locks.Lock("bob", "elsewhere.example", 1, "t", file),
            locks.Lock("bob", HERE, gone(), "t"),
        ):
            assert not locks.remove(kept)
        assert file.exists()

        assert locks.remove(locks.Lock("bob", HERE, gone(), "t", file))
        assert not file.exists()
    finally:
        living.kill()
        living.communicate()
