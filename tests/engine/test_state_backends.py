"""Where the state is kept, who holds it, and what is said once it is lost, old, or held by two."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list
from tools.reliability.stage import STATE_BUCKET, keep_in_s3

pytestmark = pytest.mark.engine

OTHER = "inc-2026-0043"
STATE = f".pulumi/stacks/containment/{STACK}.json.gz"
LOCKS = f".pulumi/locks/organization/containment/{STACK}"


@dataclass(frozen=True)
class Ran:
    code: int
    output: str


@pytest.fixture
def in_s3(project: Project, lab: Lab) -> Project:
    keep_in_s3(project, lab, lab.endpoint)
    return project


def ended(process: subprocess.Popen[str]) -> Ran:
    texts = process.communicate(timeout=180)
    return Ran(process.returncode, " ".join(" ".join(texts).split()))


def containment(project: Project, *arguments: str) -> Ran:
    run = project.verb(*arguments)
    return Ran(run.code, " ".join(run.output.split()))


def targets(lab: Lab) -> str:
    world = lab.world
    return spec(
        f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}",
        disposition="false-positive",
    )


def taken(lab: Lab) -> Any:
    return inventory.take(lab.client("iam", lab.world.admin))


def s3(lab: Lab) -> Any:
    return lab.client("s3", lab.world.admin)


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock(pid: int, host: str) -> bytes:
    lock_document = {
        "pid": pid,
        "username": "bob",
        "hostname": host,
        "timestamp": "2026-11-24T11:00:00Z",
    }
    return json.dumps(lock_document).encode()


def test_a_state_in_s3_goes_up_even_without_its_passphrase_shows_drift_and_comes_down(
    in_s3: Project, lab: Lab
) -> None:
    before = taken(lab)
    in_s3.spec(targets(lab))
    passphrase = in_s3.environ.pop("PULUMI_CONFIG_PASSPHRASE")

    up = containment(in_s3, "up")

    assert up.code == 8
    assert "set PULUMI_CONFIG_PASSPHRASE" in up.output
    assert f"{lab.world.leaked.access_key_id} is Inactive now" in up.output
    assert "not in the state yet" in up.output
    assert not can_list(lab, lab.world.leaked)

    in_s3.environ["PULUMI_CONFIG_PASSPHRASE"] = passphrase
    up = containment(in_s3, "up")
    assert up.code == 0, up.output
    versions = s3(lab).list_object_versions(Bucket=STATE_BUCKET, Prefix=STATE)["Versions"]
    assert len(versions) > 3
    assert "Contents" not in s3(lab).list_objects_v2(Bucket=STATE_BUCKET, Prefix=LOCKS)

    lab.client("iam", lab.world.admin).delete_user_policy(
        UserName="ci-deploy", PolicyName=f"containment-{STACK}"
    )
    drifted = containment(in_s3, "status")
    assert drifted.code == 4
    assert "DenyPolicy of ci-deploy is missing" in drifted.output
    in_s3.up()
    assert containment(in_s3, "status").code == 0

    assert containment(in_s3, "lift", "--yes").code == 0
    assert inventory.changes(before, taken(lab)) == []


def test_a_dead_runs_lock_in_s3_is_shown_with_its_owner_and_taken_away(
    in_s3: Project, lab: Lab
) -> None:
    in_s3.spec(targets(lab))
    bucket, key = s3(lab), f"{LOCKS}/1.json"
    bucket.put_object(Bucket=STATE_BUCKET, Key=key, Body=lock(1, "elsewhere.example"))
    anothers = containment(in_s3, "up")
    assert anothers.code == 7
    assert "ask bob" in anothers.output
    assert can_list(lab, lab.world.leaked)

    pid, here = dead(), socket.gethostname()
    bucket.put_object(Bucket=STATE_BUCKET, Key=key, Body=lock(pid, here))
    shown = containment(in_s3, "status")
    assert f"cut off (bob@{here}, process {pid}, since" in shown.output
    assert f"containment up {STACK}" in shown.output

    up = containment(in_s3, "up")

    assert up.code == 0, up.output
    assert f"taking away the lock of a run that was cut off (bob@{here}" in up.output
    assert not can_list(lab, lab.world.leaked)


def test_a_state_rolled_back_to_before_the_keys_is_lifted_all_the_same(
    in_s3: Project, lab: Lab
) -> None:
    before = taken(lab)
    in_s3.spec(targets(lab))
    in_s3.up()
    bucket = s3(lab)
    versions = bucket.list_object_versions(Bucket=STATE_BUCKET, Prefix=STATE)["Versions"]
    kinds: set[str] = set()
    for version in reversed([each for each in versions if each["Key"] == STATE]):  # oldest first
        old = bucket.get_object(Bucket=STATE_BUCKET, Key=STATE, VersionId=version["VersionId"])
        bucket.put_object(Bucket=STATE_BUCKET, Key=STATE, Body=old["Body"].read())
        kinds = {item["type"].rpartition(":")[2] for item in in_s3.resources()}
        if "PrincipalSnapshot" in kinds:
            break
    assert kinds & {"DenyPolicy", "InactiveCredentials"} == set()

    shown = containment(in_s3, "status")
    assert "declared and not applied: DenyPolicy of ci-deploy, InactiveCredentials" in shown.output
    assert f"containment up {STACK}" in shown.output
    lift = containment(in_s3, "lift", "--yes")

    assert lift.code == 0, lift.output
    assert inventory.changes(before, taken(lab)) == []


def test_a_lost_state_in_s3_is_never_called_empty(in_s3: Project, lab: Lab) -> None:
    in_s3.spec(targets(lab))
    in_s3.up()
    s3(lab).delete_object(Bucket=STATE_BUCKET, Key=STATE)
    in_s3.environ.pop("PULUMI_STACK")

    lost = containment(in_s3, "status")
    assert lost.code == 5
    assert f"containment adopt {STACK}" in lost.output
    assert containment(in_s3, "up").code == 5


def test_of_two_responders_at_once_one_works_and_the_other_is_told_who(
    project: Project, lab: Lab
) -> None:
    project.spec(targets(lab))
    lab.faults({"kind": "latency", "operation": "PutUserPolicy", "seconds": 8, "count": 1})

    both = [project.start_verb("up"), project.start_verb("up")]
    first, second = sorted((ended(process) for process in both), key=lambda ran: ran.code)

    assert first.code == 0, first.output
    assert second.code == 7, second.output
    assert f"{STACK} is being changed right now" in second.output
    assert f"@{socket.gethostname()}, process" in second.output
    assert not can_list(lab, lab.world.leaked)
    assert "unchanged" in project.ok("up", "--yes", "--skip-preview")


def test_two_responders_with_two_incidents_in_one_account_do_not_disturb_each_other(
    project: Project, lab: Lab
) -> None:
    world, before = lab.world, taken(lab)
    project.spec(targets(lab))
    (project.folder / "stacks" / f"{OTHER}.yaml").write_text(
        spec(
            f"{{role: '{world.deploy_role}', rung: close-trust}}", disposition="false-positive"
        ).replace(STACK, OTHER)
    )

    for verb in (("up",), ("lift", "--yes")):
        both = [project.start_verb(*verb, stack) for stack in (STACK, OTHER)]
        for ran in [ended(process) for process in both]:
            assert ran.code == 0, ran.output
        if verb == ("up",):
            assert not can_list(lab, world.leaked)
            assert "Deny" in taken(lab)["role deploy, AssumeRolePolicyDocument"]

    assert inventory.changes(before, taken(lab)) == []


def test_what_was_cut_off_is_explained_and_up_settles_it(project: Project, lab: Lab) -> None:
    project.spec(targets(lab))
    lab.faults({"kind": "latency", "operation": "PutUserPolicy", "seconds": 3, "count": 1})
    running = project.start("up", "--yes", "--skip-preview")
    deadline = time.monotonic() + 60
    while lab.status()["faults"][0]["hits"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.kill()
    running.communicate()

    shown = containment(project, "status")
    assert "is locked by a run that was cut off" in shown.output
    assert "was cut off while creating DenyPolicy 111122223333/user/ci-deploy" in shown.output
    up = containment(project, "up")

    assert up.code == 0, up.output
    assert "settled: the interrupted creating of DenyPolicy" in up.output
    assert not can_list(lab, lab.world.leaked)
    again = containment(project, "status", "--json")
    assert again.code == 0, again.output
    assert '"matters": []' in again.output
    exported = project.ok("stack", "export")
    assert not json.loads(exported[exported.index("{") :])["deployment"].get("pending_operations")


def test_a_broken_spec_hides_nothing_and_a_run_without_credentials_is_explained(
    project: Project, lab: Lab, tmp_path: Path
) -> None:
    project.spec(targets(lab))
    project.up()
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    refreshed = project.run("refresh", "--yes", "--skip-preview", **none)
    assert "cannot see" in refreshed.output
    project.spec("targets: [")

    shown = containment(project, "status")

    assert shown.code == 2, shown.output
    assert lab.world.ci_user in shown.output
    assert "the last run could not look at AWS, so the state says unknown" in shown.output
    assert f"stacks/{STACK}.yaml" in shown.output
    project.spec(targets(lab))
    project.up()
    assert containment(project, "status").code == 0
    assert not (tmp_path / "none").exists()
