"""DenyPolicy: denied while it is there, fenced or free afterwards, and nobody else notices."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from workbench import Bench, can_list, inline, minted, session_of, write_spec

from containment.actions.base import UnfinishedError
from containment.actions.deny_policy import SessionMatch, State
from containment.aws.clients import CancelledError
from containment.aws.consistency import eventually
from containment.errors import ConflictError

pytestmark = pytest.mark.lab


def deny(bench: Bench, arn: str, scope: str = "all", **more: Any) -> State:
    taken = bench.snapshot(arn)
    return bench.deny_action().create(bench.deny_inputs(taken, scope, **more), preview=False)


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


def test_the_fence_denies_old_tokens_lets_new_ones_pass_and_ends(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    old = minted(lab, world.leaked)
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
    left = datetime.fromisoformat(until) - lab.now()
    assert timedelta(hours=36) < left <= timedelta(hours=37)


def test_a_role_loses_its_sessions_and_takes_new_ones_after_the_revocation_time(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    thief = session_of(lab, world.leaked, world.deploy_role)
    assert can_list(lab, thief)

    state = deny(bench, world.deploy_role, "issued-before")

    assert not can_list(lab, thief)
    assert can_list(lab, world.bystander_session)
    early = session_of(lab, world.leaked, world.deploy_role)
    assert not can_list(lab, early)  # inside the margin
    lab.advance(121)
    late = session_of(lab, world.leaked, world.deploy_role)
    assert can_list(lab, late)

    bench.deny_action().delete(state)

    assert can_list(lab, late)  # nobody new is denied by the lift
    assert not can_list(lab, thief)


def test_the_revocation_time_is_aws_time_plus_the_margin(bench: Bench) -> None:
    bench.lab.advance(7200)

    state = deny(bench, bench.lab.world.deploy_role, "issued-before")

    assert state.issued_before is not None
    ahead = datetime.fromisoformat(state.issued_before) - bench.lab.now()
    assert timedelta(seconds=110) < ahead <= timedelta(seconds=120)


def test_a_rewrite_never_moves_the_revocation_time_back(bench: Bench) -> None:
    first = deny(bench, bench.lab.world.deploy_role, "issued-before")
    inputs = bench.deny_inputs(snapshot_of(bench, first), "issued-before")

    second = bench.deny_action().create(inputs, preview=False)

    assert first.issued_before is not None
    assert second.issued_before is not None
    assert second.issued_before > first.issued_before


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

    seen = bench.deny_action().read(state)

    assert seen is not None
    assert seen.live == "missing"
    assert "puts it back" in bench.words()
    repaired = bench.deny_action().update(
        seen, bench.deny_inputs(snapshot_of(bench, state)), preview=False
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

    seen = bench.deny_action().read(state)

    assert seen is not None
    assert seen.live == "altered"


def test_statements_of_others_in_the_policy_outlive_the_lift(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    state = deny(bench, bench.lab.world.ci_user)
    policy = inline(bench, bench.lab.world.ci_user)
    assert policy is not None
    theirs = {"Sid": "Theirs", "Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    policy["Statement"].append(theirs)
    put(bench, policy)

    bench.deny_action().delete(state)

    left = inline(bench, bench.lab.world.ci_user)
    assert left is not None
    assert left["Statement"] == [theirs]


def test_a_superseded_delete_does_nothing(bench: Bench) -> None:
    old = deny(bench, bench.lab.world.ci_user)
    inputs = bench.deny_inputs(snapshot_of(bench, old))
    new = bench.deny_action().create(inputs, preview=False)
    assert (new.generation or 0) > (old.generation or 0)

    bench.deny_action().delete(old)

    assert not can_list(bench.lab, bench.lab.world.leaked)
    assert "superseded" in bench.words()


def test_a_late_write_of_an_older_generation_is_still_lifted(bench: Bench) -> None:
    first = deny(bench, bench.lab.world.ci_user)
    late = inline(bench, bench.lab.world.ci_user)
    assert late is not None
    second = bench.deny_action().create(bench.deny_inputs(snapshot_of(bench, first)), preview=False)
    put(bench, late)  # an orphan that should be dead writes after the live one

    bench.deny_action().delete(second)

    left = inline(bench, bench.lab.world.ci_user)
    assert left is not None
    assert "aws:CurrentTime" in left["Statement"][0]["Condition"]["DateLessThan"]


def test_a_change_that_was_cancelled_is_not_made(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.cancelled.set()

    with pytest.raises(CancelledError):
        bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert inline(bench, bench.lab.world.ci_user) is None


def test_a_user_with_full_inline_policies_gets_aws_deny_all_and_gives_it_back(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    fill_inline(bench)

    state = deny(bench, world.ci_user)

    assert state.placement == "AWSDenyAll"
    assert not can_list(lab, world.leaked)
    assert "inline policies are full" in bench.words()
    seen = bench.deny_action().read(state)
    assert seen is not None
    assert seen.live == "applied"

    bench.deny_action().delete(state)

    assert can_list(lab, world.leaked)
    assert bench.admin().list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"] == []
    assert tags(bench) == {"team": "platform", "service": "ci"}


def test_a_user_with_no_room_at_all_has_one_allow_policy_swapped(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    fill_inline(bench)
    attached = fill_attachments(bench)

    state = deny(bench, world.ci_user)

    assert set(state.swapped) < set(attached)
    assert len(state.swapped) == 1
    assert not can_list(lab, world.leaked)

    bench.deny_action().delete(state)

    now = bench.admin().list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"]
    assert sorted(item["PolicyArn"] for item in now) == attached
    assert can_list(lab, world.leaked)


def test_no_room_for_the_fence_keeps_the_deny_and_says_so(bench: Bench) -> None:
    state = deny(bench, bench.lab.world.ci_user)
    fill_inline(bench)

    with pytest.raises(ConflictError, match="no room for the release fence"):
        bench.deny_action().delete(state)

    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_a_narrow_deny_without_room_denies_more_and_is_not_done(bench: Bench) -> None:
    world = bench.lab.world
    bench.admin().put_role_policy(
        RoleName="deploy", PolicyName="fill", PolicyDocument=padded(10_240 - 200)
    )

    with pytest.raises(UnfinishedError, match="denies every session") as caught:
        deny(bench, world.deploy_role, "issued-before")

    assert not can_list(bench.lab, session_of(bench.lab, world.leaked, world.deploy_role))
    assert caught.value.state.model_dump()["placement"] == "AWSDenyAll"


def test_an_attachment_without_its_claim_is_not_lifted_on_the_word_of_the_state(
    bench: Bench,
) -> None:
    fill_inline(bench)
    state = deny(bench, bench.lab.world.ci_user)
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=["containment:inc-2026-0042/AWSDenyAll"])

    with pytest.raises(ConflictError, match="is gone, and the state says"):
        bench.deny_action().delete(state)

    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_a_member_that_was_late_has_the_whole_cohort_stamped_again(bench: Bench) -> None:
    world = bench.lab.world
    cohort = (world.deploy_role, world.app_role)
    first = deny(bench, world.deploy_role, "issued-before", cohort=cohort)
    seen = bench.deny_action().read(first)
    assert seen is not None
    assert seen.live == "stale"  # the other one is not there yet
    bench.lab.advance(150)
    late = deny(bench, world.app_role, "issued-before", cohort=cohort)

    def seen_of(*states: State) -> list[str]:
        read = [bench.deny_action().read(state) for state in states]
        return [state.live for state in read if state is not None]

    assert seen_of(first, late) == ["stale", "stale"]

    # Soon, while both T are still ahead: one more write each, and they are together.
    again = [
        bench.deny_action().create(
            bench.deny_inputs(snapshot_of(bench, state), "issued-before", cohort=cohort),
            preview=False,
        )
        for state in (first, late)
    ]
    assert seen_of(*again) == ["applied", "applied"]


def test_members_stamped_together_stay_as_they_are(bench: Bench) -> None:
    world = bench.lab.world
    cohort = (world.deploy_role, world.app_role)
    states = [deny(bench, arn, "issued-before", cohort=cohort) for arn in cohort]
    bench.lab.advance(10_000)

    seen = [bench.deny_action().read(state) for state in states]

    assert [state and state.live for state in seen] == ["applied", "applied"]


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


def test_the_naive_answer_leaves_the_token_alive(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    token = minted(lab, world.leaked)

    bench.admin().update_access_key(
        UserName="ci-deploy", AccessKeyId=world.leaked.access_key_id, Status="Inactive"
    )

    assert not can_list(lab, world.leaked)
    assert can_list(lab, token)


def snapshot_of(bench: Bench, state: State) -> Any:
    from containment.actions.principal_snapshot import State as Snapshot  # noqa: PLC0415

    return Snapshot(
        **bench.common(state.principal),
        endpoint=state.endpoint,
        principal_id=state.principal_id,
        snapshot_id=state.snapshot_id,
        attached_policies=state.attached_policies,
    )


def put(bench: Bench, policy: dict[str, Any]) -> None:
    bench.admin().put_user_policy(
        UserName="ci-deploy",
        PolicyName="containment-inc-2026-0042",
        PolicyDocument=json.dumps(policy),
    )


def padded(size: int) -> str:
    """Return an Allow policy of about *size* characters."""
    statement = {"Effect": "Allow", "Action": ["sqs:ListQueues"], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    used = len(json.dumps(document, separators=(",", ":")))
    statement["Sid"] = "X" * (size - used - len(',"Sid":""'))
    return json.dumps(document, separators=(",", ":"))


def fill_inline(bench: Bench) -> None:
    iam = bench.admin()
    used = 0
    for name in iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]:
        document = iam.get_user_policy(UserName="ci-deploy", PolicyName=name)["PolicyDocument"]
        used += len(json.dumps(document, separators=(",", ":")))
    iam.put_user_policy(
        UserName="ci-deploy", PolicyName="fill", PolicyDocument=padded(2_048 - used - 40)
    )


def fill_attachments(bench: Bench) -> list[str]:
    iam = bench.admin()
    arns = []
    for number in range(10):
        policy = iam.create_policy(PolicyName=f"m{number}", PolicyDocument=padded(120))["Policy"]
        iam.attach_user_policy(UserName="ci-deploy", PolicyArn=policy["Arn"])
        arns.append(policy["Arn"])
    return sorted(arns)


def tags(bench: Bench) -> dict[str, str]:
    found = bench.admin().list_user_tags(UserName="ci-deploy")["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_a_stripped_deny_is_fenced_no_later_than_now_whatever_the_state_says(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    thief = session_of(lab, world.leaked, world.deploy_role)
    state = deny(bench, world.deploy_role, "issued-before")
    bench.admin().delete_role_policy(RoleName="deploy", PolicyName="containment-inc-2026-0042")
    forged = state.model_copy(update={"issued_before": "2999-01-01T00:00:00Z"})

    bench.deny_action().delete(forged)

    lab.advance(2)
    assert not can_list(lab, thief)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))


def test_a_swap_that_was_cut_in_half_is_given_back(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    fill_inline(bench)
    attached = fill_attachments(bench)
    events = bench.context.clients.iam.meta.events
    events.register("after-call.iam.DetachUserPolicy", lambda **_: bench.cancelled.set())

    with pytest.raises(UnfinishedError, match="cancelled before AttachUserPolicy") as caught:
        deny(bench, bench.lab.world.ci_user)
    assert len(attachments(bench)) == len(attached) - 1
    bench.cancelled.clear()
    left = caught.value.state
    assert isinstance(left, State)
    bench.deny_action().delete(left)

    assert attachments(bench) == attached
    assert tags(bench) == {"team": "platform", "service": "ci"}


def test_a_claim_that_says_less_than_the_state_gives_nothing_back(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    fill_inline(bench)
    fill_attachments(bench)
    state = deny(bench, bench.lab.world.ci_user)
    claim(bench, f"AWSDenyAll=detached s={state.snapshot_id} g=1")

    with pytest.raises(ConflictError, match="decide"):
        bench.deny_action().delete(state)

    assert "arn:aws:iam::aws:policy/AWSDenyAll" in attachments(bench)


def test_a_forged_claim_attaches_nothing(bench: Bench) -> None:
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    taken = bench.snapshot(bench.lab.world.ci_user)
    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    claim(bench, f"AWSDenyAll=detached swapped={administrator} s={taken.snapshot_id} g=1")

    with pytest.raises(ConflictError, match="decide"):
        bench.deny_action().delete(state)
    with pytest.raises(ConflictError, match="decide"):
        bench.snapshot_action().delete(taken)

    assert attachments(bench) == []


def test_an_attachment_that_a_crash_forgot_is_fenced_as_well(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    token = minted(lab, world.leaked)
    fill_inline(bench)
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName="fill")

    bench.snapshot_action().delete(taken)

    assert attachments(bench) == []
    assert not can_list(lab, token)
    lab.advance(2)
    assert can_list(lab, minted(lab, world.leaked))


def attachments(bench: Bench) -> list[str]:
    found = bench.admin().list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"]
    return sorted(item["PolicyArn"] for item in found)


def claim(bench: Bench, value: str) -> None:
    key = "containment:inc-2026-0042/AWSDenyAll"
    bench.admin().tag_user(UserName="ci-deploy", Tags=[{"Key": key, "Value": value}])


def test_who_came_in_while_the_trust_policy_was_open_is_revoked_as_well(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    taken = bench.snapshot(world.deploy_role)
    closed = bench.trust_action().create(bench.trust_inputs(taken), preview=False)
    inputs = bench.deny_inputs(taken, "issued-before", closed_but_for=())
    state = bench.deny_action().create(inputs, preview=False)
    seen = bench.deny_action().read(state)
    assert seen is not None
    assert seen.live == "applied"
    lab.advance(200)
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=closed.trust_policy)
    thief = session_of(lab, world.leaked, world.deploy_role)
    assert can_list(lab, thief)

    seen = bench.deny_action().read(state)
    assert seen is not None
    assert seen.live == "stale"
    bench.deny_action().update(seen, inputs, preview=False)

    assert not can_list(lab, thief)


def test_raising_the_rung_to_a_closed_trust_policy_revokes_anew(bench: Bench) -> None:
    state = deny(bench, bench.lab.world.deploy_role, "issued-before")
    inputs = bench.deny_inputs(snapshot_of(bench, state), "issued-before", closed_but_for=())

    raised = bench.deny_action().update(state, inputs, preview=False)

    assert raised.issued_before is not None
    assert state.issued_before is not None
    assert raised.issued_before > state.issued_before


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
