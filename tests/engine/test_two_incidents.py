"""With the real engine: two stacks on one principal, of which the older is lifted first."""

from __future__ import annotations

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.engine

OTHER = "inc-2026-0043"


def write(project: Project, stack: str, *targets: str) -> None:
    text = spec(*targets, disposition="false-positive").replace(STACK, stack)
    (project.folder / "stacks" / f"{stack}.yaml").write_text(text, encoding="utf-8")


def test_the_last_of_two_incidents_to_lift_gives_everything_back(
    project: Project, lab: Lab
) -> None:
    world, admin = lab.world, lab.client("iam", lab.world.admin)
    both = (f"user: '{world.ci_user}'", f"{{role: '{world.deploy_role}', rung: close-trust}}")
    before = inventory.take(admin)
    project.ok("stack", "init", OTHER)
    for stack in (STACK, OTHER):
        write(project, stack, *both)
        project.ok("up", "--yes", "--skip-preview", "--stack", stack)
    assert not can_list(lab, world.leaked)

    project.ok("destroy", "--yes", "--skip-preview", "--stack", STACK)

    assert not can_list(lab, world.leaked)
    assert "Containment" in inventory.take(admin)["role deploy, AssumeRolePolicyDocument"]
    project.ok("destroy", "--yes", "--skip-preview", "--stack", OTHER)
    assert can_list(lab, world.leaked)
    assert inventory.changes(before, inventory.take(admin)) == []
