"""PrincipalSnapshot: how a principal was, and nothing of ours left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from containment.actions import ACTIONS
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.errors import ConflictError, NotFoundError, RefusedError
from containment.identities import parse_principal
from containment.lab.scenario.world import Credentials
from containment.lifecycle.context import Context
from containment.lifecycle.snapshot import SnapshotInputs as Inputs
from containment.preflight import refusals
from containment.profile import Profile
from tests.support.party import keep_ledgers
from tests.support.workbench import Bench, can_list, inline, write_spec

pytestmark = pytest.mark.lab

ALLOW = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}],
}


def checked(bench: Bench, arn: str, **more: Any) -> list[str]:
    """Return why nothing may be begun, by the check and by what is asked before a change."""
    inputs = Inputs(**bench.common(arn), **more)
    action = bench.snapshot_action()
    lacking = action.lacking(inputs)
    missing = [str(lacking)] if lacking else []
    return [str(failure.error) for failure in action.check(inputs, None)] or missing


def test_a_snapshot_remembers_the_user_and_changes_nothing(bench: Bench) -> None:
    world = bench.lab.world

    taken = bench.snapshot(world.release_user)

    assert bench.writes == []
    assert [policy.name for policy in taken.inline_policies] == ["release"]
    assert {key.access_key_id: key.status for key in taken.access_keys} == {
        world.release_key.access_key_id: "Active",
        world.release_inactive_key_id: "Inactive",
    }
    assert taken.tags == {"team": "platform"}
    assert taken.principal_id.startswith("AIDA")
    assert taken.emulated


def test_a_snapshot_makes_at_most_eight_calls_since_the_deny_waits_for_it(bench: Bench) -> None:
    iam = bench.admin()
    for number in range(7):
        iam.put_user_policy(
            UserName="ci-deploy",
            PolicyName=f"p{number}",
            PolicyDocument=json.dumps(ALLOW),
        )

    bench.snapshot(bench.lab.world.ci_user)

    assert len(bench.calls) <= 8


def test_a_snapshot_remembers_a_trust_policy_byte_for_byte(bench: Bench) -> None:
    raw = (
        '{ "Version":"2012-10-17",  "Statement": [{"Effect":"Allow",'
        '"Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}] }'
    )
    bench.admin().update_assume_role_policy(RoleName="app", PolicyDocument=raw)
    sent = bench.context.clients.iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]

    taken = bench.snapshot(bench.lab.world.app_role)

    assert taken.trust_policy == unquote(str(sent))
    assert json.loads(taken.trust_policy) == json.loads(raw)


def test_a_principal_that_is_not_there_is_named_with_the_next_command(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="containment resolve"):
        bench.snapshot("arn:aws:iam::111122223333:user/nobody")


def test_the_responder_is_refused(bench: Bench) -> None:
    assert "the principal you are acting as" in checked(bench, bench.lab.world.responder_role)[0]


def test_the_only_name_in_the_responder_roles_trust_policy_is_contained_and_warned_of(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    only = {
        "Effect": "Allow",
        "Principal": {"AWS": world.ci_user},
        "Action": "sts:AssumeRole",
    }
    bench.admin().update_assume_role_policy(
        RoleName="ContainmentResponder",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [only]}),
    )

    assert checked(bench, world.bystander_user) == []
    assert "trust policy" not in bench.words()
    assert checked(bench, world.ci_user) == []
    assert "names ci-deploy alone" in bench.words()
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert not can_list(lab, world.leaked)


def test_a_role_that_only_bears_the_name_of_one_of_identity_centers_is_contained(
    bench: Bench,
) -> None:
    name = "AWSReservedSSO_Admin_0123456789abcdef"
    trust = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    made = bench.admin().create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))

    assert checked(bench, made["Role"]["Arn"]) == []
    assert bench.snapshot(made["Role"]["Arn"]).snapshot_id


def test_who_assumed_the_configured_role_is_refused_whoever_else_may(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = bench.lab.world
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [world.responder_user, world.bystander_user]},
        "Action": "sts:AssumeRole",
    }
    bench.admin().update_assume_role_policy(
        RoleName="ContainmentResponder",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    for name, value in world.responder_user_key.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    clients = connect(role_arn=world.responder_role)
    caller = identify(clients.sts)

    def reasons_for(arn: str) -> list[str]:
        target = parse_principal(arn)
        reasons = refusals(
            target, clients=clients, caller=caller, break_glass=(), profile=Profile()
        )
        return [str(refusal) for refusal in reasons]

    (reason,) = reasons_for(world.responder_user)
    assert "role chain" in reason
    assert reasons_for(world.bystander_user) == []


def test_break_glass_is_refused(bench: Bench) -> None:
    role = bench.lab.world.break_glass_role

    assert "break-glass" in checked(bench, role, break_glass=(role,))[0]


@pytest.mark.parametrize("part", ["responder", "pipeline", "break_glass"])
def test_whom_the_profile_protects_is_refused(bench: Bench, part: str) -> None:
    role = bench.lab.world.break_glass_role
    assert checked(bench, role) == []

    # Capitals and paths do not tell two apart.
    pattern = f"arn:aws:iam::{{account}}:role/other/path/{role.rpartition('/')[2].upper()}"
    parts: dict[str, Any] = {part: (pattern,)}
    bench.context = replace(bench.context, profile=Profile(**parts))

    (reason,) = checked(bench, role)
    assert f"{part.replace('_', '-')} principal by containment.yaml" in reason


def test_the_profile_is_remembered_and_another_one_is_said(bench: Bench) -> None:
    before = bench.snapshot(bench.lab.world.bystander_user)
    assert before.profile is None

    bench.context = replace(bench.context, profile=Profile(sha256="ab" * 32))
    action = bench.snapshot_action()
    inputs = action.checked(Inputs(**bench.common(before.principal)))
    assert action.check(inputs, before) == []

    assert "containment.yaml is sha256 abababababab…, and was not there" in bench.words()
    assert action.update(before, inputs, preview=False).profile == "ab" * 32


@pytest.mark.parametrize(
    ("role", "instead"),
    [
        ("aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", "drives the service"),
        ("aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef", "Identity Center"),
    ],
)
def test_roles_that_iam_cannot_edit_are_refused_with_what_to_do_instead(
    bench: Bench, role: str, instead: str
) -> None:
    assert instead in checked(bench, f"arn:aws:iam::111122223333:role/{role}")[0]


def test_a_service_linked_role_named_without_its_path_is_refused_once_it_is_found(
    bench: Bench,
) -> None:
    made = bench.admin().create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]

    with pytest.raises(RefusedError, match="drives the service"):
        bench.snapshot(f"arn:aws:iam::111122223333:role/{made['RoleName']}")


def test_another_principal_is_let_through(bench: Bench) -> None:
    assert checked(bench, bench.lab.world.ci_user) == []


def test_a_principal_of_another_account_is_refused(bench: Bench) -> None:
    with pytest.raises(RefusedError, match="account 999999999999"):
        checked(bench, "arn:aws:iam::999999999999:user/ci-deploy")


def test_a_stack_of_another_endpoint_is_refused(bench: Bench) -> None:
    inputs = Inputs(**bench.common(bench.lab.world.ci_user))
    old = inputs.model_copy(update={"endpoint": "https://iam.amazonaws.com"})

    with pytest.raises(RefusedError, match="applied at https://iam"):
        bench.snapshot_action().check(inputs, old)


def test_credentials_that_end_soon_are_refused(bench: Bench) -> None:
    soon = bench.context.caller.answered_at + timedelta(minutes=14)
    context = Context(
        clients=bench.context.clients,
        who=bench.context.who,
        now=bench.context.now,
        directory=bench.directory,
        actions=ACTIONS,
        credentials_expire_at=soon,
    )
    action = type(bench.snapshot_action())(context)

    failures = action.check(Inputs(**bench.common(bench.lab.world.ci_user)), None)

    assert "less than 15 minutes" in str(failures[0].error)


def test_permissions_that_nothing_can_be_done_without_are_listed_at_once(
    bench_for: Callable[[Credentials], Bench], bench: Bench
) -> None:
    poor = bench_for(bench.lab.world.bystander)
    poor.admin().put_user_policy(
        UserName="alice",
        PolicyName="simulates",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "iam:SimulatePrincipalPolicy", "Resource": "*"}
                ],
            }
        ),
    )

    reasons = checked(poor, poor.lab.world.ci_user, uses=("DenyPolicy", "InactiveCredentials"))

    for name in ("iam:GetUser", "iam:PutUserPolicy", "iam:UpdateAccessKey", "iam:ListAccessKeys"):
        assert name in reasons[0]
    assert "containment responder-policy" in reasons[0]


def test_a_missing_permission_for_one_part_is_said_and_does_not_block(bench: Bench) -> None:
    bench.admin().put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="less",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": "iam:UpdateAccessKey", "Resource": "*"}],
            }
        ),
    )

    uses = ("DenyPolicy", "InactiveCredentials")
    assert checked(bench, bench.lab.world.ci_user, uses=uses) == []
    assert "lack iam:UpdateAccessKey" in bench.words()


def test_what_is_asked_before_the_first_deny_is_asked_once_for_all_principals(
    bench: Bench,
) -> None:
    world = bench.lab.world
    uses = ("DenyPolicy",)
    checks = [
        (bench.snapshot_action(), Inputs(**bench.common(arn), uses=uses))
        for arn in (world.ci_user, world.release_user, world.bystander_user)
    ]

    assert [action.check(inputs, None) for action, inputs in checks] == [[], [], []]
    own_role = list(bench.calls)
    assert [action.lacking(inputs) for action, inputs in checks] == [None, None, None]

    # The engine checks one after another: nothing in a check is a call a principal.
    assert own_role == ["iam:GetRole"]
    assert bench.calls == [*own_role, "iam:SimulatePrincipalPolicy"]


def test_a_deny_has_ten_calls_on_its_principal_before_it_at_most(bench: Bench) -> None:
    iam, document = bench.admin(), '{"Version": "2012-10-17", "Statement": []}'
    statement = '{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}'
    document = document.replace("[]", f"[{statement}]")
    for number in range(9):
        iam.put_user_policy(UserName="ci-deploy", PolicyName=f"p{number}", PolicyDocument=document)

    taken = bench.snapshot(bench.lab.world.ci_user, uses=("DenyPolicy",))
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert bench.calls.index("iam:PutUserPolicy") <= 10
    assert len(taken.inline_policies) == 10  # all by name; sizes are not waited for


def test_a_new_snapshot_of_a_contained_principal_is_refused(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    with pytest.raises(ConflictError, match="containment adopt"):
        bench.snapshot(bench.lab.world.ci_user)


def test_a_forged_mark_that_binds_nobody_does_not_stop_the_containing(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    forged = inline(bench, bench.lab.world.ci_user)
    assert forged is not None
    forged["Statement"][0]["Effect"] = "Allow"
    iam = bench.admin()
    iam.put_user_policy(
        UserName="ci-deploy",
        PolicyName="containment-inc-2026-0042",
        PolicyDocument=json.dumps(forged),
    )
    iam.tag_user(UserName="ci-deploy", Tags=[{"Key": "containment:inc-1999-0001", "Value": "x"}])
    bench.incident = "inc-2026-0043"

    again = bench.snapshot(bench.lab.world.ci_user)

    assert again.contested == (
        "inline policy containment-inc-2026-0042",
        "tag containment:inc-1999-0001",
    )
    # It allows, so nothing of ours is in it: it is remembered as what somebody else has there.
    assert "containment-inc-2026-0042" in {policy.name for policy in again.inline_policies}


def test_deleting_a_snapshot_lifts_what_an_interrupted_run_left(bench: Bench) -> None:
    world = bench.lab.world
    bench.leaked = (world.leaked.access_key_id,)
    write_spec(bench, world.ci_user)
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    bench.snapshot_action().delete(taken)

    remaining_policy = inline(bench, world.ci_user)
    assert remaining_policy is not None
    assert "aws:CurrentTime" in remaining_policy["Statement"][0]["Condition"]["DateLessThan"]
    assert "containment:inc-2026-0042" not in {
        tag["Key"] for tag in bench.admin().list_user_tags(UserName="ci-deploy")["Tags"]
    }
    assert not can_list(bench.lab, world.leaked)  # leaked, so it stays Inactive


def test_deleting_a_snapshot_gives_everything_back_after_a_false_alarm(bench: Bench) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    assert not can_list(bench.lab, world.leaked)

    bench.snapshot_action().delete(taken)

    assert inline(bench, world.ci_user) is None
    assert can_list(bench.lab, world.leaked)


def test_deleting_a_snapshot_leaves_the_marks_of_another_snapshot(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    bench.snapshot_action().delete(taken.model_copy(update={"snapshot_id": "0000000000"}))

    remaining_policy = inline(bench, bench.lab.world.ci_user)
    assert remaining_policy is not None
    assert "Condition" not in remaining_policy["Statement"][0]


def test_a_renamed_user_is_followed_by_its_id(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    bench.admin().update_user(UserName="ci-deploy", NewUserName="innocent", NewPath="/x/")

    live_state = bench.snapshot_action().read(taken)

    assert live_state is not None
    assert "user/x/innocent now" in bench.words()


def test_a_user_made_again_under_the_name_is_not_the_one_remembered(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    recreate_user(bench, "ci-deploy")

    assert bench.snapshot_action().read(taken) is None


def recreate_user(bench: Bench, name: str) -> None:
    iam = bench.admin()
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    iam.delete_user(UserName=name)
    iam.create_user(UserName=name, Path="/ci/")


def test_break_glass_is_refused_whatever_path_it_is_called_by(bench: Bench) -> None:
    glass = bench.lab.world.break_glass_role
    called = glass.replace(":role/", ":role/some/path/")

    assert "break-glass" in checked(bench, called, break_glass=(glass,))[0]


@pytest.mark.parametrize(
    "actions",
    [
        ["iam:GetUserPolicy"],
        ["iam:Put*", "iam:Update*", "iam:Attach*", "iam:Detach*", "iam:Delete*", "iam:*tag*"],
    ],
)
def test_one_read_or_all_changes_missing_is_refused(bench: Bench, actions: list[str]) -> None:
    statement = {"Effect": "Deny", "Action": actions, "Resource": "*"}
    bench.admin().put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="less",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )

    (reason,) = checked(bench, bench.lab.world.ci_user, uses=("DenyPolicy", "InactiveCredentials"))

    assert "containment responder-policy" in reason


def test_a_new_snapshot_of_a_user_whose_leaked_key_is_held_is_refused(bench: Bench) -> None:
    world = bench.lab.world
    bench.leaked = (world.leaked.access_key_id,)
    taken = bench.snapshot(world.ci_user)
    bench.keys_action().create(bench.keys_inputs(taken, "leaked"), preview=False)

    with pytest.raises(ConflictError, match="containment adopt"):
        bench.snapshot(world.ci_user)


def test_a_new_snapshot_of_a_user_under_aws_deny_all_is_refused(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.ci_user)
    admin = bench.admin()
    admin.put_user_policy(
        UserName="ci-deploy",
        PolicyName="fill",
        PolicyDocument=json.dumps(ALLOW).replace("sqs:ListQueues", "sqs:" + "x" * 1400),
    )
    denied = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    assert denied.placement == "AWSDenyAll"

    with pytest.raises(ConflictError, match="containment adopt"):
        bench.snapshot(bench.lab.world.ci_user)


def test_a_renamed_user_under_its_new_name_is_refused_with_the_name_it_had(bench: Bench) -> None:
    keep_ledgers(bench)
    world = bench.lab.world
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.admin().update_user(UserName="ci-deploy", NewUserName="ci-deploy-2")

    with pytest.raises(ConflictError) as caught:
        bench.snapshot("arn:aws:iam::111122223333:user/ci/ci-deploy-2")

    assert f"write 'user: {world.ci_user}'" in caught.value.remedy
