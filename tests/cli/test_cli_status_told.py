"""``containment status`` over a fake engine: state, AWS, and what was cut off."""

from __future__ import annotations

import json

import pytest

from containment.lab.testing import Lab
from tests.cli.conftest import GOOD, Command
from tests.support.fake_engine import STACK, USER, FakeEngine, deny, snapshot

pytestmark = pytest.mark.lab

DENY = deny(USER)["urn"]


def test_status_shows_state_and_aws_over_a_spec_that_cannot_be_used(
    containment: Command, engine: FakeEngine
) -> None:
    (engine.project / "stacks" / f"{STACK}.yaml").write_text(GOOD + "colour: red\n")
    engine.exports(snapshot(USER))
    ran = containment("status")

    assert ran.code == 2
    assert "colour" in ran.out
    assert USER in ran.out
    assert "endpoint" in ran.out


def test_status_says_why_the_state_says_unknown(
    containment: Command, engine: FakeEngine, served: Lab
) -> None:
    iam = served.client("iam", served.world.admin)
    user_id = iam.get_user(UserName="ci-deploy")["User"]["UserId"]
    engine.exports(snapshot(USER, live="unknown", principalId=user_id))
    ran = containment("status")

    assert "the last run could not look at AWS, so the state says unknown" in " ".join(
        ran.out.split()
    )
    assert f"containment up {STACK}" in ran.out


def test_status_explains_an_interrupted_run_and_a_lock(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(pending=[{"type": "creating", "resource": {"urn": DENY}}])
    folder = engine.project / "state" / ".pulumi" / "locks" / "organization" / "containment"
    (folder / STACK).mkdir(parents=True)
    lock_document = {"pid": 7, "username": "bob", "hostname": "host-9", "timestamp": "t"}
    (folder / STACK / "1.json").write_text(json.dumps(lock_document))
    ran = containment("status")

    assert ran.code == 0
    assert "a run was cut off while creating DenyPolicy" in ran.out
    assert "locked from another machine (bob@host-9" in ran.out


def test_status_of_a_run_that_was_cut_off_says_what_is_not_applied(
    containment: Command, engine: FakeEngine, served: Lab
) -> None:
    engine.exports(snapshot(USER, endpoint=served.endpoint))
    ran = containment("status")

    assert ran.code == 4
    assert "nothing yet; declared is deny-all" in ran.out
    assert "not applied: DenyPolicy of ci-deploy, InactiveCredentials of ci-deploy" in ran.out


def test_a_target_named_by_its_key_is_known_by_the_user_in_the_state(
    containment: Command, engine: FakeEngine, served: Lab
) -> None:
    head, _, _ = GOOD.partition("targets:")
    keys = "targets:\n  - access_key: AKIAIOSFODNN7EXAMPLE\n  - access_key: AKIAI44QH8DHBEXAMPLE\n"
    (engine.project / "stacks" / f"{STACK}.yaml").write_text(head + keys)
    engine.exports(snapshot(USER, endpoint=served.endpoint), deny(USER, endpoint=served.endpoint))
    ran = containment("status", "--json")

    assert ran.json["principals"][0]["rung"] == "deny-all"
    assert ran.json["matters"][-1]["what"].endswith("InactiveCredentials of ci-deploy")


def test_status_of_a_principal_that_is_gone_says_so(
    containment: Command, engine: FakeEngine, served: Lab
) -> None:
    engine.exports(snapshot(USER, endpoint=served.endpoint))
    ran = containment("status", "--json")

    assert ran.json["principals"][0]["resources"][0]["live"] == "gone"


def test_status_of_a_stack_of_another_endpoint_is_not_known(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(snapshot(USER, endpoint="https://iam.amazonaws.com"))
    (engine.project / "stacks" / f"{STACK}.yaml").unlink()
    ran = containment("status", STACK, "--json")

    assert ran.code == 9
    assert ran.json["principals"][0]["resources"][0]["live"] == "unknown"


def test_what_an_unreadable_state_holds_is_one_error(
    containment: Command, engine: FakeEngine
) -> None:
    engine.exports(snapshot(USER, accessKeys="all"))
    ran = containment("status")

    assert ran.code == 7
    assert "has another accessKeys than this version writes" in ran.err
