"""``pulumi stack output``: what other programs read of an incident."""

from __future__ import annotations

import json

import pytest

from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec

pytestmark = pytest.mark.engine


def test_other_programs_are_told_how_a_stack_stands_and_a_plan_made_anew_alone_repairs_it(
    project: Project, lab: Lab
) -> None:
    user, role = lab.world.ci_user, lab.world.deploy_role
    project.spec(spec(f"user: '{user}'", f"role: '{role}'"))
    plan = str(project.folder / "plan.json")
    project.ok("preview", "--save-plan", plan)
    project.ok("up", "--yes", "--skip-preview", "--plan", plan)

    first = json.loads(project.ok("stack", "output", "--json"))
    assert first["incident"] == STACK
    assert first["accounts"] == [lab.world.account]
    assert first["principals"] == {
        user: {"DenyPolicy": "applied", "InactiveCredentials": "applied"},
        role: {"DenyPolicy": "applied"},
    }
    assert first["state"] == "applied"
    assert first["ledger"]["length"] > 0
    assert len(first["ledger"]["sha256"]) == 64

    # A plan of no change says that it repairs nothing.
    project.ok("preview", "--save-plan", plan)
    admin = lab.client("iam", lab.world.admin)
    admin.delete_role_policy(RoleName="deploy", PolicyName=f"containment-{STACK}")
    refused = project.run("up", "--yes", "--skip-preview", "--plan", plan)
    assert refused.exit_code != 0
    assert "violates plan" in refused.output
    assert "plan anew (pulumi preview --save-plan)" in refused.output
    denies = [item for item in project.resources() if item["type"].endswith(":DenyPolicy")]
    assert all(item["outputs"]["snapshotId"] for item in denies)
    assert len(denies) == 2

    # One that repairs a role's deny, and so sets a new T, can be carried out.
    project.ok("preview", "--save-plan", plan)
    project.ok("up", "--yes", "--skip-preview", "--plan", plan)
    names = admin.list_role_policies(RoleName="deploy")["PolicyNames"]
    assert f"containment-{STACK}" in names
    again = json.loads(project.ok("stack", "output", "--json"))
    assert again["issuedBefore"] > first["issuedBefore"]
    assert again["state"] == "applied"
