"""A suite that a lab could not judge fails, wherever the lab ran."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
TEST = """
import subprocess, sys, json, urllib.request
from pathlib import Path
import pytest
from botocore.exceptions import ClientError
from containment.lab import runtime
from containment.lab.scenario.world import Credentials

def ask(lab):
    with pytest.raises(ClientError, match="NotImplementedInLab"):
        lab.client("braket", lab.world.admin).search_devices(filters=[])

def test_here(lab_process):
    lab_process.reseed()
    ask(lab_process)

def test_on_purpose(lab_process):
    lab_process.reseed()
    with lab_process.unanswered():
        ask(lab_process)

def test_elsewhere(tmp_path, lab_process):
    lab = runtime.start_detached(tmp_path, 0)
    try:
        admin = lab.control("seed", {"world": "company"})["admin"]
        keys = Credentials(admin["access_key_id"], admin["secret_access_key"])
        here = lab_process.client
        import boto3
        client = boto3.client(
            "braket", endpoint_url=lab.endpoint, region_name="us-east-1",
            aws_access_key_id=keys.access_key_id, aws_secret_access_key=keys.secret_access_key,
        )
        with pytest.raises(ClientError, match="NotImplementedInLab"):
            client.search_devices(filters=[])
    finally:
        runtime.stop(lab)
"""


@pytest.mark.parametrize(
    ("name", "fails"), [("test_here", True), ("test_on_purpose", False), ("test_elsewhere", True)]
)
def test_a_suite_fails_where_a_lab_could_not_answer(
    tmp_path: Path, name: str, *, fails: bool
) -> None:
    file = tmp_path / "test_scene.py"
    file.write_text(TEST)
    environment = {k: v for k, v in os.environ.items() if k != "CONTAINMENT_LAB_UNANSWERED"}
    program = f"{sys.executable} -m pytest -q -p tests.conftest -p no:cacheprovider -o addopts="
    completed = subprocess.run(
        [*program.split(), "--rootdir", str(tmp_path), f"{file}::{name}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "1 passed" in completed.stdout, completed.stdout + completed.stderr
    assert ("labs met 1 calls that they could not answer" in completed.stdout) is fails
    assert completed.returncode == (1 if fails else 0)
