"""DenyPolicy: denied while it is there, fenced or free afterwards, and nobody else notices."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from containment.actions.deny_policy import SessionMatch
from containment.aws.cancellation import CancelledError
from containment.aws.consistency import eventually
from containment.errors import ConflictError
from containment.lab.scenario.world import Credentials
from containment.lab.state import moto_state
from containment.lifecycle.action import UnfinishedError
from tests.support.addresses import client_at
from tests.support.denying import deny, snapshot_of
from tests.support.sign_ins import PASSWORD, can_refresh, credentials_in, lab_post, sign_in
from tests.support.subject import Subject
from tests.support.workbench import (
    INCIDENT,
    Bench,
    allowed,
    can_list,
    inline,
    minted,
    session_of,
    write_spec,
)

pytestmark = pytest.mark.lab


def _stripped(bench: Bench) -> None:
    bench.admin().delete_user_policy(UserName="release-bot", PolicyName=f"containment-{INCIDENT}")


SUBJECT = Subject(
    rung="deny-all",
    role=False,
    strip=_stripped,
    makes=("PutUserPolicy",),
    lifts=("DeleteUserPolicy",),
)


def test_a_user_its_tokens_and_nobody_else_is_denied(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    token = minted(lab, world.leaked)
    assert can_list(lab, world.leaked)
    assert can_list(lab, token)

    deny(bench, world.ci_user)

    assert not can_list(lab, world.leaked)
    assert not can_list(lab, token)
    assert can_list(lab, world.bystander)


def test_after_a_false_alarm_everything_works_again(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    token = minted(lab, world.leaked)
    state = deny(bench, world.ci_user)
    (bench.directory / "stacks").mkdir()

    with pytest.raises(ConflictError, match="is missing"):  # gives leaked credentials back
        bench.deny_action().delete(state)
    write_spec(bench, world.ci_user)
    bench.deny_action().delete(state)

    assert inline(bench, world.ci_user) is None
    assert can_list(lab, token)


@pytest.mark.parametrize(
    ("disposition", "scope", "sentence"),
    [
        ("false-positive", "all", "is removed and nothing of it stays"),
        ("confirmed", "all", "becomes a fence: tokens issued before the release stay denied"),
        ("suspected", "issued-before", "issued before the revocation stay denied"),
    ],
)
def test_the_plan_tells_what_a_lift_will_leave(
    bench: Bench, disposition: str, scope: str, sentence: str
) -> None:
    bench.disposition = disposition
    taken = bench.snapshot(bench.lab.world.deploy_role)

    assert sentence in bench.deny_action().on_destroy(bench.deny_inputs(taken, scope))


def test_the_fence_denies_old_tokens_lets_new_ones_pass_and_ends(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    old = minted(lab, world.leaked)
    write_spec(bench, world.ci_user)
    state = deny(bench, world.ci_user)
    lab.advance(5)
    during = minted(lab, world.leaked)  # GetSessionToken cannot be denied

    bench.deny_action().delete(state)

    lab.advance(2)
    new = minted(lab, world.leaked)
    assert not can_list(lab, old)
    assert not can_list(lab, during)
    assert can_list(lab, new)
    fence = inline(bench, world.ci_user)
    assert fence is not None
    until = fence["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"]
    remaining = datetime.fromisoformat(until) - lab.now()
    assert timedelta(hours=36) < remaining <= timedelta(hours=37)


def test_a_role_loses_its_sessions_and_takes_new_ones_after_the_revocation_time(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    attacker = session_of(lab, world.leaked, world.deploy_role)
    assert can_list(lab, attacker)
    write_spec(bench, world.deploy_role)

    state = deny(bench, world.deploy_role, "issued-before")

    assert not can_list(lab, attacker)
    assert can_list(lab, world.bystander_session)
    early = session_of(lab, world.leaked, world.deploy_role)
    assert not can_list(lab, early)  # inside the margin
    lab.advance(121)
    late = session_of(lab, world.leaked, world.deploy_role)
    assert can_list(lab, late)

    bench.deny_action().delete(state)

    assert can_list(lab, late)  # nobody new is denied by the lift
    assert not can_list(lab, attacker)


def test_only_the_named_session_is_denied(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bad = session_of(lab, world.runner, world.app_role, "i-0abc")
    good = session_of(lab, world.runner, world.app_role, "i-0abcd")

    deny(bench, world.app_role, "sessions", sessions=(SessionMatch(name="i-0abc"),))

    assert not can_list(lab, bad)
    assert can_list(lab, good)
    assert can_list(lab, world.app_session)


def test_the_fence_of_a_session_lets_the_next_session_of_that_name_pass(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bad = session_of(lab, world.runner, world.app_role, "i-0abc")
    write_spec(bench, world.app_role, "session\n    sessions: [{name: i-0abc}]")
    state = deny(bench, world.app_role, "sessions", sessions=(SessionMatch(name="i-0abc"),))

    bench.deny_action().delete(state)

    lab.advance(2)
    assert not can_list(lab, bad)
    assert can_list(lab, session_of(lab, world.runner, world.app_role, "i-0abc"))


def test_a_federated_session_is_picked_by_the_name_it_was_given(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    sts = lab.client("sts", world.leaked)
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
        }
    )
    kinds = type(world.leaked)
    federated = {}
    for name in ("bob", "eve"):
        issued = sts.get_federation_token(Name=name, Policy=policy)["Credentials"]
        federated[name] = kinds(
            issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]
        )

    deny(bench, world.ci_user, "sessions", sessions=(SessionMatch(name="eve"),))

    assert not can_list(lab, federated["eve"])
    assert can_list(lab, federated["bob"])
    assert can_list(lab, world.leaked)


def test_preview_writes_nothing(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    before = bench.lab.status()["mutations"]["total"]

    state = bench.deny_action().create(bench.deny_inputs(taken), preview=True)
    bench.deny_action().update(state, bench.deny_inputs(taken, "issued-before"), preview=True)

    assert bench.writes == []
    assert bench.lab.status()["mutations"]["total"] == before


def test_a_stripped_deny_is_seen_said_and_put_back(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    state = deny(bench, world.ci_user)
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName="containment-inc-2026-0042")
    assert can_list(lab, world.leaked)

    live_state = bench.deny_action().read(state)

    assert live_state is not None
    assert live_state.live == "missing"
    assert "puts it back" in bench.words()
    repaired = bench.deny_action().update(
        live_state, bench.deny_inputs(snapshot_of(bench, state)), preview=False
    )
    assert repaired.live == "applied"
    assert "in force again" in bench.words()
    assert not can_list(lab, world.leaked)


def test_a_weakened_deny_is_seen(bench: Bench) -> None:
    state = deny(bench, bench.lab.world.ci_user)
    policy = inline(bench, bench.lab.world.ci_user)
    assert policy is not None
    policy["Statement"][0]["Action"] = "ec2:*"
    put(bench, policy)

    live_state = bench.deny_action().read(state)

    assert live_state is not None
    assert live_state.live == "altered"


def test_statements_of_others_in_the_policy_outlive_the_lift(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    state = deny(bench, bench.lab.world.ci_user)
    policy = inline(bench, bench.lab.world.ci_user)
    assert policy is not None
    others_statement = {"Sid": "Theirs", "Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    policy["Statement"].append(others_statement)
    put(bench, policy)

    bench.deny_action().delete(state)

    remaining_policy = inline(bench, bench.lab.world.ci_user)
    assert remaining_policy is not None
    assert remaining_policy["Statement"] == [others_statement]


def test_a_superseded_delete_does_nothing(bench: Bench) -> None:
    old = deny(bench, bench.lab.world.ci_user)
    inputs = bench.deny_inputs(snapshot_of(bench, old))
    new = bench.deny_action().create(inputs, preview=False)
    assert (new.generation or 0) > (old.generation or 0)

    bench.deny_action().delete(old)

    assert not can_list(bench.lab, bench.lab.world.leaked)
    assert "superseded" in bench.words()


def test_a_late_write_of_an_older_generation_is_still_lifted(bench: Bench) -> None:
    write_spec(bench, bench.lab.world.ci_user)
    first = deny(bench, bench.lab.world.ci_user)
    late = inline(bench, bench.lab.world.ci_user)
    assert late is not None
    second = bench.deny_action().create(bench.deny_inputs(snapshot_of(bench, first)), preview=False)
    put(bench, late)  # an orphan that should be dead writes after the live one

    bench.deny_action().delete(second)

    remaining_policy = inline(bench, bench.lab.world.ci_user)
    assert remaining_policy is not None
    assert "aws:CurrentTime" in remaining_policy["Statement"][0]["Condition"]["DateLessThan"]


def test_a_change_that_was_cancelled_is_not_made(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.cancelled.set()

    with pytest.raises(CancelledError):
        bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert inline(bench, bench.lab.world.ci_user) is None


def test_a_lift_on_other_terms_than_the_files_is_refused(bench: Bench) -> None:
    state = deny(bench, bench.lab.world.ci_user)
    bench.disposition = "confirmed"
    write_spec(bench, bench.lab.world.ci_user)

    with pytest.raises(ConflictError, match=r"the file says disposition confirmed.*pulumi up"):
        bench.deny_action().delete(state)

    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_a_hostile_path_neither_widens_nor_narrows_the_deny(bench: Bench) -> None:
    iam = bench.admin()
    path = '/*/${aws:username}/"x/'
    iam.create_user(UserName="odd", Path=path)
    iam.put_user_policy(
        UserName="odd",
        PolicyName="p",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
            }
        ),
    )
    issued = iam.create_access_key(UserName="odd")["AccessKey"]
    odd = type(bench.lab.world.leaked)(issued["AccessKeyId"], issued["SecretAccessKey"])
    assert can_list(bench.lab, odd)

    deny(bench, f"arn:aws:iam::111122223333:user{path}odd")

    assert not can_list(bench.lab, odd)
    assert can_list(bench.lab, bench.lab.world.bystander)
    assert can_list(bench.lab, bench.lab.world.leaked)


def test_deactivating_the_key_alone_leaves_its_session_tokens_working(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    token = minted(lab, world.leaked)

    bench.admin().update_access_key(
        UserName="ci-deploy", AccessKeyId=world.leaked.access_key_id, Status="Inactive"
    )

    assert not can_list(lab, world.leaked)
    assert can_list(lab, token)


def put(bench: Bench, policy: dict[str, Any]) -> None:
    bench.admin().put_user_policy(
        UserName="ci-deploy",
        PolicyName="containment-inc-2026-0042",
        PolicyDocument=json.dumps(policy),
    )


def test_a_stripped_deny_is_fenced_no_later_than_now_whatever_the_state_says(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    write_spec(bench, world.deploy_role)
    attacker = session_of(lab, world.leaked, world.deploy_role)
    state = deny(bench, world.deploy_role, "issued-before")
    bench.admin().delete_role_policy(RoleName="deploy", PolicyName="containment-inc-2026-0042")
    forged = state.model_copy(update={"issued_before": "2999-01-01T00:00:00Z"})

    bench.deny_action().delete(forged)

    lab.advance(2)
    assert not can_list(lab, attacker)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))


def test_a_deny_that_cannot_be_read_back_is_unfinished_and_not_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    at_once = partial(eventually, timeout_s=0)
    monkeypatch.setattr("containment.actions.deny_policy.eventually", at_once)

    def cut_the_line(**_: object) -> None:
        if "iam:PutUserPolicy" in bench.calls:
            raise EndpointConnectionError(endpoint_url="https://iam.example")

    bench.context.clients.iam.meta.events.register("before-call.iam.GetUserPolicy", cut_the_line)

    with pytest.raises(UnfinishedError, match="does not show it"):
        bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_one_sign_in_session_is_denied_and_the_others_of_its_user_go_on(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.admin().create_login_profile(UserName="ci-deploy", Password=PASSWORD)
    bad, good = sign_in(lab, client="CLI"), sign_in(lab, client="CLI")
    bad_arn = lab_post(lab, "renew", access_key_id=bad.access_key_id)["sign_in_session"]
    assert can_list(lab, bad)

    deny(bench, world.ci_user, "sessions", sessions=(SessionMatch(sign_in_session=bad_arn),))

    assert not can_list(lab, bad)
    lab.advance(10 * 60)
    assert not can_refresh(lab, bad)
    assert can_list(lab, credentials_in(lab_post(lab, "renew", access_key_id=good.access_key_id)))
    assert can_list(lab, world.leaked)
    assert can_list(lab, sign_in(lab, client="CLI"))
    state = bench.deny_inputs(bench.snapshot(world.bystander_user), "sessions")
    assert "are revoked first, which nobody can undo" in bench.deny_action().on_destroy(state)


INSTANCE = "arn:aws:ec2:us-east-1:111122223333:instance/i-0abc1234def567890"


@pytest.mark.parametrize(
    ("match", "terms"),
    [
        (SessionMatch(source_identity="eve"), {"source_identity": "eve"}),
        (
            SessionMatch(source_instance=INSTANCE),
            {"context": (("ec2:sourceinstancearn", INSTANCE),)},
        ),
    ],
    ids=["source identity", "source instance"],
)
def test_a_session_is_picked_by_what_it_was_issued_with(
    bench: Bench, match: SessionMatch, terms: dict[str, Any]
) -> None:
    bad, good = app_session(bench, **terms), app_session(bench)
    assert can_list(bench.lab, bad)

    deny(bench, bench.lab.world.app_role, "sessions", sessions=(match,))

    assert not can_list(bench.lab, bad)
    assert can_list(bench.lab, good)
    assert can_list(bench.lab, app_session(bench))


def test_a_session_is_picked_by_the_address_that_its_calls_come_from(bench: Bench) -> None:
    session = app_session(bench)
    neighbour, attacker = (
        client_at(bench, session, "198.51.100.9"),
        client_at(bench, session, "203.0.113.7"),
    )
    bucket = bench.lab.world.bucket
    assert allowed(attacker.list_objects_v2, Bucket=bucket)

    by_a_service = client_at(
        bench, app_session(bench, context=(("aws:viaawsservice", "true"),)), "203.0.113.8"
    )

    match = SessionMatch(source_ip="203.0.113.0/24")
    deny(bench, bench.lab.world.app_role, "sessions", sessions=(match,))

    assert not allowed(attacker.list_objects_v2, Bucket=bucket)
    assert allowed(neighbour.list_objects_v2, Bucket=bucket)
    # A service that calls on an honest session's behalf has an address of its own.
    assert allowed(by_a_service.list_objects_v2, Bucket=bucket)
    assert "203.0.113.0/24 are not reached: calls through a VPC endpoint" in bench.words()
    assert "rds-db:connect" in bench.words()


def test_a_deny_by_address_of_an_earlier_release_is_known_and_rewritten_and_lifted(
    bench: Bench,
) -> None:
    role = bench.lab.world.app_role
    match = SessionMatch(source_ip="203.0.113.0/24")
    state = deny(bench, role, "sessions", sessions=(match,))
    written = inline(bench, role)
    assert written is not None
    (statement,) = written["Statement"]
    assert statement["Condition"].pop("BoolIfExists") == {"aws:ViaAWSService": "false"}
    name = role.rpartition("/")[2]
    bench.admin().put_role_policy(
        RoleName=name,
        PolicyName=f"containment-{bench.incident}",
        PolicyDocument=json.dumps(written),
    )

    earlier = bench.deny_action().read(state)

    assert earlier is not None
    assert earlier.live == "altered"
    inputs = bench.deny_inputs(snapshot_of(bench, state), "sessions", sessions=(match,))
    bench.deny_action().update(earlier, inputs, preview=False)
    again = inline(bench, role)
    assert again is not None
    assert "BoolIfExists" in again["Statement"][0]["Condition"]
    bench.admin().put_role_policy(
        RoleName=name,
        PolicyName=f"containment-{bench.incident}",
        PolicyDocument=json.dumps(written),
    )
    bench.disposition = "false-positive"
    write_spec(bench, role, "session")
    file = bench.directory / "stacks" / f"{bench.incident}.yaml"
    file.write_text(
        f"{file.read_text(encoding='utf-8')}    sessions: [{{source_ip: 203.0.113.0/24}}]\n",
        encoding="utf-8",
    )
    bench.deny_action().delete(earlier.model_copy(update={"lift": bench.lift()}))
    assert inline(bench, role) is None


def app_session(bench: Bench, **terms: Any) -> Credentials:
    """Give somebody a session of the app's role."""
    account = bench.lab.world.account
    session = vars(bench.lab)["_server"].gate.sessions.issue(
        kind="role",
        account=account,
        principal_id=moto_state.role_id(account, "app"),
        principal_name="app",
        name="work",
        now=bench.lab.now(),
        seconds=3600,
        **terms,
    )
    return Credentials(session.access_key_id, session.secret_access_key, session.token)
