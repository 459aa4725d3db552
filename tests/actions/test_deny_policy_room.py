"""DenyPolicy where there is no room for it: AWSDenyAll, swaps, and giving back what made room."""

from __future__ import annotations

import json

import pytest
from denying import deny
from workbench import Bench, can_list, minted, session_of, write_spec

from containment.actions.deny_policy import State
from containment.aws.principal import LivePrincipal
from containment.errors import AccessError, ConflictError
from containment.lifecycle.action import UnfinishedError

pytestmark = pytest.mark.lab


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


def test_a_policy_that_cannot_be_read_is_left_and_another_makes_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spec(bench, bench.lab.world.ci_user)
    fill_inline(bench)
    unreadable, *others = fill_attachments(bench)
    read = LivePrincipal.policy_document

    def policy_document(live: LivePrincipal, arn: str) -> str:
        if arn == unreadable:
            raise AccessError("not allowed to read it", remedy="allow iam:GetPolicyVersion")
        return read(live, arn)

    monkeypatch.setattr(LivePrincipal, "policy_document", policy_document)

    state = deny(bench, bench.lab.world.ci_user)

    assert state.swapped == (others[0],)
    assert not can_list(bench.lab, bench.lab.world.leaked)


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
