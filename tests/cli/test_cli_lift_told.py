"""``containment lift`` over a fake engine: what it asks first, what it says, what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.facets import marks
from containment.lab.testing import Lab
from containment.messages import Message
from policies import render, text
from tests.cli.conftest import GOOD, Command
from tests.support.fake_engine import STACK, USER, FakeEngine, deny, snapshot, summary

pytestmark = pytest.mark.lab

DENY = deny(USER)["urn"]
SNAPSHOT = snapshot(USER)["urn"]


def test_a_lift_in_a_pipe_takes_a_yes(containment: Command, engine: FakeEngine) -> None:
    engine.exports(snapshot(USER), deny(USER))
    ran = containment("lift")

    assert ran.code == 7
    assert "--yes" in ran.err
    assert engine.ran("destroy") is None


def test_a_lift_tells_what_was_done(containment: Command, engine: FakeEngine) -> None:
    engine.exports(snapshot(USER), deny(USER))
    words = "user ci-deploy: tokens issued before T stay denied"
    ahead = Message("user ci-deploy, at a lift: it will be lifted", DENY, "Read")
    message = Message(words, DENY, "Delete")
    engine.answer("destroy", messages=[ahead, message], events=[summary(delete=3)])
    ran = containment("lift", "--yes")

    assert ran.code == 0
    assert f"  {words}" in ran.out.splitlines()
    assert "will be lifted" not in ran.out
    assert "stack rm" not in ran.out  # which would delete the history
    assert engine.ran("destroy") is not None


def test_a_stack_that_was_never_applied_cannot_be_lifted(
    containment: Command, engine: FakeEngine
) -> None:
    engine.answer("stack export", code=6, err=f"error: no stack named '{STACK}' found\n")
    ran = containment("lift", "--yes")

    assert ran.code == 3
    assert f"containment adopt {STACK}" in ran.err
    assert engine.ran("destroy") is None


def test_a_lift_of_nothing_does_not_say_lifted(containment: Command, engine: FakeEngine) -> None:
    engine.exports()
    ran = containment("lift", "--yes")

    assert ran.code == 0
    assert "nothing to lift" in ran.out
    assert "lifted" not in ran.out.splitlines()


@pytest.mark.parametrize("option", ["--yes", "--preview"])
def test_a_lift_whose_state_was_lost_is_refused_while_the_deny_is_live(
    containment: Command, engine: FakeEngine, served: Lab, option: str
) -> None:
    iam = served.client("iam", served.world.admin)
    name = f"containment-{STACK}"
    document = render("deny-all", sid=marks.mark(STACK, "d" * 10, 1).sid)
    iam.put_user_policy(UserName="ci-deploy", PolicyName=name, PolicyDocument=text(document))
    engine.exports()
    try:
        ran = containment("lift", option)
    finally:
        iam.delete_user_policy(UserName="ci-deploy", PolicyName=name)

    assert ran.code == 3
    assert f"live on {USER}: nothing was lifted" in ran.err
    assert f"containment adopt {STACK}" in ran.err
    assert engine.ran("destroy") is None


def test_a_lift_preview_shows_each_principal_what_comes_back_and_every_conflict(
    containment: Command, engine: FakeEngine, live_deny: dict[str, Any]
) -> None:
    engine.exports(snapshot(USER), live_deny)
    spec = engine.project / "stacks" / f"{STACK}.yaml"
    spec.write_text(GOOD + "disposition: confirmed\n")
    ran = containment("lift", "--preview")

    assert ran.code == 5
    assert "- user ci/ci-deploy   deny-all -> lifted" in ran.out
    assert "a lift returns the deny becomes a fence" in ran.out
    assert "conflict       the file says disposition confirmed" in ran.out
    assert "nothing has been changed" in ran.out
    assert engine.ran("destroy") is None


def test_a_lift_preview_in_json_says_what_every_look_at_aws_said(
    containment: Command, engine: FakeEngine, live_deny: dict[str, Any]
) -> None:
    other = {"scope": "issued-before", "issuedBefore": "2026-11-24T12:00:00Z"}
    live_deny["outputs"] |= other
    engine.exports(snapshot(USER), live_deny)
    ran = containment("lift", "--preview", "--json")
    document = json.loads(ran.out)

    assert ran.code == 5  # of what is live nobody knows whose it is
    assert [item["resource"] for item in document["resources"]] == [
        "DenyPolicy",
        "PrincipalSnapshot",
    ]
    assert "user ci-deploy: the deny is altered" in document["resources"][0]["seen"][0]
    assert engine.ran("destroy") is None
    assert document["diff"]["principals"][0]["verb"] == "lift"


@pytest.mark.parametrize(
    ("form", "begins"), [("markdown", "## `inc-"), ("html", "<!doctype html>")]
)
def test_a_lift_preview_is_written_in_the_form_that_was_asked_for(
    containment: Command, engine: FakeEngine, live_deny: dict[str, Any], form: str, begins: str
) -> None:
    engine.exports(snapshot(USER), live_deny)

    ran = containment("lift", "--preview", "--format", form)

    assert ran.code == 0
    assert ran.out.startswith(begins)
