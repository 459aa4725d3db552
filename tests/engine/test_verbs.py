"""The verbs of ``containment`` with the real engine and the lab: from up to sweep."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from containment.lab.testing import Lab
from tests.support.project import STACK, Project, VerbRun, spec
from tests.support.workbench import can_list, minted, session_of

pytestmark = pytest.mark.engine


def targets(lab: Lab) -> str:
    world = lab.world
    return spec(
        f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}",
        f"{{role: '{world.deploy_role}', rung: revoke-sessions}}",
    )


def state_files(project: Project) -> Path:
    return project.folder.parent / "state" / ".pulumi" / "stacks" / "containment"


def test_an_incident_is_applied_repeated_shown_and_its_lift_foreseen(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    token = minted(lab, world.leaked)
    session = session_of(lab, world.leaked, world.deploy_role)
    project.spec(targets(lab))
    assert can_list(lab, world.leaked)
    assert can_list(lab, session)

    up = project.verb("up")
    assert up.code == 0, up.out + up.err
    assert up.out.startswith("EMULATED")
    assert (up.out + up.err).count("EMULATED") == 1
    assert "applied, not verified" in up.out
    assert not can_list(lab, world.leaked)
    assert not can_list(lab, token)
    assert not can_list(lab, session)
    assert can_list(lab, world.bystander)

    before = lab.status()["mutations"]["total"]
    again = project.verb("up", "--json")
    assert again.code == 0, again.err
    assert again.json["changes"] == {"same": 6}
    assert {item["rung"] for item in again.json["principals"]} == {"deny-all", "revoke-sessions"}
    assert again.json["principals"][1]["issued_before"] in up.out
    status = project.verb("status", "--json")
    assert status.code == 0
    assert status.json["matters"] == []
    assert len(status.json["accounts"][0]["denies"]) == 2
    preview = project.verb("lift", "--preview", "--json")
    assert preview.code == 0, preview.err
    assert {item["resource"] for item in preview.json["resources"]} == {
        "DenyPolicy",
        "InactiveCredentials",
        "PrincipalSnapshot",
    }
    assert all(item["on_destroy"] for item in preview.json["resources"])
    assert f"{world.leaked.access_key_id} leaked and stays Inactive" in preview.out
    assert lab.status()["mutations"]["total"] == before


def test_drift_is_shown_and_repaired_and_what_a_lift_leaves_is_swept(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    token = minted(lab, world.leaked)
    session = session_of(lab, world.leaked, world.deploy_role)
    project.spec(targets(lab))
    project.up()

    lab.client("iam", world.admin).delete_user_policy(
        UserName="ci-deploy", PolicyName=f"containment-{STACK}"
    )
    drifted = project.verb("status")
    assert drifted.code == 4
    assert "DenyPolicy of ci-deploy is missing" in drifted.out
    preview = project.verb("lift", "--preview")
    assert "user ci-deploy: its deny is not there any more" in preview.out
    assert project.verb("up").code == 0
    assert not can_list(lab, token)
    project.spec(targets(lab).replace("suspected", "confirmed"))
    assert project.verb("lift", "--preview").code == 5
    otherwise = project.verb("lift", "--yes", "--json")
    assert (otherwise.code, otherwise.json["error"]["kind"]) == (5, "ConflictError")
    project.spec(targets(lab))

    lifted = project.verb("lift", "--yes", "--json")
    assert lifted.code == 0, lifted.err
    assert lifted.json["remains"] == []
    assert any("stay denied until" in message for message in lifted.json["done"])
    assert not can_list(lab, session)
    fences = project.verb("status", "--json").json["accounts"][0]["fences"]
    assert [item["over"] for item in fences] == [False, False]
    sweep = project.verb("sweep", "--yes", "--json")
    assert (sweep.json["removed"], len(sweep.json["left"])) == ([], 2)

    lab.advance(38 * 3600)
    later = session_of(lab, world.responder_user_key, world.responder_role)
    project.environ |= later.env()
    refused = project.verb("sweep")
    assert refused.code == 7
    swept = project.verb("sweep", "--yes", "--json")
    assert swept.code == 0, swept.err
    assert (len(swept.json["removed"]), swept.json["left"]) == (2, [])
    assert lab.client("iam", world.admin).list_role_policies(RoleName="deploy")["PolicyNames"] == [
        "deploy"
    ]


def test_a_lost_state_is_adopted_and_lifted_as_if_it_had_never_been_lost(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    project.spec(targets(lab).replace("suspected", "false-positive"))
    project.up()
    shutil.rmtree(state_files(project))

    lost = project.verb("status")
    assert lost.code == 5
    assert "live that its state does not know" in lost.out
    assert project.verb("up").code == 5
    adopted = project.verb("adopt", STACK, "--json")
    assert adopted.code == 0, adopted.err
    assert sorted(adopted.json["adopted"]) == sorted([world.ci_user, world.deploy_role])
    again = project.verb("adopt", STACK, "--json")
    assert {item["standing"] for item in again.json["targets"]} == {"in the stack"}

    up = project.verb("up", "--json")
    assert up.code == 0, up.err
    assert not can_list(lab, world.leaked)
    assert project.verb("status").code == 0
    assert project.verb("lift", "--yes").code == 0
    assert can_list(lab, world.leaked)


def test_one_interrupt_finishes_the_change_in_flight_and_leaves_no_lock(
    project: Project, lab: Lab
) -> None:
    project.spec(targets(lab))

    # Before the engine is started.
    up = _interrupted(project, lab, "PutUserPolicy", "up")
    assert f"containment up {STACK}" in up.err
    assert not can_list(lab, lab.world.leaked)
    assert project.verb("up").code == 0

    # While the engine deletes: of a user, the fence is the same policy, written anew.
    lift = _interrupted(project, lab, "PutUserPolicy", "lift", "--yes")
    assert f"containment status {STACK}" in lift.err
    assert "TokenIssueTime" in json.dumps(
        lab.client("iam", lab.world.admin).get_user_policy(
            UserName="ci-deploy", PolicyName=f"containment-{STACK}"
        )["PolicyDocument"]
    )
    assert project.verb("lift", "--yes").code == 0


def _interrupted(project: Project, lab: Lab, operation: str, *arguments: str) -> VerbRun:
    """Interrupt the verb while *operation* is under way, which is late."""
    lab.faults({"kind": "latency", "operation": operation, "seconds": 3, "count": 1})
    process = project.start_verb(*arguments)
    deadline = time.monotonic() + 60
    while lab.status()["faults"][0]["hits"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, out + err
    assert not list((project.folder.parent / "state" / ".pulumi" / "locks").rglob("*.json"))
    return VerbRun(process.returncode, out, err)
