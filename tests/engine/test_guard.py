"""The guard by the real engine: set beside the denies, seen, taken off last."""

from __future__ import annotations

import pytest

from containment.lab.testing import Lab
from tests.support.guard_role import guard_role
from tests.support.project import STACK, Project, spec
from tests.support.workbench import allowed, can_list

pytestmark = pytest.mark.engine


def attached(lab: Lab) -> list[str]:
    organizations = lab.client("organizations", lab.world.management_admin)
    policies = organizations.list_policies_for_target(
        TargetId=lab.world.account, Filter="SERVICE_CONTROL_POLICY"
    )
    return sorted(one["Name"] for one in policies["Policies"])


def test_a_required_guard_fails_the_run_without_rights_and_stands_with_them_until_the_lift(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    iam = lab.client("iam", world.admin)
    guarded = "guard: {mode: freeze, required: true}\n"
    target = f"user: '{world.release_user}'"
    project.spec(spec(target, disposition="false-positive", extra=guarded))
    assert can_list(lab, world.release_key)

    without = project.run("up", "--yes", "--skip-preview")

    assert without.exit_code != 0
    assert "not contained: the required guard" in without.output
    assert not can_list(lab, world.release_key)
    assert attached(lab) == ["FullAWSAccess"]
    assert allowed(iam.create_user, UserName="before")

    (project.folder / "containment.yaml").write_text(
        f"guard_role: {guard_role(lab)}\nguard_lag_s: 1\n"
        f"break_glass: ['{world.break_glass_role}']\n",
        encoding="utf-8",
    )
    project.up()

    assert attached(lab) == ["FullAWSAccess", f"containment-{STACK}"]
    assert not allowed(iam.create_user, UserName="stranger")
    assert not can_list(lab, world.release_key)
    assert can_list(lab, world.bystander)

    run_result = project.run("destroy", "--yes", "--skip-preview")

    assert run_result.exit_code == 0, run_result.output
    assert attached(lab) == ["FullAWSAccess"]
    assert allowed(iam.create_user, UserName="stranger")
    assert can_list(lab, world.release_key)
