"""`containment lab`: a lab beside us, found again, seeded, and gone without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from containment.lab import runtime

pytestmark = pytest.mark.lab
PROGRAM = (
    "import sys\n"
    "from cli.verbs.lab import lab\n"
    "from containment.errors import ContainmentError\n"
    "try:\n"
    "    lab(standalone_mode=True)\n"
    "except ContainmentError as error:\n"
    "    print(f'error: {error}', file=sys.stderr)\n"
    "    sys.exit(error.exit_code)\n"
)


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    settings = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    yield settings
    for lab in runtime.noted(runtime.directory(settings)):
        if lab.alive():
            runtime.stop(lab)


def containment(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_lab_is_started_seeded_used_and_stopped(environ: dict[str, str]) -> None:
    started = containment(environ, "start", "--detach", "--json")
    endpoint = json.loads(started.stdout)["endpoint"]
    assert started.stderr.startswith("EMULATED")

    seeded = containment(environ, "seed", "company")
    assert seeded.stdout.startswith(f"EMULATED: {endpoint}")
    variables = json.loads(containment(environ, "env", "--json").stdout)
    assert variables["AWS_ENDPOINT_URL"] == endpoint
    assert variables["PULUMI_CONFIG_PASSPHRASE"] == ""
    home = runtime.directory(environ)
    world_file = next(home.glob("*/world.json"))
    assert (home.stat().st_mode & 0o777, world_file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert Path(variables["PULUMI_BACKEND_URL"].removeprefix("file://")).is_dir()
    who = subprocess.run(
        [
            sys.executable,
            "-c",
            "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])",
        ],
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert who.stdout.strip().endswith(":assumed-role/ContainmentResponder/responder")
    shown = containment(environ, "status")
    assert "enforcement on" in shown.stdout

    assert containment(environ, "stop").returncode == 0
    assert list(home.iterdir()) == []
    after = containment(environ, "status")
    assert (after.returncode, "no lab is running" in after.stderr) == (9, True)


def test_exports_can_be_evaluated_by_a_shell(environ: dict[str, str]) -> None:
    containment(environ, "start", "--detach")
    containment(environ, "seed", "company")

    exports = containment(environ, "env")

    answer = subprocess.run(
        ["sh", "-c", 'eval "$EXPORTS"; echo "$AWS_ENDPOINT_URL $AWS_REGION"'],
        env={"EXPORTS": exports.stdout, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.startswith("http://127.0.0.1:")
    assert answer.stdout.endswith("us-east-1\n")


def test_two_labs_are_told_apart_by_their_port(environ: dict[str, str]) -> None:
    ports = [
        json.loads(containment(environ, "start", "--detach", "--json").stdout)["port"]
        for _ in range(2)
    ]

    which = containment(environ, "status")
    assert which.returncode == 2
    assert "say which with --port" in which.stderr
    assert containment(environ, "stop", "--port", str(ports[0])).returncode == 0
    assert f":{ports[1]}" in containment(environ, "status").stdout


def test_a_port_that_is_taken_is_one_clear_error(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words in (("start", "--port", port), ("start", "--detach", "--port", port)):
            refused = containment(environ, *words)
            assert refused.returncode == 9
            assert f"port {port}" in refused.stderr
            assert "Traceback" not in refused.stderr


def test_the_note_of_a_dead_lab_is_not_believed(environ: dict[str, str]) -> None:
    started = json.loads(containment(environ, "start", "--detach", "--json").stdout)
    os.kill(started["pid"], signal.SIGKILL)
    time.sleep(0.2)

    after = containment(environ, "status")

    assert after.returncode == 9
    assert list(runtime.directory(environ).iterdir()) == []


def test_ctrl_c_ends_a_lab_in_the_foreground_cleanly(environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "start"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("EMULATED: http://127.0.0.1:")

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=15)

    assert process.returncode == 0
    assert errors == ""
    assert list(runtime.directory(environ).iterdir()) == []


def test_exports_are_good_however_late_it_is_in_the_lab(environ: dict[str, str]) -> None:
    containment(environ, "start", "--detach")
    containment(environ, "seed", "company")
    early = json.loads(containment(environ, "env", "--json").stdout)
    assert early == json.loads(containment(environ, "env", "--json").stdout)
    lab = runtime.find(runtime.directory(environ))

    lab.control("clock", {"advance_s": 13 * 3600})
    late = json.loads(containment(environ, "env", "--json").stdout)

    assert late["AWS_ACCESS_KEY_ID"] != early["AWS_ACCESS_KEY_ID"]
    assert late == json.loads(containment(environ, "env", "--json").stdout)
    asked = (
        "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
        "; boto3.client('iam').list_access_keys(UserName='ci-deploy')"
    )
    completed = subprocess.run(
        [sys.executable, "-c", asked],
        env=environ | late,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ":assumed-role/ContainmentResponder/responder" in completed.stdout
