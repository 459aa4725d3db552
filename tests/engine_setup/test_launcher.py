"""`.venv/bin/pulumi` sets what the project needs, keeps what the user has set, and steps aside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containment.engine import layout

if TYPE_CHECKING:
    from tests.engine_setup.conftest import Machine

pytestmark = pytest.mark.process

ENGINE = """#!/bin/sh
if [ "$1" = version ]; then echo v3.259.0; exit; fi
if [ "$1" = wait ]; then echo "$$"; exec sleep 30; fi
for argument in "$@"; do echo "<$argument>"; done
env
exit 3
"""
FILE = "file:///tmp/state"
WARNING = "warning: the state of a change in AWS goes to a file on this machine"


@pytest.fixture
def launcher(machine: Machine) -> Machine:
    machine.script(machine.programs / "pulumi", ENGINE)
    machine.provide()
    layout.lay_out(machine.project)
    return machine


def settings(printed: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)


def test_what_the_project_needs_is_set(launcher: Machine) -> None:
    engine_settings = settings(launcher.run_pulumi("stack").stdout)

    assert engine_settings["PULUMI_SKIP_UPDATE_CHECK"] == "true"
    assert engine_settings["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert engine_settings["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "true"
    assert engine_settings["PULUMI_CONTINUE_ON_ERROR"] == "true"
    assert engine_settings["PULUMI_DIY_BACKEND_GZIP"] == "true"


@pytest.mark.parametrize(
    "name",
    [
        "PULUMI_SKIP_UPDATE_CHECK",
        "PULUMI_CONTINUE_ON_ERROR",
        "PULUMI_DIY_BACKEND_GZIP",
    ],
)
@pytest.mark.parametrize("value", ["false", ""])
def test_what_the_user_has_set_is_kept(launcher: Machine, name: str, value: str) -> None:
    assert settings(launcher.run_pulumi("up", **{name: value}).stdout)[name] == value


def test_arguments_and_exit_status_are_the_engines(launcher: Machine) -> None:
    ran = launcher.run_pulumi("up", "two words", "", "$HOME", "*")

    assert ran.stdout.startswith("<up>\n<two words>\n<>\n<$HOME>\n<*>\n")
    assert ran.returncode == 3


def test_a_signal_reaches_the_engine_itself(launcher: Machine) -> None:
    process = subprocess.Popen(
        [launcher.venv / "bin" / "pulumi", "wait"],
        env=launcher.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid

    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=5) == -signal.SIGINT
    process.stdout.close()


def test_a_file_backend_gets_an_empty_passphrase(launcher: Machine) -> None:
    engine_settings = settings(launcher.run_pulumi("up", PULUMI_BACKEND_URL=FILE).stdout)

    assert engine_settings["PULUMI_CONFIG_PASSPHRASE"] == ""


@pytest.mark.parametrize("current", [FILE, "s3://bucket"])
def test_the_backend_that_the_user_logged_in_to_counts(launcher: Machine, current: str) -> None:
    login = launcher.folder / ".pulumi" / "credentials.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"current": current, "accessTokens": {FILE: ""}}, indent=4))

    engine_settings = settings(launcher.run_pulumi("up").stdout)

    assert ("PULUMI_CONFIG_PASSPHRASE" in engine_settings) == (current == FILE)


def test_a_shared_backend_gets_no_passphrase_and_no_warning(launcher: Machine) -> None:
    ran = launcher.run_pulumi("up", PULUMI_BACKEND_URL="s3://bucket")

    assert "PULUMI_CONFIG_PASSPHRASE" not in settings(ran.stdout)
    assert ran.stderr == ""


def test_a_passphrase_of_the_user_is_kept(launcher: Machine) -> None:
    ran = launcher.run_pulumi("up", PULUMI_BACKEND_URL=FILE, PULUMI_CONFIG_PASSPHRASE="theirs")
    assert settings(ran.stdout)["PULUMI_CONFIG_PASSPHRASE"] == "theirs"

    ran = launcher.run_pulumi("up", PULUMI_BACKEND_URL=FILE, PULUMI_CONFIG_PASSPHRASE_FILE="/f")
    assert "PULUMI_CONFIG_PASSPHRASE" not in settings(ran.stdout)


@pytest.mark.parametrize("command", ["up", "destroy", "refresh"])
def test_a_real_endpoint_with_a_file_backend_is_warned_about(
    launcher: Machine, command: str
) -> None:
    ran = launcher.run_pulumi("-s", "inc-1", command, PULUMI_BACKEND_URL=FILE)

    assert ran.stderr.startswith(WARNING)
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM"])
@pytest.mark.parametrize("command", ["preview", "up", "destroy", "refresh"])
def test_an_emulated_endpoint_is_named_first_and_not_warned_about(
    launcher: Machine, name: str, command: str
) -> None:
    emulated = {name: "http://127.0.0.1:5000", "PULUMI_BACKEND_URL": FILE}

    ran = launcher.run_pulumi(command, **emulated)

    assert ran.stderr == "EMULATED: http://127.0.0.1:5000 is not AWS; no real account is touched\n"
    assert launcher.run_pulumi(command, **emulated, CONTAINMENT_ANNOUNCED="1").stderr == ""


@pytest.mark.parametrize("option", [("--plan", "p.json"), ("--plan=p.json",)])
def test_a_saved_plan_is_told_what_it_leaves_undone(
    launcher: Machine, option: tuple[str, ...]
) -> None:
    emulated = {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "PULUMI_BACKEND_URL": FILE}

    assert "plan anew" in launcher.run_pulumi("up", *option, **emulated).stderr
    assert "plan anew" not in launcher.run_pulumi("up", **emulated).stderr


@pytest.mark.parametrize("endpoint", ["", "https://iam.amazonaws.com", "https://iam.eu-1.api.aws/"])
def test_an_endpoint_of_aws_is_not_called_emulated(launcher: Machine, endpoint: str) -> None:
    assert launcher.run_pulumi("preview", AWS_ENDPOINT_URL=endpoint).stderr == ""


def test_a_command_that_changes_nothing_is_not_warned_about(launcher: Machine) -> None:
    assert launcher.run_pulumi("stack", "ls", PULUMI_BACKEND_URL=FILE).stderr == ""


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_running_without_checkpoints_is_refused(launcher: Machine, value: str) -> None:
    ran = launcher.run_pulumi("up", PULUMI_SKIP_CHECKPOINTS=value)

    assert ran.returncode == 7
    assert ran.stdout == ""
    assert ran.stderr.startswith("error: PULUMI_SKIP_CHECKPOINTS is set")
    assert "unset it" in ran.stderr


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_checkpoints_that_are_not_switched_off_are_fine(launcher: Machine, value: str) -> None:
    assert launcher.run_pulumi("up", PULUMI_SKIP_CHECKPOINTS=value).returncode == 3


def test_an_engine_that_is_gone_names_make_setup(launcher: Machine) -> None:
    (launcher.programs / "pulumi").unlink()
    script = (
        "from containment.engine import launcher, versions; versions._NOTE = versions.Path('/x')"
    )

    ran = subprocess.run(
        [sys.executable, "-c", f"{script}; launcher.main()", "up"],
        cwd=launcher.project,
        env=launcher.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 9
    assert "run 'make setup' or 'containment init'" in ran.stderr


@pytest.fixture
def locked(launcher: Machine) -> Iterator[tuple[Machine, Path, int]]:
    """Have a run at work on stack inc-1, whose process is called like the engine."""
    folder = launcher.folder / "state" / ".pulumi" / "locks" / "organization" / "containment"
    program = launcher.folder / "pulumi"
    program.symlink_to(shutil.which("sleep") or "sleep")
    with subprocess.Popen([program, "30"]) as process:
        lock = folder / "inc-1" / "1.json"
        lock.parent.mkdir(parents=True)
        lock_document = {"pid": process.pid, "username": "u", "hostname": os.uname().nodename}
        lock.write_text(json.dumps(lock_document))
        yield launcher, lock, process.pid
        process.kill()


def cancel(machine: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    backend = f"file://{machine.folder / 'state'}"
    return machine.run_pulumi("cancel", *arguments, PULUMI_BACKEND_URL=backend)


@pytest.mark.parametrize(
    "arguments", [[], ["--yes"], ["-s", "inc-1"], ["--stack=inc-1"], ["inc-1"]]
)
def test_a_run_that_lives_is_not_cancelled(
    locked: tuple[Machine, Path, int], arguments: list[str]
) -> None:
    machine, lock, pid = locked

    ran = cancel(machine, *arguments)

    assert ran.returncode == 7
    assert f"inc-1 is being changed right now by process {pid}" in ran.stderr
    assert "<cancel>" not in ran.stdout
    assert lock.exists()


def test_a_dead_run_anothers_and_another_stacks_are_the_engines_to_cancel(
    locked: tuple[Machine, Path, int],
) -> None:
    machine, lock, _ = locked
    document = json.loads(lock.read_text())

    assert cancel(machine, "--stack", "inc-2").stdout.startswith("<cancel>")
    lock.write_text(json.dumps({**document, "hostname": "elsewhere"}))
    assert cancel(machine).stdout.startswith("<cancel>")
    lock.write_text(json.dumps({**document, "pid": os.getpid()}))  # alive, and not the engine
    assert cancel(machine).stdout.startswith("<cancel>")
