"""What the trace adds to a spec leaves the rest as it was, and is there once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.verbs.check import check
from containment.trail import trace
from containment.trail.outputs import into_spec
from containment.trail.outputs.into_spec import add_to_spec
from containment.trail.outputs.propose import Proposal
from tests.support.trail_composite import OTHER, Composite
from tests.support.trail_proposing import IAM, SPEC, open_trust, propose

pytestmark = pytest.mark.plain


@pytest.fixture
def scene() -> Composite:
    return Composite()


def test_a_second_key_of_a_user_in_the_spec_joins_the_leaked_ones(
    scene: Composite, tmp_path: Path
) -> None:
    key = scene.access_key(scene.leaked, scene.user, "ci-deploy", 10)
    scene.call(key, scene.user, "ListUsers", 11)

    proposed = propose(scene, tmp_path)

    assert proposed.targets[scene.user].leaked == (scene.leaked, key)
    assert proposed.text == SPEC.replace("N7EXAMPLE]", f"N7EXAMPLE, {key}]")


def test_a_weaker_rung_in_the_spec_is_questioned_not_changed(
    scene: Composite, tmp_path: Path
) -> None:
    open_trust(scene, "data", f"arn:aws:iam::{OTHER}:root", 10)
    role_target = f"  - role: {IAM}role/data\nbreak_glass"

    proposed = propose(scene, tmp_path, spec=SPEC.replace("break_glass", role_target))

    assert proposed.proposals.targets == ()
    assert any(
        "at revoke-sessions, and the trace suggests close-trust" in line
        for line in proposed.proposals.decide
    )


def test_no_more_is_proposed_than_the_limit_allows_and_the_rest_is_said(
    scene: Composite, tmp_path: Path
) -> None:
    for number in range(6):
        scene.make_user(scene.leaked, scene.user, f"made{number}", 10 + number)
    scene.assume(scene.leaked, scene.user, "app", 20)

    proposed = propose(scene, tmp_path, spec=SPEC.replace("20}", "4}"))

    assert [str(target.rung) for target in proposed.spec.targets] == ["deny-all"] * 4
    assert [beyond.rung for beyond in proposed.proposals.beyond] == ["deny-all"] * 3 + [
        "revoke-sessions"
    ]


def test_the_file_stays_as_it_was_but_for_what_is_added(scene: Composite, tmp_path: Path) -> None:
    scene.make_user(scene.leaked, scene.user, "helper", 10)

    proposed = propose(scene, tmp_path)

    head, tail = SPEC.split("break_glass", 1)
    assert proposed.text.startswith(head)
    assert proposed.text.endswith(f"break_glass{tail}")


@pytest.mark.parametrize(
    "style",
    [
        "targets: [{user: 'arn:aws:iam::111122223333:user/ci/ci-deploy'}]\n",
        "targets:\n- user: arn:aws:iam::111122223333:user/ci/ci-deploy\n  rung: deny-all\n",
        "targets:\n    # why\n    - access_key: AKIAIOSFODNN7EXAMPLE\n",
    ],
    ids=["flow", "dash under the key", "short for a key"],
)
def test_every_style_of_list_is_a_spec_again_and_nobody_is_in_it_twice(
    scene: Composite, tmp_path: Path, style: str
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    scene.make_user(scene.leaked, scene.user, "helper", 10)
    scene.access_key(scene.leaked, scene.user, "helper", 11)
    head, tail = SPEC.split("targets:", 1)
    spec = head + style + tail[tail.index("break_glass") :]

    proposed = propose(scene, tmp_path, spec=spec)

    assert [target.named for target in proposed.spec.targets][1:] == [f"{IAM}user/helper"]
    assert CliRunner().invoke(check, [str(proposed.path)]).exit_code == 0


def test_proposing_twice_adds_nothing_the_second_time(scene: Composite, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    scene.access_key(scene.leaked, scene.user, "alice", 11)
    first = propose(scene, tmp_path)
    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path / "log.json"], workers=1)

    again = add_to_spec(answer, first.path)

    assert (again.targets, again.more_leaked, again.decide) == ((), (), ())
    assert first.path.read_text() == first.text


ODD = "arn:awsx:iam::111122223333:user/a-much-longer-path/alice"


@pytest.mark.parametrize(
    "forged",
    [
        "arn:awsx:iam::111122223333:user/mallory",
        "arn:aws-evil:iam::111122223333:user/mallory",
        "arn:aws-cn:iam::111122223333:user/mallory",
        "arn:aws:iam::1111:user/mallory",
        "arn:aws:iam::111122223333:user/" + "m" * 80,
    ],
)
def test_a_forged_arn_never_spoils_the_rest(scene: Composite, tmp_path: Path, forged: str) -> None:
    made = scene.make_user(scene.leaked, scene.user, "helper", 10)
    answer = {"user": {"arn": forged, "userName": forged.rsplit("/", 1)[-1], "userId": "AIDAX"}}
    scene.call(scene.leaked, scene.user, "CreateUser", 11, request={}, response=answer)

    proposed = propose(scene, tmp_path)

    assert made in proposed.targets
    assert not [name for name in proposed.targets if "mallory" in name or "mmm" in name]
    assert len(proposed.targets) == 2
    assert any("mallory" in line or "mmm" in line for line in proposed.proposals.decide)


def test_a_forged_arn_does_not_take_the_place_of_the_real_one(
    scene: Composite, tmp_path: Path
) -> None:
    key = scene.access_key(scene.leaked, scene.user, "alice", 10)
    alice = f"{IAM}user/alice"
    scene.call(key, alice, "ListUsers", 11)
    answer = {"user": {"arn": ODD, "userName": "alice", "userId": "AIDAX"}}
    scene.call(scene.leaked, scene.user, "CreateUser", 12, request={}, response=answer)

    assert alice in propose(scene, tmp_path).targets


def test_a_target_that_the_spec_refuses_never_spoils_the_rest(
    scene: Composite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene.make_user(scene.leaked, scene.user, "helper", 10)
    scene.make_user(scene.leaked, scene.user, "mallory", 11)
    entry = into_spec._entry

    def odd_entry(proposal: Proposal) -> object:
        written = entry(proposal)
        if proposal.principal.name == "mallory":
            written["rung"] = "no such rung"
        return written

    monkeypatch.setattr(into_spec, "_entry", odd_entry)

    proposed = propose(scene, tmp_path)

    assert set(proposed.targets) == {scene.user, made}
    assert [target.principal.arn for target in proposed.proposals.targets] == [made]
    assert any(
        "mallory" in line and "the spec refuses it" in line for line in proposed.proposals.decide
    )
