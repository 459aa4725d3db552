from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from containment.errors import ConflictError
from containment.run import locks

pytestmark = pytest.mark.process
HERE = socket.gethostname()


def dead_pid() -> int:
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
        stack_lock = lock(process.pid)
        what, step = stack_lock.explain("inc-x")

        assert stack_lock.holder == "alive"
        assert "right now" in what
        assert "cancel" not in step
    finally:
        process.kill()
        process.communicate()


def test_a_lock_of_a_dead_process_on_this_machine_is_stale() -> None:
    what, step = lock(dead_pid()).explain("inc-x")

    assert "its process is gone" in what
    assert "containment up inc-x" in step
    assert "pulumi cancel --yes --stack inc-x" in step


def test_a_process_id_that_another_program_has_now_is_stale_too() -> None:
    assert lock(os.getpid()).holder == "gone"


def test_a_lock_from_another_machine_is_its_owners_to_judge() -> None:
    stack_lock = lock(1, host="elsewhere.example")
    what, step = stack_lock.explain("inc-x")

    assert stack_lock.holder == "elsewhere"
    assert "bob@elsewhere.example" in what
    assert step.startswith("ask bob")


def test_the_engines_complaint_is_told_from_others_and_nothing_else_is_read_in_it() -> None:
    assert locks.is_complaint(
        "error: the stack is currently locked by 2 lock(s). Either wait …\n"
        "  file:///s/1.json: created by bob@host-1 (pid 7) at 2026-11-24T11:00:00Z\n"
    )
    assert not locks.is_complaint("error: file:///s/1.json: created by bob@host-1 (pid 7) at now")


def test_locks_are_read_from_a_state_in_files(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "containment" / "inc-x"
    folder.mkdir(parents=True)
    lock_document = {"pid": 7, "username": "bob", "hostname": "h", "timestamp": "t"}
    (folder / "1.json").write_text(json.dumps(lock_document))
    (folder / "2.json").write_text("half a fi")

    stack_locks = list(locks.read_locks(tmp_path.as_uri(), "inc-x"))

    assert [stack_lock.user for stack_lock in stack_locks] == ["bob", "somebody"]
    assert list(locks.read_locks(tmp_path.as_uri(), "inc-y")) == []
    assert list(locks.read_locks("https://api.pulumi.com", "inc-x")) == []


def written(folder: Path, stack: str = "inc-x", **members: object) -> Path:
    """Write a lock of a process that is gone, as the engine would, into a state in files."""
    file = folder / ".pulumi" / "locks" / "organization" / "containment" / stack / "1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock_document = {
        "pid": dead_pid(),
        "username": "bob",
        "hostname": HERE,
        "timestamp": "t",
        **members,
    }
    file.write_text(json.dumps(lock_document))
    return file


def test_the_lock_of_a_dead_process_of_this_machine_is_removed_and_no_other(
    tmp_path: Path,
) -> None:
    living = engine_process(tmp_path)
    try:
        for kept in ({"pid": living.pid}, {"hostname": "elsewhere.example"}, {"pid": "7"}):
            file = written(tmp_path, **kept)
            (stack_lock,) = locks.read_locks(tmp_path.as_uri(), "inc-x")
            assert not locks.remove(stack_lock)
            assert file.exists()

        file = written(tmp_path)
        (stack_lock,) = locks.read_locks(tmp_path.as_uri(), "inc-x")
        assert locks.remove(stack_lock)
        assert not file.exists()
    finally:
        living.kill()
        living.communicate()


def test_what_a_lock_says_chooses_no_file(tmp_path: Path) -> None:
    precious = tmp_path / "precious.json"
    precious.write_text("{}")
    text = f"a@b (pid 7) at t\nfile://{precious}: created by a@{HERE} (pid {dead_pid()}) at"
    written(tmp_path, username=text)

    (stack_lock,) = locks.read_locks(tmp_path.as_uri(), "inc-x")

    assert stack_lock.file != precious
    assert "\n" not in stack_lock.owner
    assert locks.remove(stack_lock)
    assert precious.exists()


def test_a_file_that_is_no_lock_is_never_removed(tmp_path: Path) -> None:
    elsewhere = written(tmp_path / "elsewhere")
    link = written(tmp_path, "inc-y")
    link.unlink()
    link.symlink_to(elsewhere)
    (stack_lock,) = locks.read_locks(tmp_path.as_uri(), "inc-y")
    assert not locks.remove(stack_lock)

    document = json.loads(elsewhere.read_text()) | {"role": "arn:aws:iam::111122223333:role/x"}
    more = written(tmp_path, "inc-z", **document)
    (stack_lock,) = locks.read_locks(tmp_path.as_uri(), "inc-z")
    assert not locks.remove(stack_lock)
    assert elsewhere.exists()
    assert more.exists()


def test_locks_behind_a_link_are_not_read(tmp_path: Path) -> None:
    elsewhere = written(tmp_path / "elsewhere").parent
    folder = written(tmp_path, "inc-y").parents[1]
    (folder / "inc-x").symlink_to(elsewhere)

    with pytest.raises(ConflictError, match="behind a link"):
        list(locks.read_locks(tmp_path.as_uri(), "inc-x"))


def test_a_lock_is_taken_as_the_engine_takes_it_and_given_back(tmp_path: Path) -> None:
    backend = tmp_path.as_uri()

    with locks.taken(backend, "inc-x") as is_taken:
        (stack_lock,) = locks.read_locks(backend, "inc-x")
        assert is_taken
        assert (stack_lock.pid, stack_lock.host) == (os.getpid(), HERE)

    assert list(locks.read_locks(backend, "inc-x")) == []


def test_a_stack_that_somebody_holds_is_not_taken_and_one_of_a_dead_run_is(tmp_path: Path) -> None:
    backend = tmp_path.as_uri()
    for members, free in (({"hostname": "elsewhere.example"}, False), ({}, True)):
        file = written(tmp_path, **members)

        with locks.taken(backend, "inc-x") as is_taken:
            assert is_taken is free

        assert file.exists() is not free


def test_a_stack_whose_locks_cannot_be_seen_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".pulumi").symlink_to(tmp_path / "elsewhere")

    for backend in (tmp_path.as_uri(), "https://api.pulumi.com", (tmp_path / "none").as_uri()):
        with locks.taken(backend, "inc-x") as is_taken:
            assert not is_taken

    assert not list((tmp_path / "elsewhere").rglob("*.json"))
