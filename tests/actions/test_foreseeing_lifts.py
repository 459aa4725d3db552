"""What is live of a stack, and what a lift of it would bring, asked without changing anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.actions import ACTIONS, Action
from containment.actions.closed_trust_policy import ClosedTrustPolicy
from containment.actions.deny_policy import DenyPolicy
from containment.actions.inactive_credentials import InactiveCredentials
from containment.actions.principal_snapshot import PrincipalSnapshot
from containment.lifecycle.workplace import Workplace
from containment.run import forecast, live
from containment.run.state import Recorded
from tests.support.project import spec
from tests.support.workbench import INCIDENT, Bench, write_spec

pytestmark = pytest.mark.lab


def recorded(action: type[Action[Any, Any]], state: Any) -> Recorded:
    return Recorded(f"urn:pulumi:{INCIDENT}::containment::x::y", action, state)


def foreseen(bench: Bench, action: type[Action[Any, Any]], state: Any) -> forecast.Forecast:
    before = list(bench.writes)
    (foreseen_lift,) = forecast.foresee(
        [recorded(action, state)], Workplace(bench.directory, ACTIONS, INCIDENT)
    )
    assert bench.writes == before
    return foreseen_lift


def look_at(bench: Bench, action: type[Action[Any, Any]], state: Any) -> live.LiveResource:
    (live_resource,) = live.look(
        [recorded(action, state)], Workplace(bench.directory, ACTIONS, INCIDENT)
    )
    return live_resource


def held_keys(bench: Bench) -> Any:
    bench.leaked = ()
    taken = bench.snapshot(bench.lab.world.release_user)
    bench.leaked = (bench.lab.world.leaked.access_key_id,)
    write_spec(bench, bench.lab.world.release_user)
    return bench.keys_action().create(bench.keys_inputs(taken), preview=False)


def test_keys_that_their_claim_vouches_for_are_no_conflict(bench: Bench) -> None:
    state = held_keys(bench)

    assert foreseen(bench, InactiveCredentials, state).conflicts == ()


def test_a_key_that_nothing_but_the_state_vouches_for_is_a_conflict(bench: Bench) -> None:
    state = held_keys(bench)
    bench.admin().untag_user(UserName="release-bot", TagKeys=[f"containment:{INCIDENT}"])

    (conflict,) = foreseen(bench, InactiveCredentials, state).conflicts

    assert bench.lab.world.release_key.access_key_id in conflict
    assert "does not say so" in conflict


def test_other_terms_in_the_file_are_a_conflict(bench: Bench) -> None:
    world = bench.lab.world
    taken = bench.snapshot(world.ci_user)
    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    (bench.directory / "stacks").mkdir()
    file = bench.directory / "stacks" / f"{INCIDENT}.yaml"
    file.write_text(spec(f"{{user: '{world.ci_user}'}}", disposition="confirmed"))

    (conflict,) = foreseen(bench, DenyPolicy, state).conflicts

    assert "the file says disposition confirmed" in conflict


def test_a_deny_that_was_stripped_is_not_there_any_more(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    assert foreseen(bench, DenyPolicy, state).will == ()
    assert look_at(bench, DenyPolicy, state).live == "applied"
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{INCIDENT}")

    assert "not there any more" in foreseen(bench, DenyPolicy, state).will[0]
    live_resource = look_at(bench, DenyPolicy, state)
    assert (live_resource.live, live_resource.drifted) == ("missing", True)
    assert "the deny is missing" in live_resource.notes[0]


def test_a_newer_deny_makes_this_one_superseded(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    older = state.model_copy(update={"generation": 1})

    assert "superseded" in foreseen(bench, DenyPolicy, older).will[0]


def test_a_lift_foresees_what_becomes_of_a_trust_policy(bench: Bench) -> None:
    role = bench.lab.world.deploy_role
    taken = bench.snapshot(role)
    state = bench.trust_action().create(bench.trust_inputs(taken), preview=False)
    assert "byte for byte" in foreseen(bench, ClosedTrustPolicy, state).will[0]
    iam = bench.admin()
    document = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    document["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"AWS": bench.lab.world.bystander_user},
            "Action": "sts:AssumeRole",
        }
    )
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(document))

    assert "their change stays" in foreseen(bench, ClosedTrustPolicy, state).will[0]


def test_the_snapshot_names_what_is_under_it(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert foreseen(bench, PrincipalSnapshot, taken).will[0].endswith("now: a deny")


def test_a_principal_that_is_gone_has_nothing_to_lift(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    deleted_state = taken.model_copy(update={"principal_id": "AIDAGONE"})

    assert "nothing to lift" in foreseen(bench, PrincipalSnapshot, deleted_state).will[0]
    assert look_at(bench, PrincipalSnapshot, deleted_state).live == "gone"


def test_a_state_of_another_place_is_not_known(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    other = taken.model_copy(update={"endpoint": "https://iam.amazonaws.com"})

    live_resource = look_at(bench, PrincipalSnapshot, other)

    assert live_resource.live == "unknown"
    assert "this stack was applied at" in live_resource.notes[0]


def test_why_a_run_left_something_unfinished_is_told_only_while_it_is_so(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    stale = "its inline policies have no room left; shorten one"
    unfinished = Recorded(f"urn:{INCIDENT}::p::t::n", DenyPolicy, state, unfinished=(stale,))
    workplace = Workplace(bench.directory, ACTIONS, INCIDENT)

    (now,) = live.look([unfinished], workplace)
    assert not now.drifted
    assert [note for note in now.notes if stale in note] == []
    assert any("AWS shows it now" in note for note in now.notes)

    name = f"containment-{INCIDENT}"
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName=name)
    (now,) = live.look([unfinished], workplace)
    assert now.drifted
    assert f"the last run said of ci-deploy: {stale}" in now.notes
