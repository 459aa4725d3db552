"""Whatever the order, the files, the size and the strangers, the answer is the same."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containment.trail import trace
from containment.trail.outputs import tree
from tests.support.trail_following import comparable, credentials_of, everything, follow

if TYPE_CHECKING:
    from tests.support.trail_scene import Record, Scene

pytestmark = pytest.mark.plain


def test_roles_that_assume_each_other_end(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "ping", 10)
    made = [key]
    for turn in range(12):
        key, arn = scene.assume(key, arn, ("pong", "ping")[turn % 2], 20 + turn)
        made.append(key)
    # A key that claims to have handed out its own ancestor: hostile, or a recycled id.
    scene.call(key, arn, "AssumeRole", 60, response={"credentials": {"accessKeyId": made[0]}})
    scene.call(key, arn, "AssumeRole", 61, response={"credentials": {"accessKeyId": scene.leaked}})

    answer = follow(scene, tmp_path)

    assert set(credentials_of(answer)) == set(made) | {scene.leaked} or set(
        credentials_of(answer)
    ) == set(made)
    assert max(c.generation for c in answer.credentials) < 20


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 6), twice=st.integers(0, 8))
def test_neither_order_nor_files_nor_double_delivery_matter(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene, seed: int, cuts: int, twice: int
) -> None:
    scene.records.clear()
    everything(scene)
    folder = tmp_path_factory.mktemp("shuffled")
    straight = comparable(follow(scene, folder))
    shuffle = random.Random(seed)  # noqa: S311 -- a test's dice
    delivered: list[Record] = scene.records + shuffle.choices(scene.records, k=twice)
    shuffle.shuffle(delivered)
    parts = tmp_path_factory.mktemp("parts")
    for number in range(cuts):
        part = {"Records": delivered[number::cuts]}
        (parts / f"{number}.json").write_text(json.dumps(part))

    again = trace(scene.leaked, since=scene.since, logs=[parts], workers=1)

    assert comparable(again) == straight


def test_looking_names_up_gives_the_same_answer_as_holding_everything(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(scene)
    expected = comparable(follow(scene, tmp_path))
    monkeypatch.setattr("containment.trail.facts.store._SMALL", -1)

    assert comparable(follow(scene, tmp_path)) == expected


def test_a_chain_of_two_thousand_sessions_is_followed(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.leaked, scene.user
    for turn in range(2000):
        key, arn = scene.assume(key, arn, ("ping", "pong")[turn % 2], turn)

    answer = follow(scene, tmp_path)

    assert max(c.generation for c in answer.credentials) == 2000
    assert len(list(tree.lines(answer))) > 100


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(seed=st.integers(0, 2**32))
def test_what_strangers_do_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene, seed: int
) -> None:
    scene.records.clear()
    everything(scene)
    before = comparable(follow(scene, tmp_path_factory.mktemp("alone")))
    dice = random.Random(seed)  # noqa: S311 -- a test's dice
    for number in range(30):
        arn = f"arn:aws:iam::{scene.account}:user/stranger{dice.randrange(5)}"
        key, when = f"AKIASTRANGER{dice.randrange(5):08}", dice.randrange(0, 120)
        act = dice.randrange(4)
        if act == 0:
            scene.assume(key, arn, dice.choice(["one", "two", "other"]), when)
        elif act == 1:
            scene.make_user(key, arn, f"hired{number}", when)
        elif act == 2:
            scene.call(key, arn, "ListBuckets", when)
        else:
            scene.call(
                scene.key(), arn, "Decrypt", when, created=when, invoked_by="kms.amazonaws.com"
            )

    assert comparable(follow(scene, tmp_path_factory.mktemp("crowd"))) == before
