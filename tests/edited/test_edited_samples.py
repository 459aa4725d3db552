"""Whatever is edited in a state or a ledger, nothing is given, switched on or denied by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.lab.testing import Lab
from tests.edited.play import play
from tests.edited.scene import Scene, connected_once

pytestmark = pytest.mark.lab

SEEDS = range(20)


@pytest.fixture
def signed_in(direct_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = direct_lab
    for name, value in lab.world.responder.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
    return lab


def test_no_edit_of_a_state_does_what_spec_and_account_do_not_support(
    signed_in: Lab, tmp_path: Path
) -> None:
    scene = Scene(signed_in, tmp_path)

    with connected_once():
        played = [play(scene.company(tmp_path / str(seed)), seed) for seed in SEEDS]

    assert [str(run) for run in played if run.wrong] == []
    assert any(run.refused for run in played)
