"""The main job with the real engine: contained by ``pulumi up``, given back by ``destroy``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list, minted, session_of

pytestmark = pytest.mark.engine


def taken(lab: Lab) -> Any:
    return inventory.take(lab.client("iam", lab.world.admin))


def targets(lab: Lab) -> tuple[str, str]:
    return (
        f"{{user: '{lab.world.ci_user}', leaked: [{lab.world.leaked.access_key_id}]}}",
        f"{{role: '{lab.world.deploy_role}', rung: revoke-sessions}}",
    )


def test_a_false_alarm_gives_back_exactly_what_was_there(project: Project, lab: Lab) -> None:
    world = lab.world
    token = minted(lab, world.leaked)
    attacker = session_of(lab, world.leaked, world.deploy_role)
    before = taken(lab)
    project.spec(spec(*targets(lab), disposition="false-positive"))
    credentials = (world.leaked, token, attacker)
    assert all(can_list(lab, one) for one in credentials)

    project.up()

    state = json.dumps(project.resources())
    assert "stackTrace" not in state
    assert str(project.folder) not in state
    assert len(state) < 15_000
    assert not any(can_list(lab, one) for one in credentials)
    assert can_list(lab, world.bystander)
    assert can_list(lab, world.app_session)
    assert "6 unchanged" in project.up()

    project.destroy()

    assert inventory.changes(before, taken(lab)) == []
    assert all(can_list(lab, one) for one in credentials)


def test_a_confirmed_leak_is_previewed_stays_dead_and_the_rest_comes_back(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    token = minted(lab, world.leaked)
    attacker = session_of(lab, world.leaked, world.deploy_role)
    before = taken(lab)
    project.spec(spec(*targets(lab), disposition="confirmed"))
    mutations = lab.status()["mutations"]["total"]

    shown = project.ok("preview", "--diff")

    assert "EMULATED" in shown
    assert world.leaked.access_key_id in shown
    assert "stays Inactive" in shown  # what a destroy would do, for the reviewer
    assert "warning: using pulumi-" not in shown
    assert lab.status()["mutations"]["total"] == mutations
    assert inventory.changes(before, taken(lab)) == []

    project.up()
    lab.advance(121)
    worker = session_of(lab, world.admin, world.bystander_role)
    assert can_list(lab, worker)

    project.destroy()

    changed = inventory.changes(before, taken(lab))
    facts = sorted(change.fact for change in changed)
    assert [fact for fact in facts if "access key" in fact] == [
        f"user ci-deploy, access key {world.leaked.access_key_id}"
    ]
    assert all(f"containment-{STACK}" in fact for fact in facts if "access key" not in fact)
    assert not any(can_list(lab, one) for one in (world.leaked, token, attacker))
    assert can_list(lab, world.bystander)


def test_drift_ends_a_refresh_and_another_disposition_in_the_file_blocks_the_lift(
    project: Project, lab: Lab
) -> None:
    project.spec(spec(*targets(lab)))
    project.up()
    refresh = ("refresh", "--preview-only", "--expect-no-changes")
    quiet = project.run(*refresh)
    lab.client("iam", lab.world.admin).delete_user_policy(
        UserName="ci-deploy", PolicyName=f"containment-{STACK}"
    )
    drifted = project.run(*refresh)
    assert (quiet.exit_code, drifted.exit_code) == (0, 7)
    assert "live" in drifted.output
    before = taken(lab)
    project.spec(spec(*targets(lab), disposition="false-positive"))

    refused = project.run("destroy", "--yes", "--skip-preview")

    assert refused.exit_code != 0
    assert "the file says disposition false-positive" in refused.output
    assert "pulumi up" in refused.output
    assert inventory.changes(before, taken(lab)) == []

    project.up()
    project.destroy()

    assert can_list(lab, lab.world.leaked)


def test_a_target_taken_out_of_the_spec_is_lifted_by_up(project: Project, lab: Lab) -> None:
    world = lab.world
    user, role = targets(lab)
    project.spec(spec(user, role))
    project.up()
    lab.advance(200)
    attacker_free = session_of(lab, world.admin, world.bystander_role)
    project.spec(spec(user))

    output = project.up()

    assert "3 deleted" in output or "2 deleted" in output
    assert can_list(lab, attacker_free)
    assert not can_list(lab, world.leaked)


def test_every_rung_of_a_role_and_a_user_goes_up_and_down(project: Project, lab: Lab) -> None:
    world = lab.world
    user = f"user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]"
    before = taken(lab)
    project.spec(
        spec(
            f"{{{user}, rung: key-only}}",
            f"{{role: '{world.deploy_role}', rung: session, sessions: [{{name: bad}}]}}",
            disposition="false-positive",
        )
    )
    bad = session_of(lab, world.leaked, world.deploy_role, "bad")
    token = minted(lab, world.leaked)
    project.up()
    assert not can_list(lab, bad)
    assert can_list(lab, token)  # what the lowest rung leaves alive

    project.spec(
        spec(
            f"{{{user}, rung: deny-all}}",
            f"{{role: '{world.deploy_role}', rung: close-trust}}",
            disposition="false-positive",
        )
    )
    project.up()
    assert not can_list(lab, token)
    sts = lab.client("sts", world.admin)
    with pytest.raises(sts.exceptions.ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=world.deploy_role, RoleSessionName="new")

    project.destroy()

    assert inventory.changes(before, taken(lab)) == []
