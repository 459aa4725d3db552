"""Sign-in sessions go with a deny, and a fence is written only once none outlives it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from containment.actions.deny_policy import DenyState, SessionMatch
from containment.aws import sign_ins
from containment.errors import ConflictError
from containment.facets import decisions
from containment.identities import parse_principal
from containment.lab.scenario.world import Credentials
from containment.lifecycle import evidence
from containment.lifecycle.action import UnfinishedError
from containment.profile import Profile
from tests.support.denying import deny, snapshot_of
from tests.support.sign_ins import PASSWORD, can_refresh, lab_post, sign_in, sign_in_as_role
from tests.support.workbench import Bench, can_list, inline, session_of, write_spec

pytestmark = pytest.mark.lab

_REVOKING = "signin:BatchRevokeSessions"


def _password(bench: Bench, *users: str) -> None:
    for user in users:
        bench.admin().create_login_profile(UserName=user, Password=PASSWORD)


def _refuse(bench: Bench, operation: str) -> None:
    """Take one permission from the responder."""
    statement = {"Effect": "Deny", "Action": f"signin:{operation}", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bench.admin().put_role_policy(
        RoleName=_responder(bench), PolicyName="refused", PolicyDocument=document
    )


def _let(bench: Bench) -> None:
    bench.admin().delete_role_policy(RoleName=_responder(bench), PolicyName="refused")


def _responder(bench: Bench) -> str:
    acting = bench.context.caller.principal
    assert acting is not None
    return acting.name


def _sessions(bench: Bench, owner: str) -> dict[str, str]:
    client = bench.lab.client("signin", bench.lab.world.admin)
    items = client.list_sessions(principalArn=owner)["items"]
    return {item["sessionArn"]: item["status"] for item in items}


def test_the_sessions_of_a_user_are_revoked_with_the_deny_and_nobody_elses(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy", "release-bot")
    tokens = [sign_in(lab, client=client) for client in ("CLI", "MCP", *["CLI"] * 5)]
    other = sign_in(lab, user="release-bot", client="CLI")
    assert all(can_refresh(lab, token) for token in tokens)

    state = deny(bench, world.ci_user)

    assert state.live == "applied"
    assert not any(can_refresh(lab, token) for token in tokens)
    assert can_refresh(lab, other)
    assert bench.writes.count(_REVOKING) == 2  # five at once
    assert "is revoked" in bench.words()


def test_the_sessions_of_a_renamed_user_are_revoked_and_those_of_the_names_next_bearer_stay(
    bench: Bench,
) -> None:
    lab, world, iam = bench.lab, bench.lab.world, bench.admin()
    _password(bench, "ci-deploy")
    write_spec(bench, world.ci_user)
    before = sign_in(lab, client="CLI")
    taken = bench.snapshot(world.ci_user)
    iam.update_user(UserName="ci-deploy", NewUserName="build-agent")
    lab.advance(60)
    iam.create_user(UserName="ci-deploy")
    _password(bench, "ci-deploy")
    lab.advance(60)
    next_bearer = sign_in(lab, client="CLI")
    again = sign_in(lab, user="build-agent", client="CLI")
    assert can_refresh(lab, before)

    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert not can_refresh(lab, before)
    assert not can_refresh(lab, again)
    assert can_refresh(lab, next_bearer)


def test_sign_in_sessions_of_a_role_made_after_its_revocation_time_go_on(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    before = sign_in_as_role(lab, session_of(lab, world.leaked, world.deploy_role))
    state = deny(bench, world.deploy_role, "issued-before")
    assert not can_refresh(lab, before)
    lab_post(lab, "clock", advance_s=300)
    honest = sign_in_as_role(lab, session_of(lab, world.leaked, world.deploy_role))

    live_state = bench.deny_action().read(state)

    assert live_state is not None
    assert live_state.live == "applied"
    assert can_refresh(lab, honest)
    write_spec(bench, world.deploy_role, "revoke-sessions")
    bench.deny_action().delete(state)
    assert can_refresh(lab, honest)


def test_rung_session_revokes_what_it_names_and_leaves_the_others(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    named, other = (
        sign_in_as_role(lab, session_of(lab, world.leaked, world.deploy_role)) for _ in range(2)
    )
    arn = lab_post(lab, "renew", access_key_id=named.access_key_id)["sign_in_session"]

    deny(bench, world.deploy_role, "sessions", sessions=(SessionMatch(sign_in_session=arn),))

    assert not can_refresh(lab, named)
    assert can_refresh(lab, other)


def test_a_region_that_a_control_policy_forbids_is_left_out_by_the_profile(bench: Bench) -> None:
    """The lab is one Region; the sessions of another one are what the profile leaves out."""
    taken = bench.snapshot(bench.lab.world.ci_user)
    inputs = bench.deny_inputs(taken)
    _refuse(bench, "ListSessions")
    with pytest.raises(UnfinishedError) as raised:
        bench.deny_action().create(inputs, preview=False)
    assert "where a control policy forbids us-east-1 to everybody" in raised.value.remedy
    assert "'sign_in_regions' in containment.yaml" in raised.value.remedy
    refused: Any = raised.value.state
    _let(bench)
    profile = Profile(sign_in_regions=("eu-central-1",))
    bench.context = replace(bench.context, profile=profile)

    state = bench.deny_action().update(refused, inputs, preview=False)

    assert state.live == "applied"
    assert "looked for in eu-central-1 alone" in bench.words()


@pytest.mark.parametrize("operation", ["ListSessions", "BatchRevokeSessions"])
def test_what_cannot_be_revoked_is_said_keeps_no_deny_and_is_tried_again(
    bench: Bench, operation: str
) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy")
    token = sign_in(lab, client="CLI")
    taken = bench.snapshot(world.ci_user)
    inputs = bench.deny_inputs(taken)
    _refuse(bench, operation)

    with pytest.raises(UnfinishedError, match="sign-in sessions of it may be active") as raised:
        bench.deny_action().create(inputs, preview=False)

    state: Any = raised.value.state
    assert isinstance(state, DenyState)
    assert state.live == "signed in"
    assert not can_list(lab, world.leaked)
    _let(bench)
    puts = bench.writes.count("iam:PutUserPolicy")
    assert can_refresh(lab, token)
    repaired = bench.deny_action().update(state, inputs, preview=False)
    assert repaired.live == "applied"
    assert not can_refresh(lab, token)
    assert bench.writes.count("iam:PutUserPolicy") == puts


def test_one_that_is_made_under_the_deny_is_seen_and_revoked(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy")
    state = deny(bench, world.ci_user)
    late = sign_in(lab, client="CLI")

    live_state = bench.deny_action().read(state)

    assert live_state is not None
    assert live_state.live == "signed in"
    assert not bench.deny_action().stands(state)
    inputs = bench.deny_inputs(snapshot_of(bench, state))
    assert bench.deny_action().update(live_state, inputs, preview=False).live == "applied"
    assert not can_refresh(lab, late)


def test_a_lift_revokes_what_is_left_before_it_writes_the_fence(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy")
    state = deny(bench, world.ci_user)
    late = sign_in(lab, client="CLI")
    write_spec(bench, world.ci_user)
    before = len(bench.writes)

    bench.deny_action().delete(state)

    assert bench.writes[before:] == [_REVOKING, "iam:PutUserPolicy"]
    assert not can_refresh(lab, late)


@pytest.mark.parametrize("operation", ["ListSessions", "BatchRevokeSessions"])
@pytest.mark.parametrize("word", ["force-ours", "keep-theirs"])
def test_a_lift_waits_for_a_decision_where_one_would_outlive_it(
    bench: Bench, operation: str, word: decisions.Word
) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy")
    state = deny(bench, world.ci_user)
    late = sign_in(lab, client="CLI")
    write_spec(bench, world.ci_user)
    _refuse(bench, operation)
    denied = inline(bench, world.ci_user)

    with pytest.raises(ConflictError, match="force-ours sign-ins@"):
        bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) == denied
    made = decisions.parse(f"{word}=sign-ins")
    bench.context = replace(bench.context, decisions=made)
    bench.deny_action().delete(state)
    fence = inline(bench, world.ci_user)
    assert fence is not None
    assert "aws:CurrentTime" in str(fence)
    assert can_refresh(lab, late)


def test_a_false_positive_is_told_and_lifted_though_nothing_can_be_listed(bench: Bench) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    state = deny(bench, world.ci_user)
    _refuse(bench, "ListSessions")
    plan = _plan(bench, state)

    bench.deny_action().delete(state)

    assert any("not all known" in line for line in plan)
    assert inline(bench, world.ci_user) is None


def _plan(bench: Bench, state: DenyState) -> tuple[str, ...]:
    action = bench.deny_action()
    live = bench.context.locate(state, state.principal_id)
    assert live is not None
    return action.lift_plan(state, live, evidence.terms(bench.context, state)).will


def test_a_preview_names_client_and_last_use_and_revokes_nothing(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy")
    token: Credentials = sign_in(lab, client="MCP")
    assert can_refresh(lab, token)
    taken = bench.snapshot(world.ci_user)
    inputs = bench.deny_inputs(taken)
    live = bench.context.locate(inputs, taken.principal_id)
    assert live is not None

    revoked = [one for one in bench.deny_action().writes(inputs, live) if one.after == "revoked"]

    assert len(revoked) == 1
    assert "MCP" in str(revoked[0].reason)
    assert "last used 20" in str(revoked[0].reason)
    assert can_refresh(lab, token)


def test_the_lab_pages_and_refuses_as_the_model_says(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    _password(bench, "ci-deploy")
    for _ in range(3):
        sign_in(lab, client="CLI")
    owner = sign_ins.owner_of(parse_principal(world.ci_user))
    client = lab.client("signin", world.admin)
    pages = client.get_paginator("list_sessions").paginate(
        principalArn=owner, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["items"]) for page in pages] == [2, 1]
    answer = client.batch_revoke_sessions(
        principalArn=owner, sessionArns=[f"{arn}x" for arn in _sessions(bench, owner)]
    )
    assert len(answer["errors"]) == 3
    assert set(_sessions(bench, owner).values()) == {"ACTIVE"}
