"""With the real engine: what is on hold, what people decided, and states that somebody edited."""

from __future__ import annotations

import shutil

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec

pytestmark = pytest.mark.engine

DESTROY = ("destroy", "--yes", "--skip-preview")


def taken(lab: Lab) -> inventory.Inventory:
    return inventory.take(lab.client("iam", lab.world.admin))


def mutations(lab: Lab) -> int:
    return int(lab.status()["mutations"]["total"])


def user(lab: Lab, rung: str = "deny-all") -> str:
    leaked = lab.world.leaked.access_key_id
    return f"{{user: '{lab.world.ci_user}', leaked: [{leaked}], rung: {rung}}}"


def role(lab: Lab) -> str:
    return f"{{role: '{lab.world.deploy_role}', rung: close-trust}}"


def test_what_is_on_hold_is_released_by_nothing_and_each_verb_says_so(
    project: Project, lab: Lab
) -> None:
    hold = "hold: true\n"
    project.spec(spec(user(lab), role(lab), extra=hold, disposition="false-positive"))
    before = taken(lab)
    assert "nothing is released" in project.up()
    contained = taken(lab)
    lift = project.verb("lift", STACK, "--yes")
    assert lift.code == 7
    assert f"{STACK} is on hold" in lift.output
    status = project.verb("status", STACK)
    assert f"{STACK} is on hold: nothing of it is released" in status.output
    wrong = project.verb("lift", STACK, "--yes", "--force-ours", "credentials@111122223333/role/x")
    assert wrong.code == 2
    assert "whom the stack does not hold" in wrong.output

    refused = [project.run(*DESTROY)]
    project.spec(spec(role(lab), extra=hold, disposition="false-positive"))
    without = project.verb("up", STACK, "--yes")
    assert without.code == 7
    assert "it is on hold (hold: true), so nothing of it is released" in without.output
    project.spec(spec(user(lab, "key-only"), role(lab), extra=hold, disposition="false-positive"))
    refused.append(project.run("up", "--yes", "--skip-preview"))
    project.ok("state", "unprotect", "--all", "--yes")
    refused.append(project.run(*DESTROY))

    assert all(run_result.exit_code != 0 for run_result in refused)
    assert "hold: true, so nothing of it is released" in refused[-1].output
    assert inventory.changes(contained, taken(lab)) == []

    project.spec(spec(user(lab), role(lab), disposition="false-positive"))
    written = mutations(lab)
    project.up()
    assert mutations(lab) == written
    assert not any(item.get("protect") for item in project.resources())
    project.destroy()
    assert inventory.changes(before, taken(lab)) == []


def test_plain_destroy_is_told_what_was_decided_and_refuses_what_it_does_not_understand(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    project.spec(spec(user(lab), disposition="false-positive"))
    before = taken(lab)
    project.up()
    shutil.rmtree(project.folder / "ledger")
    admin = lab.client("iam", world.admin)
    admin.untag_user(UserName="ci-deploy", TagKeys=[f"containment:{STACK}"])
    contained = taken(lab)

    for decision, says in (
        ("force-ours=everything", "is no facet of a lift"),
        ("force-ours=credentials@111122223333/user/nobody", "whom the stack does not hold"),
    ):
        run_result = project.run(*DESTROY, CONTAINMENT_DECISIONS=decision)
        assert run_result.exit_code != 0
        assert says in run_result.output
        assert inventory.changes(contained, taken(lab)) == []

    decided = "force-ours=credentials@111122223333/user/ci-deploy"
    run_result = project.run(*DESTROY, CONTAINMENT_DECISIONS=decided)

    assert run_result.exit_code == 0, run_result.output
    assert inventory.changes(before, taken(lab)) == []
    ledger = (project.folder / "ledger" / f"{STACK}.jsonl").read_text()
    assert '"kind":"decision"' in ledger
