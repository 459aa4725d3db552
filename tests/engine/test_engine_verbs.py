"""With the real engine: taint, target, another region, refresh, ignored changes; none releases."""

from __future__ import annotations

from typing import Any

import pytest

from containment.engine import versions
from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.support.project import STACK, Project, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.engine

PROGRAM = """\
import pulumi

from containment.program import main


def ignoring(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    names = ["accessKeys", "attachedPolicies", "trustPolicy", "lift", "cohort"]
    opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(ignore_changes=names))
    return pulumi.ResourceTransformationResult(args.props, opts)


pulumi.runtime.register_stack_transformation(ignoring)
main()
"""


def taken(lab: Lab) -> inventory.Inventory:
    return inventory.take(lab.client("iam", lab.world.admin))


def resources_by_kind(project: Project) -> dict[str, dict[str, Any]]:
    """Return the state's resources by their word."""
    by_kind = {item["type"].rpartition(":")[2]: item for item in project.resources()}
    return {word: item for word, item in by_kind.items() if "outputs" in item}


def strip(lab: Lab) -> None:
    admin = lab.client("iam", lab.world.admin)
    admin.delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{STACK}")


def user(lab: Lab) -> str:
    return spec(f"user: '{lab.world.ci_user}'", disposition="false-positive")


def test_taint_target_and_another_region_neither_release_nor_forget(
    project: Project, lab: Lab
) -> None:
    before = taken(lab)
    project.spec(user(lab))
    project.up()
    first = resources_by_kind(project)
    snapshot_id = first["PrincipalSnapshot"]["outputs"]["snapshotId"]

    project.ok("state", "taint", first["DenyPolicy"]["urn"], "--yes")
    project.up()
    assert not can_list(lab, lab.world.leaked)
    assert (
        resources_by_kind(project)["DenyPolicy"]["outputs"]["generation"]
        > (first["DenyPolicy"]["outputs"]["generation"])
    )

    (project.folder / "containment.yaml").write_text("region: eu-central-1\n")
    project.ok("config", "set", "containment:region", "eu-central-1")
    project.up()
    project.ok("destroy", "--yes", "--skip-preview", "--target", first["DenyPolicy"]["urn"])
    assert "DenyPolicy" not in resources_by_kind(project)
    assert not can_list(lab, lab.world.leaked)  # its key is Inactive still

    targeted_run = project.run(
        "destroy", "--yes", "--skip-preview", "--target", first["PrincipalSnapshot"]["urn"]
    )
    assert targeted_run.exit_code != 0
    project.up()
    assert resources_by_kind(project)["PrincipalSnapshot"]["outputs"]["snapshotId"] == snapshot_id
    project.destroy()
    assert inventory.changes(before, taken(lab)) == []


def test_a_refresh_drops_nothing_and_what_was_undone_is_repaired_whatever_is_ignored(
    project: Project, lab: Lab
) -> None:
    before = taken(lab)
    project.spec(user(lab))
    program = project.folder / "__main__.py"
    program.write_text(PROGRAM, encoding="utf-8")
    # The launcher would not run another program.
    plain = versions.current(project.environ["PATH"])
    assert plain is not None
    project.engine = plain.path
    project.environ |= {"PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_DIY_BACKEND_GZIP": "true"}
    project.up()
    strip(lab)

    project.ok("refresh", "--yes", "--skip-preview")

    assert resources_by_kind(project)["DenyPolicy"]["outputs"]["live"] == "missing"
    project.ok("up", "--yes", "--skip-preview", "--refresh")
    assert resources_by_kind(project)["DenyPolicy"]["outputs"]["live"] == "applied"
    strip(lab)
    project.up()
    assert resources_by_kind(project)["DenyPolicy"]["outputs"]["live"] == "applied"
    project.destroy()
    assert inventory.changes(before, taken(lab)) == []
