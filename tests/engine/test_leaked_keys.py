"""With the real engine: a leaked key that a spec lets work on is no success of an ``up``."""

from __future__ import annotations

import pytest

from containment.lab.testing import Lab
from tests.support.project import Project, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.engine


def test_a_leaked_key_of_a_user_whose_own_rung_spares_it_ends_no_up_with_zero(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    key = world.leaked.access_key_id
    spared = (
        f"{{user: '{world.ci_user}', rung: key-only, leaked: [{world.release_inactive_key_id}]}}"
    )
    project.spec(spec(f"{{user: '{world.bystander_user}', leaked: [{key}]}}", spared))

    plain = project.run("up", "--yes")

    assert plain.exit_code != 0
    assert f"{key} leaked and works on" in plain.output
    assert not can_list(lab, world.bystander)
    assert can_list(lab, world.leaked)
    ran = project.verb("up", "--json")
    assert ran.code == 4
    assert f"{key} leaked and works on" in ran.json["error"]["message"]
