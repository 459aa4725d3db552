"""Without the engine: what a spec gets wrong of whose a leaked key is, is no success."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.actions import ACTIONS
from containment.lab.testing import Lab
from containment.lifecycle.workplace import Settings, Workplace
from containment.profile import Profile
from containment.run import direct
from containment.spec import load, waves
from tests.support.project import STACK, spec
from tests.support.workbench import can_list

pytestmark = pytest.mark.lab


def _say(*_: object) -> None:
    """Say nothing."""


@pytest.mark.parametrize("wave", [1, 2])
def test_a_leaked_key_of_a_user_whose_own_rung_spares_it_is_no_success(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wave: int
) -> None:
    world = lab.world
    for name, value in world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
    leaked, other = world.leaked.access_key_id, world.release_inactive_key_id
    file = tmp_path / "stacks" / f"{STACK}.yaml"
    file.parent.mkdir()
    file.write_text(
        spec(
            f"{{user: '{world.bystander_user}', leaked: [{leaked}]}}",
            f"{{user: '{world.ci_user}', rung: key-only, leaked: [{other}], wave: {wave}}}",
        )
    )
    workplace = Workplace(tmp_path, ACTIONS, STACK, Settings(profile=Profile()))

    results = direct.contain(
        waves.up_to(load(file), 1), workplace, spec_file=f"stacks/{STACK}.yaml", say=_say
    )

    error = direct.failure(results)
    assert error is not None
    assert f"{leaked} leaked and works on" in str(error)
    assert can_list(lab, world.leaked)
    assert not can_list(lab, world.bystander)
