"""A trace that begins with a unique id: whoever bears it, whatever the name was and is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containment.errors import SpecError
from containment.trail.lineage.seeds import begin
from tests.support.trail_following import credentials_of, follow

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain

USER, NAMESAKE = "AIDAEXAMPLECIDEPLOY01", "AIDAEXAMPLECIDEPLOY02"
ROLE, OTHER_ROLE = "AROAEXAMPLEAPPROLE001", "AROAEXAMPLEAPPROLE002"
SESSION = "arn:aws:sts::111122223333:assumed-role/app/i-0abc"


@pytest.fixture(autouse=True, params=["held in memory", "looked up by name"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "held in memory":
        monkeypatch.setattr("containment.trail.facts.store._SMALL", -1)


def test_a_users_unique_id_finds_every_key_and_sign_in_of_that_user_alone(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call("AKIAFIRST00000000001", scene.user, "ListUsers", 1, principal=USER)
    scene.call("AKIASECOND0000000001", scene.user, "ListRoles", 2, principal=USER)
    scene.sign_in(scene.user, 3, principal=USER)
    scene.call("AKIANAMESAKE00000001", scene.user, "ListUsers", 4, principal=NAMESAKE)
    child, _ = scene.assume("AKIASECOND0000000001", scene.user, "app", 5, principal=USER)

    answer = follow(scene, tmp_path, USER)

    assert (answer.seed, answer.seed_kind, answer.seed_principal) == (USER, "user", scene.user)
    assert set(credentials_of(answer)) == {"AKIAFIRST00000000001", "AKIASECOND0000000001", child}
    assert len(answer.calls) == 4


def test_a_renamed_user_is_followed_by_the_unique_id(scene: Scene, tmp_path: Path) -> None:
    renamed = scene.user.replace("ci-deploy", "ci-deploy-old")
    scene.call("AKIAFIRST00000000001", scene.user, "ListUsers", 1, principal=USER)
    scene.call("AKIAFIRST00000000001", renamed, "ListUsers", 2, principal=USER)

    assert len(follow(scene, tmp_path, USER).calls) == 2


def test_a_roles_unique_id_finds_its_sessions(scene: Scene, tmp_path: Path) -> None:
    scene.call(
        "ASIASESSION000000001", SESSION, "ListUsers", 5, created=1, principal=f"{ROLE}:i-0abc"
    )
    other = SESSION.replace("i-0abc", "other")
    scene.call("ASIASESSION000000002", other, "ListUsers", 6, created=2, principal=f"{ROLE}:other")
    scene.call(
        "ASIANAMESAKE00000001", other, "ListUsers", 7, created=3, principal=f"{OTHER_ROLE}:other"
    )

    answer = follow(scene, tmp_path, ROLE)

    assert answer.seed_principal == "arn:aws:iam::111122223333:role/app"
    assert set(credentials_of(answer)) == {"ASIASESSION000000001", "ASIASESSION000000002"}


def test_a_sessions_unique_id_finds_that_session_alone(scene: Scene, tmp_path: Path) -> None:
    named = f"{ROLE}:i-0abc"
    scene.call("ASIASESSION000000001", SESSION, "ListUsers", 5, created=1, principal=named)
    other = SESSION.replace("i-0abc", "other")
    scene.call("ASIASESSION000000002", other, "ListUsers", 6, created=2, principal=f"{ROLE}:other")
    scene.call(
        "ASIANAMESAKE00000001", SESSION, "ListUsers", 7, created=3, principal=f"{OTHER_ROLE}:i-0abc"
    )

    answer = follow(scene, tmp_path, named)

    assert (answer.seed_kind, answer.seed_principal) == ("session", SESSION)
    assert set(credentials_of(answer)) == {"ASIASESSION000000001"}


def test_a_user_who_was_only_made_is_known_by_the_answer(scene: Scene, tmp_path: Path) -> None:
    made = scene.make_user("AKIAADMIN00000000001", f"{scene.user}-admin", "back", 1)
    scene.records[-1]["responseElements"]["user"]["userId"] = USER

    assert follow(scene, tmp_path, USER).seed_principal == made


def test_a_unique_id_that_no_record_holds_is_no_all_clear(scene: Scene, tmp_path: Path) -> None:
    scene.call("AKIAFIRST00000000001", scene.user, "ListUsers", 1, principal=NAMESAKE)

    answer = follow(scene, tmp_path, USER)

    assert answer.unseen
    assert any(USER in gap.what for gap in answer.gaps if gap.kind == "seed_unseen")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("AGPAIOSFODNN7EXAMPLE", "an IAM group"),
        ("AIPAIOSFODNN7EXAMPLE", "an instance profile"),
        ("ANPAIOSFODNN7EXAMPLE", "a managed policy"),
        ("AIDAIOSFODNN7EXAMPLE:x1", "no credential"),
    ],
)
def test_an_id_that_nobody_can_act_by_is_told_what_it_is(value: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        begin(value, "2026-11-23T21:14:00Z")
