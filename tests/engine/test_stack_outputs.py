"""``pulumi stack output``: what other programs read of an incident."""

from __future__ import annotations

import json

import pytest

from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec

pytestmark = pytest.mark.engine


def test_a_stack_tells_other_programs_whom_it_holds_since_when_and_how_it_stands(
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

    # A plan that repairs a role's deny, and so sets a new T, can be carried out.
    admin = lab.client("iam", lab.world.admin)
    admin.delete_role_policy(RoleName="deploy", PolicyName=f"containment-{STACK}")
    project.ok("preview", "--save-plan", plan)
    project.ok("up", "--yes", "--skip-preview", "--plan", plan)
    again = json.loads(project.ok("stack", "output", "--json"))
    assert again["issuedBefore"] > first["issuedBefore"]
    assert again["state"] == "applied"
