"""The engine's stand-in keeps the rules that were measured on the real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model.cast import CI, DEPLOY, FIRST
from tests.model.cloud import Cloud
from tests.model.engine import Blow
from tests.model.story import Story

pytestmark = pytest.mark.lab

DENY, SNAPSHOT = "DenyPolicy", "PrincipalSnapshot"


@pytest.fixture
def story(cloud: Cloud) -> Iterator[Story]:
    made = Story(cloud)
    yield made
    made.close()


def kinds(story: Story) -> list[str]:
    return [item.type.rpartition(":")[2] for item in story.cases[FIRST].engine.state.resources]


def pending(story: Story) -> list[str]:
    state = story.cases[FIRST].engine.state
    return [f"{item.operation} {item.resource.type.rpartition(':')[2]}" for item in state.pending]


def test_a_provider_that_dies_after_a_change_is_forgotten_by_the_engine(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})

    blow = Blow("call:PutRolePolicy:after", "provider")
    outcome = story.command("up", blow=blow, preview=False)

    assert outcome.hit == "call:PutRolePolicy:after"
    assert kinds(story) == [SNAPSHOT]
    assert pending(story) == []


def test_an_engine_that_dies_leaves_the_create_pending_for_good(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})

    story.command("up", blow=Blow("call:PutRolePolicy:after", "cli"), preview=False)

    assert kinds(story) == [SNAPSHOT]
    assert pending(story) == [f"creating {DENY}"]
    story.command("up", preview=False)
    assert kinds(story) == [SNAPSHOT, DENY]
    assert pending(story) == [f"creating {DENY}"]
    story.command("destroy", preview=False)
    assert kinds(story) == []
    assert pending(story) == [f"creating {DENY}"]


def test_an_interrupted_delete_is_begun_again_and_not_carried_along(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})
    story.command("up", preview=False)

    story.command("destroy", blow=Blow("call:PutRolePolicy:after", "machine"), preview=False)

    assert pending(story) == [f"deleting {DENY}"]
    assert story.command("destroy", preview=False).ok
    assert (kinds(story), pending(story)) == ([], [])


def test_a_replacement_keeps_the_old_one_until_it_is_deleted(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})
    story.command("up", preview=False)
    urn = story.urn(DEPLOY, DENY)

    blow = Blow("checkpoint:deleting:DenyPolicy:deploy:unwritten", "machine")
    story.command("up", blow=blow, preview=False, replace=[urn])

    resources = [item for item in story.cases[FIRST].engine.state.resources if item.urn == urn]
    assert [item.deleting for item in resources] == [False, True]
    assert story.command("up", preview=False).ok
    assert kinds(story) == [SNAPSHOT, DENY]


def test_what_is_not_sure_stays_in_the_state_unread_and_is_updated_next(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})
    story.faults(
        {"kind": "lose", "operation": "PutRolePolicy"},
        {"kind": "error", "operation": "GetRolePolicy", "skip": 2},
    )

    outcome = story.command("up", preview=False)

    assert not outcome.ok
    deny = story.cases[FIRST].engine.state.live(story.urn(DEPLOY, DENY))
    assert deny is not None
    assert deny.init_errors
    assert not deny.refresh
    story.faults()
    assert story.command("up", preview=False).ok
    deny = story.cases[FIRST].engine.state.live(story.urn(DEPLOY, DENY))
    assert deny is not None
    assert (deny.init_errors, deny.refresh) == ((), True)


def test_no_protected_resource_is_deleted(story: Story) -> None:
    story.edit({CI: "deny-all"})
    story.command("up", preview=False)
    engine = story.cases[FIRST].engine
    engine.protect(story.urn(CI, SNAPSHOT))

    outcome = engine.destroy()

    assert outcome.errors == (f"{story.urn(CI, SNAPSHOT)} is protected",)
    assert len(kinds(story)) == 3


def test_a_snapshot_is_no_target_without_what_hangs_on_it(story: Story) -> None:
    story.edit({CI: "deny-all"})
    story.command("up", preview=False)
    engine = story.cases[FIRST].engine

    refused = engine.destroy(target=[story.urn(CI, SNAPSHOT)])

    assert not refused.ok
    assert len(kinds(story)) == 3
    assert engine.destroy(target=[story.urn(CI, DENY)]).ok
    assert kinds(story) == [SNAPSHOT, "InactiveCredentials"]
    story.cases[FIRST].promises.clear()
    assert story.command("up", preview=False).ok


@pytest.mark.parametrize("go_on", [True, False])
def test_a_failure_stops_the_others_unless_the_engine_is_asked_to_go_on(
    cloud: Cloud, go_on: bool
) -> None:
    contained = []
    for seed in range(4):
        story = Story(cloud)
        story.edit({CI: "deny-all", DEPLOY: "deny-all"})
        story.faults({"kind": "conflict", "operation": "GetUser"})
        story.conductor.seed(seed)
        engine = story.cases[FIRST].engine
        assert not engine.up(preview=False, continue_on_error=go_on).ok
        contained.append(engine.state.live(story.urn(DEPLOY, DENY)) is not None)
        story.close()

    assert all(contained) is go_on


def test_an_interrupt_lets_what_is_in_flight_finish_and_starts_nothing(story: Story) -> None:
    story.edit({DEPLOY: "deny-all"})

    outcome = story.command("up", blow=Blow("call:PutRolePolicy:after", "interrupt"), preview=False)

    assert outcome.errors == ("update canceled",)
    assert kinds(story) == [SNAPSHOT, DENY]
    assert pending(story) == []
