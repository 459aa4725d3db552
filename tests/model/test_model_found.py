"""What stories and crashes have found, each as the short story that shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from containment.run import fences
from tests.model import account, foreign
from tests.model.cast import APP, BOT, CI, DEPLOY, FIRST, SECOND
from tests.model.cloud import Cloud
from tests.model.engine import Blow
from tests.model.story import Story

pytestmark = pytest.mark.lab


@pytest.fixture
def story(cloud: Cloud) -> Iterator[Story]:
    made = Story(cloud)
    yield made
    made.close()


def test_what_an_up_takes_out_is_lifted_though_the_suspicion_was_confirmed_meanwhile(
    story: Story,
) -> None:
    story.edit({CI: "deny-all"}, "suspected")
    assert story.command("up").ok
    story.edit({DEPLOY: "revoke-sessions"}, "confirmed")

    outcome = story.command("up")

    assert outcome.ok, outcome.words
    assert [item.fence for item in account.artefacts() if item.principal == CI] == [True]
    story.settle()


def test_what_an_up_takes_out_on_looser_terms_is_refused_with_a_way_that_works(
    story: Story,
) -> None:
    story.edit({CI: "deny-all"}, "suspected")
    assert story.command("up").ok
    story.edit({CI: "key-only"}, "false-positive")

    outcome = story.command("up")

    assert "with the targets and rungs as they were applied" in outcome.words
    story.edit({CI: "deny-all"}, "false-positive")
    assert story.command("up").ok
    story.edit({CI: "key-only"}, "false-positive")
    assert story.command("up").ok


def test_a_leaked_key_that_is_turned_on_again_just_before_the_lift_stays_inactive(
    story: Story,
) -> None:
    story.edit({CI: "deny-all"}, "suspected")
    assert story.command("up").ok
    foreign.happens(story, "keys_active_again", CI)

    story.command("destroy")

    assert set(account.keys("ci-deploy").values()) == {"Inactive"}
    assert not story.probe.gets_in(story.cloud.world.leaked)


def test_a_key_that_the_attacker_made_during_the_incident_stays_inactive_after_the_lift(
    story: Story,
) -> None:
    story.edit({BOT: "deny-all"}, "confirmed")
    assert story.command("up").ok
    foreign.happens(story, "a_key_deleted", BOT)
    foreign.happens(story, "a_new_key", BOT)

    story.command("destroy")

    assert "Active" not in account.keys("release-bot").values()


def test_held_keys_and_a_closed_trust_policy_are_shown_when_the_state_is_lost(
    story: Story,
) -> None:
    story.edit({CI: "key-only", DEPLOY: "close-trust"})
    assert story.command("up").ok
    places = {item.principal for item in account.artefacts()}
    foreign.happens(story, "strip_deny", DEPLOY)

    story.lose_state()

    survey = fences.survey(story.cloud.responder.iam).marked_principals
    assert {f"{item.principal.kind}/{item.principal.name}" for item in survey} == places
    assert all(item.is_of(FIRST) and not item.is_of(SECOND) for item in survey)


def test_what_a_false_alarm_gave_back_before_the_lift_was_cut_off_stays_given_back(
    story: Story,
) -> None:
    story.edit({BOT: "key-only", APP: "revoke-sessions"}, "false-positive")
    assert story.command("up").ok
    blow = Blow(moment=16, victim="provider")
    assert not story.command("destroy", blow=blow, preview=False).ok
    given_back = account.keys("release-bot")
    assert "Active" in given_back.values()
    story.edit({CI: "deny-all"}, "suspected")

    assert story.command("up", preview=False).ok

    assert account.keys("release-bot") == given_back
