"""Runs of the real engine that are cut off: a sample of what ``make reliability`` tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from containment.lab.testing import Lab
from tools.reliability.blow import Blow
from tools.reliability.lane import Lane
from tools.reliability.rows import sample, storms
from tools.reliability.trial import Storm, Trial

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def lane(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    yield Lane(lab_process, Path(tmp_path_factory.mktemp("lane")))
    lab_process.reset()


@pytest.mark.parametrize("trial", sample(), ids=lambda trial: trial.name)
def test_a_run_that_is_cut_off_loses_nothing(lane: Lane, trial: Trial) -> None:
    result = lane.run(trial)

    assert result.right, result.lost
    assert "seen" in result.evidence or "as listed" in result.evidence


@pytest.mark.parametrize("storm", storms(1, seed=12), ids=lambda storm: storm.name)
def test_a_run_in_which_a_fifth_of_all_calls_fails_comes_to_its_end(
    lane: Lane, storm: Storm
) -> None:
    result = lane.run(storm)

    assert result.right, result.lost
    assert any(kind in result.evidence for kind in ("throttle", "error", "lose", "drop"))


def test_a_fault_that_never_struck_fails_the_reliability_trial(lane: Lane) -> None:
    result = lane.run(Trial("user", "up", Blow("DeleteUser"), "destroy"))

    assert not result.right
    assert result.lost == "not hit: the relay never saw DeleteUser 1"
