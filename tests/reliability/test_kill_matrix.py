"""The rows of ``make reliability``: all that they promise to try is among them."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from containment.actions import ACTIONS
from containment.aws.cancellation import is_mutating
from tools.reliability.rows import numbered, pairwise, rows, sample, signals, storms
from tools.reliability.scenes import SCENES
from tools.reliability.trial import Trial

pytestmark = pytest.mark.plain

SEED = 7


def test_every_call_of_every_scene_is_struck_before_and_after_with_both_ways_on() -> None:
    struck = {
        (trial.scene, trial.verb, trial.blow.operation, trial.blow.nth, trial.blow.point)
        for trial in rows(SEED)
        if trial.blow is not None and trial.blow.fate in {"dropped", "lost"}
    }
    expected_names = {
        (scene.name, verb, operation, nth, point)
        for scene in SCENES.values()
        if scene.name != "both"
        for verb in ("up", "destroy")
        if (scene.name, verb) != ("user, fenced", "up")
        for operation, nth in numbered(getattr(scene, verb))
        for point in ("before", "after")
    }

    assert expected_names <= struck
    assert {trial.after for trial in rows(SEED)} >= {"up", "destroy", "refresh", "cancel"}


def test_every_change_that_an_action_may_make_is_in_a_scene() -> None:
    made = {call for scene in SCENES.values() for call in (*scene.up, *scene.destroy)}
    may = {
        name.removeprefix("iam:")
        for action in ACTIONS
        for name in action.permissions
        if name.startswith("iam:") and is_mutating(name.removeprefix("iam:"))
    }

    assert may - made == set()


def test_every_pair_of_process_signal_point_command_and_next_step_is_tried() -> None:
    factors: dict[str, Any] = {
        "who": ("cli", "host", "provider"),
        "verb": ("up", "destroy"),
        "after": (1, 2, 3),
    }
    chosen = pairwise(factors, random.Random(SEED))  # noqa: S311 -- as the matrix does
    pairs = {pair for row in chosen for pair in itertools.combinations(row.items(), 2)}

    for (first, ones), (second, others) in itertools.combinations(factors.items(), 2):
        for one, other in itertools.product(ones, others):
            assert ((first, one), (second, other)) in pairs
    assert len(chosen) < 3 * 2 * 3
    struck = {(trial.blow.who, trial.blow.how) for trial in signals(SEED) if trial.blow}
    assert len(struck) == 3 * 6


def test_the_same_seed_gives_the_same_rows_and_each_has_a_name_of_its_own() -> None:
    names = [trial.name for trial in rows(SEED)]

    assert names == [trial.name for trial in rows(SEED)]
    assert names != [trial.name for trial in rows(SEED + 1)]
    assert len(set(names)) == len(names)
    assert 20 * len(SCENES) <= len(names) <= 50 * len(SCENES)
    assert len({storm.name for storm in storms(100, SEED)}) == 100


def test_the_sample_has_every_kind_of_row_of_the_matrix() -> None:
    repair = {"a crash during a repair"}

    assert {trial.kind for trial in sample()} == {trial.kind for trial in rows(SEED)} - repair
    assert all(isinstance(trial, Trial) for trial in sample())
