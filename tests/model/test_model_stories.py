"""Stories at random and crashes at every moment: a sample of ``python -m tests.model``."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.model.cloud import Cloud
from tests.model.kills import cross, scenes
from tests.model.machine import tell

pytestmark = pytest.mark.lab


def test_no_story_releases_an_attacker_or_loses_a_principal(cloud: Cloud) -> None:
    tally: Counter[str] = Counter()

    tell(cloud, tally, runs=15, steps=8, derandomize=True)

    assert tally["runs"] >= 15
    assert tally["up"] > 0
    assert tally["destroy"] > 0


def test_no_crash_releases_an_attacker_or_loses_a_principal(cloud: Cloud) -> None:
    tally: Counter[str] = Counter()

    cross(cloud, tally, part=(0, 301))

    assert tally["tried"] >= 10


def test_every_action_is_struck_in_every_way_that_the_engine_calls_it() -> None:
    names = [scene.name for scene in scenes()]

    assert len(names) == len(set(names))
    for action in ("first up", "destroy", "next rung after", "replace"):
        for rung in ("deny-all of user", "key-only of user", "close-trust of role"):
            assert any(name.startswith(action) and rung in name for name in names), (action, rung)
