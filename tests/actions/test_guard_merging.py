"""Where no control policy more fits on the account: a guard beside another one, in one policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from containment.actions.guard_policy import GuardState
from containment.aws.consistency import eventually
from containment.errors import ConflictError
from containment.facets.marks import incident_hash
from containment.guard import document
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from tests.lab.matrix.bench import deny, policy
from tests.support.guard_scene import Scene, guarded_scene
from tests.support.workbench import Bench, allowed, can_list, session_of

pytestmark = pytest.mark.lab

OTHER = "inc-2026-0043"
PLACES = 10


@pytest.fixture
def scene(lab: Lab, bench_for: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> Scene:
    return guarded_scene(lab, bench_for(), monkeypatch)


@pytest.fixture
def other(scene: Scene, bench_for: Callable[..., Bench]) -> Scene:
    """Return an incident on the bystander's user."""
    return scene.another(bench_for(), OTHER, scene.lab.world.bystander_user)


def text_of(scene: Scene, state: GuardState) -> str:
    answer = scene.organizations.describe_policy(PolicyId=state.policy_id)
    return str(answer["Policy"]["Content"])


def part(scene: Scene, state: GuardState) -> str:
    return document.digest(text_of(scene, state), incident_hash(state.incident))


def all_names(scene: Scene) -> list[str]:
    policies = scene.organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
    return sorted(one["Name"] for one in policies)


def can_deny(scene: Scene, by: Credentials) -> bool:
    """Tell whether *by* may write a deny, as a responder has to."""
    return allowed(
        scene.lab.client("iam", by).put_user_policy,
        UserName="release-bot",
        PolicyName=f"containment-{scene.bench.incident}",
        PolicyDocument=policy(deny("s3:DeleteBucket")),
    )


@pytest.mark.parametrize("first_lifted", ["the host", "the guest"])
def test_two_guards_in_one_policy_both_stand_and_either_is_lifted_alone(
    scene: Scene, other: Scene, first_lifted: str
) -> None:
    lab, world = scene.lab, scene.lab.world
    scene.posture(PLACES - 2)
    break_glass = session_of(lab, world.admin, world.break_glass_role)
    assert can_list(lab, world.release_key)
    assert can_list(lab, world.bystander)

    host = other.set("freeze")
    host_part = part(scene, host)
    guest = scene.set("freeze")

    assert (host.live, guest.live) == ("applied", "applied"), scene.bench.words()
    assert guest.policy_id == host.policy_id
    assert len(scene.attached()) == PLACES
    assert f"containment-{scene.bench.incident}" not in all_names(scene)
    assert part(scene, host) == host_part
    assert f"the guard stands in containment-{OTHER}" in scene.bench.words()
    assert other.action.read(host).live == scene.action.read(guest).live == "applied"
    assert not can_list(lab, world.release_key)
    assert not can_list(lab, world.bystander)
    assert can_list(lab, world.app_session)
    assert not scene.make_user(world.admin)
    assert scene.make_user(break_glass, "rescued")
    assert can_deny(scene, world.responder)
    assert can_deny(scene, session_of(lab, world.responder_user_key, world.responder_role))

    first, last = (host, guest) if first_lifted == "the host" else (guest, host)
    scenes = {host.incident: other, guest.incident: scene}
    scenes[first.incident].action.delete(first)

    assert len(scene.attached()) == PLACES
    assert scenes[last.incident].action.read(last).live == "applied"
    assert scenes[first.incident].action.read(first).live == "missing"
    assert can_list(lab, world.bystander) == (first is host)
    assert can_list(lab, world.release_key) == (first is guest)
    assert not scene.make_user(world.admin)
    scenes[first.incident].action.delete(first)
    assert "is gone already" in scenes[first.incident].bench.words()

    scenes[last.incident].action.delete(last)

    assert len(all_names(scene)) == PLACES - 1
    assert can_list(lab, world.release_key)
    assert can_list(lab, world.bystander)
    assert scene.make_user(world.admin, "after")


def test_a_guest_is_rewritten_in_place_and_a_host_that_comes_again_finds_its_policy(
    scene: Scene, other: Scene
) -> None:
    scene.posture(PLACES - 2)
    host = other.set("freeze")
    guest = scene.set("freeze")

    stricter = scene.action.update(guest, scene.inputs("quarantine"), preview=False)

    assert (stricter.live, stricter.policy_id) == ("applied", host.policy_id)
    assert not can_list(scene.lab, scene.lab.world.app_session)
    other.action.delete(host)
    again = other.set("freeze")
    assert (again.live, again.policy_id) == ("applied", host.policy_id)
    assert scene.action.read(stricter).live == "applied"
    scene.action.delete(stricter)
    assert other.action.read(again).live == "applied"
    assert can_list(scene.lab, scene.lab.world.app_session)


def test_a_guard_that_the_engine_forgot_leaves_the_other_ones_policy_whole(
    scene: Scene, other: Scene
) -> None:
    scene.posture(PLACES - 2)
    host = other.set("freeze")
    scene.set("freeze")

    scene.bench.snapshot_action().delete(scene.taken)

    assert other.action.read(host).live == "applied"
    assert can_list(scene.lab, scene.lab.world.release_key)
    assert incident_hash(scene.bench.incident) not in text_of(scene, host)


def test_without_a_place_and_without_another_guard_nothing_is_left_half_done(
    scene: Scene,
) -> None:
    posture = scene.posture(PLACES - 1)

    state = scene.set("freeze")

    assert state.live == "missing"
    assert "maximum number of policies" in scene.bench.words()
    assert len(all_names(scene)) == PLACES
    scene.organizations.detach_policy(PolicyId=posture[0], TargetId=scene.lab.world.account)
    again = scene.action.update(state, scene.inputs("freeze"), preview=False)
    assert again.live == "applied"


def test_a_policy_without_room_and_a_policy_of_the_companys_own_are_left_as_they_are(
    scene: Scene, other: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.posture(PLACES - 2)
    host = other.set("freeze")
    before = text_of(scene, host)
    longest = document.LONGEST
    monkeypatch.setattr(document, "LONGEST", len(before) + 100)

    state = scene.set("freeze")

    assert state.live == "missing"
    assert f"containment-{OTHER} has no room for it" in scene.bench.words()
    assert text_of(scene, host) == before
    # A copy of our text under a name of the company's own is no place of ours either.
    other.action.delete(host)
    monkeypatch.setattr(document, "LONGEST", longest)
    copied = scene.organizations.create_policy(
        Content=before, Description="d", Name="copy", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]["Id"]
    scene.organizations.attach_policy(PolicyId=copied, TargetId=scene.lab.world.account)
    assert scene.set("freeze").live == "missing"
    assert scene.organizations.describe_policy(PolicyId=copied)["Policy"]["Content"] == before


def overwriting(client: Any, organizations: Any, times: int) -> None:
    """Write the text of before again after each of the next *times* updates by *client*."""
    remaining, texts = [times], list[str]()

    def keep(params: Any, **_: Any) -> None:
        answer = organizations.describe_policy(PolicyId=params["PolicyId"])
        texts.append(str(answer["Policy"]["Content"]))

    def put_back(parsed: Any, **_: Any) -> None:
        if remaining[0]:
            remaining[0] -= 1
            policy_id = parsed["Policy"]["PolicySummary"]["Id"]
            organizations.update_policy(PolicyId=policy_id, Content=texts[-1] + " ")

    client.meta.events.register("before-parameter-build.organizations.UpdatePolicy", keep)
    client.meta.events.register("after-call.organizations.UpdatePolicy", put_back)


def test_a_guard_that_another_writer_overwrote_is_written_again_and_comes_off_again(
    scene: Scene, other: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.posture(PLACES - 2)
    host = other.set("freeze")
    at_once = partial(eventually, timeout_s=0.0)
    monkeypatch.setattr("containment.guard.placement.eventually", at_once)
    organizations = scene.organizations
    scene.bench.context = replace(scene.bench.context, organizations=lambda: organizations)
    overwriting(organizations, scene.organizations, times=1)

    guest = scene.set("freeze")

    assert guest.live == "applied"
    assert other.action.read(host).live == scene.action.read(guest).live == "applied"

    overwriting(organizations, scene.organizations, times=1)
    scene.action.delete(guest)
    assert incident_hash(guest.incident) not in text_of(scene, host)
    assert other.action.read(host).live == "applied"

    guest = scene.set("freeze")
    overwriting(organizations, scene.organizations, times=10)
    with pytest.raises(ConflictError, match="comes back again"):
        scene.action.delete(guest)
