"""DenyPolicy where there is no room for it: AWSDenyAll, swaps, and giving back what made room."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest

from containment.actions.deny_policy import DenyState
from containment.diff import written
from containment.errors import ConflictError
from containment.lifecycle.action import UnfinishedError
from containment.messages import MadeChange
from tests.support.denying import deny, fill_inline, padded
from tests.support.workbench import Bench, can_list, minted, session_of, write_spec

pytestmark = pytest.mark.lab
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


def test_a_user_with_full_inline_policies_gets_aws_deny_all_and_gives_it_back(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    fill_inline(bench.admin())

    state = deny(bench, world.ci_user)

    assert state.placement == "AWSDenyAll"
    assert not can_list(lab, world.leaked)
    assert "inline policies are full" in bench.words()
    live_state = bench.deny_action().read(state)
    assert live_state is not None
    assert live_state.live == "applied"

    bench.deny_action().delete(state)

    assert can_list(lab, world.leaked)
    assert bench.admin().list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"] == []
    assert tags(bench) == {"team": "platform", "service": "ci"}


def test_a_user_with_no_room_at_all_has_one_allow_policy_swapped(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    fill_inline(bench.admin())
    attached = fill_attachments(bench)

    state = deny(bench, world.ci_user)

    assert set(state.swapped) < set(attached)
    assert len(state.swapped) == 1
    assert not can_list(lab, world.leaked)

    bench.deny_action().delete(state)

    now = bench.admin().list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"]
    assert sorted(item["PolicyArn"] for item in now) == attached
    assert can_list(lab, world.leaked)


@pytest.mark.parametrize(
    ("attachments", "scope"), [(False, "all"), (True, "all"), (True, "issued-before")]
)
def test_where_the_deny_will_be_is_foreseen(bench: Bench, *, attachments: bool, scope: str) -> None:
    world = bench.lab.world
    role = scope != "all"
    arn = world.deploy_role if role else world.ci_user
    if role:
        fill_role(bench, *KINDS["long ARNs"])
    else:
        fill_inline(bench.admin())
        if attachments:
            fill_attachments(bench)
    made: list[MadeChange] = []
    bench.context = replace(
        bench.context,
        made=lambda change, _: made.append(
            MadeChange(change.principal, change.facet, change.before, change.after)
        ),
    )
    taken = bench.snapshot(arn)
    inputs = bench.deny_inputs(taken, scope)
    live = bench.context.locate(inputs, taken.principal_id)
    assert live is not None

    foreseen = bench.deny_action().writes(inputs, live)
    assert made == []
    with nullcontext() if scope == "all" else pytest.raises(UnfinishedError):
        bench.deny_action().create(inputs, preview=False)

    ahead = [(write.subject, write.before is None) for write in foreseen]
    (after,) = written(made).values()
    assert sorted(ahead) == sorted((change.subject, change.sign == "+") for change in after)
    assert len(ahead) == 1 + attachments
    assert "characters too few" in foreseen[-1].reason
    assert ("every session" in foreseen[-1].reason) == role
    again = bench.context.locate(inputs, taken.principal_id)
    assert again is not None
    assert bench.deny_action().writes(inputs, again) == []
    (substitute,) = bench.deny_action().substitutes(inputs, again)
    assert "AWSDenyAll, attached, denies " in substitute
    assert "characters too few for the declared policy" in substitute
    assert ("'up' ends with an error" in substitute) == role

    kind = "role" if role else "user"
    delete = getattr(bench.admin(), f"delete_{kind}_policy")
    delete(**{f"{kind.capitalize()}Name": arn.rpartition("/")[2]}, PolicyName="fill")
    (substitute,) = bench.deny_action().substitutes(inputs, again)
    assert "have room for the declared policy now" in substitute
    assert ("'up' writes it and AWSDenyAll goes" in substitute) == role


KINDS = {
    "long ARNs": ("/" + "p" * 400 + "/", "m", None),
    "named like AWS's quarantine": ("/", "AWSCompromisedKeyQuarantineV2-", None),
    "an irrelevant Deny in each": ("/", "m", {"Sid": "No", "Action": "sqs:PurgeQueue"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_attached_can_make_room_and_comes_back(bench: Bench, kind: str) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.deploy_role)
    session = session_of(lab, world.leaked, world.deploy_role)
    attached = fill_role(bench, *KINDS[kind])
    assert can_list(lab, session)

    state = deny(bench, world.deploy_role)

    assert not can_list(lab, session)
    assert can_list(lab, world.bystander)
    assert len(state.swapped) == 1
    tag = tags_of_role(bench)["containment:inc-2026-0042/AWSDenyAll"]
    assert f"swapped={policy_id(bench, state.swapped[0])} " in tag
    live_state = bench.deny_action().read(state)
    assert live_state is not None
    assert live_state.live == "applied"

    bench.deny_action().delete(state)

    assert attached_to_role(bench) == attached
    assert can_list(lab, session)


def test_awss_own_quarantine_never_makes_room(bench: Bench) -> None:
    world = bench.lab.world
    iam = bench.admin()
    own = [
        f"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine{word}" for word in ("", "V2", "V3")
    ]
    attached = fill_role(bench, *KINDS["long ARNs"], count=7)
    for arn in own:
        iam.attach_role_policy(RoleName="deploy", PolicyArn=arn)

    state = deny(bench, world.deploy_role)

    assert set(state.swapped) < set(attached)
    assert set(own) < set(attached_to_role(bench))


def test_a_policy_made_anew_under_the_arn_of_one_that_made_room_is_not_attached(
    bench: Bench,
) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.deploy_role)
    fill_role(bench, *KINDS["long ARNs"])
    state = deny(bench, world.deploy_role)
    (arn,) = state.swapped
    iam = bench.admin()
    iam.delete_policy(PolicyArn=arn)
    path, _, name = arn.partition(":policy")[2].rpartition("/")
    iam.create_policy(PolicyName=name, Path=path + "/", PolicyDocument=padded(130))

    bench.deny_action().delete(state)

    assert arn not in attached_to_role(bench)
    assert DENY_ALL not in attached_to_role(bench)
    assert "attach it by hand" in bench.words()


@pytest.mark.parametrize("bounded", [False, True], ids=["no boundary", "a boundary of theirs"])
def test_where_attaching_is_refused_a_boundary_holds_them_and_never_takes_the_place_of_one(
    bench: Bench, *, bounded: bool
) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.deploy_role)
    session = session_of(lab, world.leaked, world.deploy_role)
    fill_role(bench, *KINDS["long ARNs"], count=1)
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam = bench.admin()
    if bounded:
        iam.put_role_permissions_boundary(RoleName="deploy", PermissionsBoundary=administrator)
    never = {"Effect": "Deny", "Action": "iam:AttachRolePolicy", "Resource": "*"}
    iam.put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="never",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [never]}),
    )

    if bounded:
        with pytest.raises(UnfinishedError, match="AccessDenied"):
            deny(bench, world.deploy_role)
        assert boundary(bench) == administrator
        return
    state = deny(bench, world.deploy_role)

    assert boundary(bench) == DENY_ALL
    assert not can_list(lab, session)
    assert "AWSDenyAll is the permissions boundary" in bench.words()
    live_state = bench.deny_action().read(state)
    assert live_state is not None
    assert live_state.live == "applied"

    bench.deny_action().delete(state)

    assert boundary(bench) is None
    assert can_list(lab, session)


def test_a_claim_of_a_boundary_that_the_state_does_not_know_removes_none(bench: Bench) -> None:
    write_spec(bench, bench.lab.world.deploy_role)
    world = bench.lab.world
    fill_role(bench, *KINDS["long ARNs"], count=1)
    state = deny(bench, world.deploy_role)
    iam = bench.admin()
    iam.put_role_permissions_boundary(RoleName="deploy", PermissionsBoundary=DENY_ALL)
    value = f"AWSDenyAll=detached boundary=none s={state.snapshot_id} g={state.generation}"
    forged = {"Key": "containment:inc-2026-0042/AWSDenyAll", "Value": value}
    iam.tag_role(RoleName="deploy", Tags=[forged])

    with pytest.raises(ConflictError, match="decide"):
        bench.deny_action().delete(state)

    assert boundary(bench) == DENY_ALL


def test_aws_deny_all_stays_until_there_is_room_for_its_fence(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    write_spec(bench, world.deploy_role, "deny-all")
    session = session_of(lab, world.leaked, world.deploy_role)
    fill_role(bench, *KINDS["long ARNs"], count=1)
    state = deny(bench, world.deploy_role)

    with pytest.raises(ConflictError, match="no room for the release fence"):
        bench.deny_action().delete(state)
    assert not can_list(lab, session)
    bench.admin().delete_role_policy(RoleName="deploy", PolicyName="fill")
    bench.deny_action().delete(state)

    assert DENY_ALL not in attached_to_role(bench)
    assert not can_list(lab, session)
    lab.advance(2)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))


def test_statements_of_others_in_our_policy_leave_no_room_and_are_written_over(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    others_policy = bench.admin().get_user_policy(UserName="ci-deploy", PolicyName="pipeline")
    used = len(json.dumps(others_policy["PolicyDocument"], separators=(",", ":")))
    junk = padded(2_048 - used - 20)
    name = "containment-inc-2026-0042"
    bench.admin().put_user_policy(UserName="ci-deploy", PolicyName=name, PolicyDocument=junk)

    state = deny(bench, world.ci_user)

    assert state.placement == "inline"
    assert not can_list(lab, world.leaked)
    assert "so it is written without that" in bench.words()
    bench.deny_action().delete(state)
    assert can_list(lab, world.leaked)


def fill_role(
    bench: Bench, path: str, name: str, deny: dict[str, str] | None, *, count: int = 10
) -> list[str]:
    """Fill the deploy role's inline policies, and attach *count* policies; return their ARNs."""
    iam = bench.admin()
    used = 0
    for policy in iam.list_role_policies(RoleName="deploy")["PolicyNames"]:
        document = iam.get_role_policy(RoleName="deploy", PolicyName=policy)["PolicyDocument"]
        used += len(json.dumps(document, separators=(",", ":")))
    fill = padded(10_240 - used - 40)
    iam.put_role_policy(RoleName="deploy", PolicyName="fill", PolicyDocument=fill)
    attached_policies = iam.list_attached_role_policies(RoleName="deploy")["AttachedPolicies"]
    for item in attached_policies:
        iam.detach_role_policy(RoleName="deploy", PolicyArn=item["PolicyArn"])
    for number in range(count):
        document = json.loads(padded(120))
        if deny is not None:
            document["Statement"].append({**deny, "Effect": "Deny", "Resource": "*"})
        made = iam.create_policy(
            PolicyName=f"{name}{number}", Path=path, PolicyDocument=json.dumps(document)
        )
        iam.attach_role_policy(RoleName="deploy", PolicyArn=made["Policy"]["Arn"])
    return attached_to_role(bench)


def attached_to_role(bench: Bench) -> list[str]:
    policies = bench.admin().list_attached_role_policies(RoleName="deploy")["AttachedPolicies"]
    return sorted(item["PolicyArn"] for item in policies)


def tags_of_role(bench: Bench) -> dict[str, str]:
    tag_list = bench.admin().list_role_tags(RoleName="deploy")["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tag_list}


def policy_id(bench: Bench, arn: str) -> str:
    return str(bench.admin().get_policy(PolicyArn=arn)["Policy"]["PolicyId"])


def boundary(bench: Bench) -> str | None:
    role = bench.admin().get_role(RoleName="deploy")["Role"]
    arn: str | None = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return arn


def test_no_room_for_the_fence_keeps_the_deny_and_says_so(bench: Bench) -> None:
    write_spec(bench, bench.lab.world.ci_user)
    state = deny(bench, bench.lab.world.ci_user)
    fill_inline(bench.admin())

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
    write_spec(bench, bench.lab.world.ci_user)
    fill_inline(bench.admin())
    state = deny(bench, bench.lab.world.ci_user)
    bench.admin().untag_user(UserName="ci-deploy", TagKeys=["containment:inc-2026-0042/AWSDenyAll"])

    with pytest.raises(ConflictError, match="is gone, and the state says"):
        bench.deny_action().delete(state)

    assert not can_list(bench.lab, bench.lab.world.leaked)


def fill_attachments(bench: Bench) -> list[str]:
    iam = bench.admin()
    arns = []
    for number in range(10):
        policy = iam.create_policy(PolicyName=f"m{number}", PolicyDocument=padded(120))["Policy"]
        iam.attach_user_policy(UserName="ci-deploy", PolicyArn=policy["Arn"])
        arns.append(policy["Arn"])
    return sorted(arns)


def tags(bench: Bench) -> dict[str, str]:
    tag_list = bench.admin().list_user_tags(UserName="ci-deploy")["Tags"]
    return {tag["Key"]: tag["Value"] for tag in tag_list}


def test_a_swap_that_was_cut_in_half_is_given_back(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    fill_inline(bench.admin())
    attached = fill_attachments(bench)
    events = bench.context.clients.iam.meta.events
    events.register("after-call.iam.DetachUserPolicy", lambda **_: bench.cancelled.set())

    with pytest.raises(UnfinishedError, match="cancelled before AttachUserPolicy") as caught:
        deny(bench, bench.lab.world.ci_user)
    assert len(attachments(bench)) == len(attached) - 1
    bench.cancelled.clear()
    caught_state = caught.value.state
    assert isinstance(caught_state, DenyState)
    bench.deny_action().delete(caught_state)

    assert attachments(bench) == attached
    assert tags(bench) == {"team": "platform", "service": "ci"}


def test_a_claim_that_says_less_than_the_state_gives_nothing_back(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    fill_inline(bench.admin())
    fill_attachments(bench)
    state = deny(bench, bench.lab.world.ci_user)
    claim(bench, f"AWSDenyAll=detached s={state.snapshot_id} g=1")

    with pytest.raises(ConflictError, match="decide"):
        bench.deny_action().delete(state)

    assert "arn:aws:iam::aws:policy/AWSDenyAll" in attachments(bench)


def test_a_forged_claim_attaches_nothing(bench: Bench) -> None:
    write_spec(bench, bench.lab.world.ci_user)
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
    write_spec(bench, bench.lab.world.ci_user)
    lab, world = bench.lab, bench.lab.world
    token = minted(lab, world.leaked)
    fill_inline(bench.admin())
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName="fill")

    bench.snapshot_action().delete(taken)

    assert attachments(bench) == []
    assert not can_list(lab, token)
    lab.advance(2)
    assert can_list(lab, minted(lab, world.leaked))


def attachments(bench: Bench) -> list[str]:
    policies = bench.admin().list_attached_user_policies(UserName="ci-deploy")["AttachedPolicies"]
    return sorted(item["PolicyArn"] for item in policies)


def claim(bench: Bench, value: str) -> None:
    key = "containment:inc-2026-0042/AWSDenyAll"
    bench.admin().tag_user(UserName="ci-deploy", Tags=[{"Key": key, "Value": value}])
