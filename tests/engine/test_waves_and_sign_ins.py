"""With the real engine: waves follow each other, and sign-in sessions go once all are denied."""

from __future__ import annotations

import pytest

from containment.lab.testing import Lab
from tests.support.project import Project, spec
from tests.support.sign_ins import PASSWORD, can_refresh, sign_in
from tests.support.workbench import can_list

pytestmark = pytest.mark.engine


def test_an_early_wave_leaves_the_later_and_never_lets_go_of_them(
    project: Project, lab: Lab
) -> None:
    world = lab.world
    lab.client("iam", world.admin).create_login_profile(UserName="ci-deploy", Password=PASSWORD)
    token = sign_in(lab, client="CLI")
    project.spec(
        spec(
            f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}",
            f"{{user: '{world.release_user}', wave: 2}}",
        )
    )

    first = project.verb("up", "--wave", "1", "--json")

    assert first.code == 0, first.err
    assert first.json["later_waves"] == [world.release_user]
    assert not can_list(lab, world.leaked)
    assert not can_refresh(lab, token)
    assert can_list(lab, world.release_key)

    assert project.verb("up", "--wave", "2").code == 0
    assert not can_list(lab, world.release_key)

    again = project.verb("up", "--wave", "1", "--json")

    assert again.code == 0, again.err
    assert "wave 2 has begun" in again.err
    assert again.json["later_waves"] == []
    assert not can_list(lab, world.release_key)
