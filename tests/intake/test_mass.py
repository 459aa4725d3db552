"""Many keys become one incident: each user once, people first, and what is not ours is listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from containment.errors import NotFoundError
from containment.intake.leaks import read_leaks
from containment.intake.mass import OpenedMany, open_many
from containment.intake.opening import Choices, write
from containment.lab.testing import Lab
from containment.spec import load
from tests.support.sign_ins import PASSWORD, sign_in

pytestmark = pytest.mark.lab

UNKNOWN = "AKIAI44QH8DHBEXAMPLE"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "stacks"
    folder.mkdir()
    return folder


def opened(lab: Lab, directory: Path, text: str, **choices: Any) -> OpenedMany:
    return open_many(
        lab.client("iam", lab.world.admin),
        lab.client("sts", lab.world.admin),
        read_leaks(text.encode(), "leaks"),
        Choices(**choices),
        named="leaks",
        directory=directory,
        now=lab.now(),
    )


def make(lab: Lab, *names: str, keys: int = 1) -> dict[str, list[str]]:
    iam = lab.client("iam", lab.world.admin)
    made: dict[str, list[str]] = {}
    for name in names:
        iam.create_user(UserName=name, Path="/many/")
        made[name] = [
            iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for _ in range(keys)
        ]
    return made


def test_two_keys_of_a_user_are_one_target_and_what_is_not_ours_is_listed(
    lab: Lab, directory: Path
) -> None:
    made = make(lab, "one", "two", keys=2)
    ids = [*made["one"], UNKNOWN, *made["two"], made["one"][0]]

    draft = opened(lab, directory, "\n".join([*ids, "nonsense"]))

    leaked = {(one.user or "").rpartition("/")[2]: set(one.leaked) for one in draft.spec.targets}
    assert leaked == {name: set(keys) for name, keys in made.items()}
    assert [item.leak.key_id for item in draft.left_out] == [UNKNOWN]
    assert len(draft.unread) == 1
    write(draft)
    assert load(draft.path).targets == draft.spec.targets


def test_people_go_before_what_runs_by_itself(lab: Lab, directory: Path) -> None:
    made = make(lab, "machine", "person")
    lab.client("iam", lab.world.admin).create_login_profile(UserName="person", Password=PASSWORD)
    sign_in(lab, user="person")

    draft = opened(lab, directory, "\n".join(key for keys in made.values() for key in keys))

    waves = [((one.user or "").rpartition("/")[2], one.wave) for one in draft.spec.targets]
    assert waves == [("person", 1), ("machine", 2)]
    assert any("--wave 1" in note for note in draft.notes)


def test_t0_is_when_the_first_key_was_made_whenever_somebody_found_it(
    lab: Lab, directory: Path
) -> None:
    made = make(lab, "old", "new")
    created = lab.client("iam", lab.world.admin).list_access_keys(UserName="old")
    alerts = [
        {
            "secret_type": "aws_access_key_id",
            "secret": keys[0],
            "created_at": "2999-01-01T00:00:00Z",
        }
        for keys in made.values()
    ]

    draft = opened(lab, directory, json.dumps(alerts))

    assert draft.spec.compromised_at == created["AccessKeyMetadata"][0]["CreateDate"]
    assert any("found at 2999-01-01T00:00:00Z" in note for note in draft.notes)


def test_a_spec_of_hundreds_is_written_and_read(direct_lab: Lab, directory: Path) -> None:
    lab = direct_lab
    made = make(lab, *(f"user-{number:03}" for number in range(300)))

    draft = opened(lab, directory, "\n".join(key for keys in made.values() for key in keys))
    write(draft)

    spec = load(draft.path)
    assert len(spec.targets) == spec.limits.principals == 300
    assert any("limits.principals is 300" in note for note in draft.notes)


def test_keys_that_lead_to_nobody_are_one_error_that_names_each(lab: Lab, directory: Path) -> None:
    with pytest.raises(NotFoundError) as raised:
        opened(lab, directory, f"{UNKNOWN}\nnonsense")

    assert UNKNOWN in str(raised.value)
    assert "line 2" in str(raised.value)
    assert list(directory.iterdir()) == []


def test_another_spec_that_names_some_of_them_is_told_and_stops_nothing(
    lab: Lab, directory: Path
) -> None:
    made = make(lab, "one", "two")
    first = opened(lab, directory, made["one"][0])
    write(first)

    second = opened(lab, directory, "\n".join((made["one"][0], made["two"][0])))

    assert len(second.spec.targets) == 2
    assert any(str(first.path) in note and "user/one" in note for note in second.notes)
