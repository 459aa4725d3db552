"""Bad input: one clear error with what to do, nothing changed, never a traceback."""

from __future__ import annotations

import pytest

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.engine

USER = "user: arn:aws:iam::111122223333:user/ci/ci-deploy"
UNUSABLE = (
    # Refused while it is read, as whatever tests/spec has, and while its key is resolved.
    ("", "pulumi destroy"),
    (spec("access_key: AKIAIOSFODNN7EXAMPLE"), "AKIAIOSFODNN7EXAMPLE"),
)


def test_a_spec_that_cannot_be_used_releases_nobody_and_says_why(
    project: Project, lab: Lab, subtests: pytest.Subtests
) -> None:
    project.spec(spec(USER))
    project.up()
    before = inventory.take(lab.client("iam", lab.world.admin))

    for text, message in UNUSABLE:
        with subtests.test(message):
            project.spec(text)

            run_result = project.run("up", "--yes", "--skip-preview")

            after = inventory.take(lab.client("iam", lab.world.admin))
            assert run_result.exit_code != 0
            assert message in run_result.output
            assert "Traceback" not in run_result.output
            assert inventory.changes(before, after) == []


def test_one_user_by_the_former_and_the_new_name_is_refused_and_stays_contained(
    project: Project, lab: Lab
) -> None:
    iam = lab.client("iam", lab.world.admin)
    former = lab.world.ci_user
    renamed = former.replace("ci-deploy", "ci-deploy-2")
    project.spec(spec(f"user: {former}"))
    project.up()
    iam.update_user(UserName="ci-deploy", NewUserName="ci-deploy-2")
    contained = inventory.take(iam)
    project.spec(spec(f"user: {former}", f"user: {renamed}"))

    run_result = project.run("up", "--yes", "--skip-preview")

    assert run_result.exit_code != 0
    assert f"{former} is {renamed} now and stays contained" in run_result.output
    assert f"user ci-deploy-2 is already contained by {STACK}" in run_result.output
    assert inventory.changes(contained, inventory.take(iam)) == []
    assert not can_list(lab, lab.world.leaked)


def test_a_stack_without_a_spec_says_how_to_write_one(project: Project) -> None:
    run_result = project.run("preview")

    assert run_result.exit_code != 0
    assert "containment open" in run_result.output
    assert "Traceback" not in run_result.output
