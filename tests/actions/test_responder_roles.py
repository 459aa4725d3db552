"""Two roles, one that contains and one that lifts: what each can do, and what its holder cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario import inventory
from containment.lab.scenario.world import Credentials
from containment.profile import Profile
from containment.responder import DUTIES, Duty, permissions, policy
from tests.support.meddling import fill
from tests.support.party import Party
from tests.support.workbench import Bench, can_list, write_spec

pytestmark = pytest.mark.lab

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
NAMES: dict[Duty, str] = {"contain": "Contain", "lift": "Lift"}


VERSION = {"Version": "2012-10-17"}


def document(effect: str, action: str) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return json.dumps({**VERSION, "Statement": [statement]})


@dataclass
class Roles:
    """The two roles in a lab, and a bench for the holder of each."""

    profile: Profile
    credentials: dict[Duty, Credentials]
    bench_for: Callable[..., Bench]

    def bench(self, duty: Duty) -> Bench:
        return self.bench_for(self.credentials[duty])

    def client(self, duty: Duty, bench: Bench) -> Any:
        return bench.lab.client("iam", self.credentials[duty])


@pytest.fixture
def roles(lab: Any, bench_for: Callable[..., Bench]) -> Roles:
    world = lab.world
    iam, sts = lab.client("iam", world.admin), lab.client("sts", world.admin)
    root = {"Effect": "Allow", "Principal": {"AWS": world.account}, "Action": "sts:AssumeRole"}
    arns = {
        duty: iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({**VERSION, "Statement": [root]})
        )["Role"]["Arn"]
        for duty, name in NAMES.items()
    }
    profile = Profile(
        role=arns["contain"],
        lift_role=arns["lift"],
        responder=(world.responder_user,),
        pipeline=(world.deploy_role,),
        guard=(world.app_role,),
        break_glass=(world.break_glass_role,),
    )
    credentials: dict[Duty, Credentials] = {}
    for duty in DUTIES:
        text = json.dumps(policy(world.account, duty, profile=profile))
        iam.put_role_policy(RoleName=NAMES[duty], PolicyName="duty", PolicyDocument=text)
        issued = sts.assume_role(RoleArn=arns[duty], RoleSessionName="on-duty")["Credentials"]
        credentials[duty] = Credentials(
            issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]
        )
    return Roles(profile, credentials, bench_for)


@pytest.mark.parametrize("full", [False, True], ids=["inline", "AWSDenyAll and a swap"])
def test_one_role_contains_and_the_other_lifts_and_neither_needs_more_rights(
    roles: Roles, *, full: bool
) -> None:
    bench = roles.bench("contain")
    world = bench.lab.world
    if full:
        iam = bench.admin()
        fill(bench)
        for number in range(10):
            name = f"allow-{number}"
            made = iam.create_policy(PolicyName=name, PolicyDocument=document("Allow", "sqs:*"))
            iam.attach_user_policy(UserName="release-bot", PolicyArn=made["Policy"]["Arn"])
    before = inventory.take(bench.admin())
    party = Party(bench, bench.incident, world.release_user, disposition="false-positive")
    write_spec(bench, world.release_user)

    party.up()
    assert not can_list(bench.lab, world.release_key)
    contained = set(bench.calls)
    assert contained <= permissions("contain")

    party.bench = roles.bench("lift")
    party.down()
    assert can_list(bench.lab, world.release_key)
    assert set(party.bench.calls) <= permissions("lift")
    assert inventory.changes(before, inventory.take(bench.admin())) == []


def refused(call: Callable[..., Any], **values: Any) -> bool:
    try:
        call(**values)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return False


@pytest.mark.parametrize("duty", DUTIES)
def test_no_responder_role_makes_a_principal_or_a_credential_or_assumes_another_role(
    roles: Roles, duty: Duty
) -> None:
    bench = roles.bench(duty)
    iam = roles.client(duty, bench)
    sts = bench.lab.client("sts", roles.credentials[duty])

    assert refused(iam.create_user, UserName="mallory")
    assert refused(iam.create_access_key, UserName="alice")
    assert refused(iam.create_login_profile, UserName="alice", Password="Aa1!Aa1!Aa1!Aa1!")
    assert refused(iam.delete_access_key, UserName="alice", AccessKeyId="AKIAIOSFODNN7EXAMPLE")
    assert refused(iam.add_user_to_group, UserName="alice", GroupName="admins")
    glass = bench.lab.world.break_glass_role
    assert refused(sts.assume_role, RoleArn=glass, RoleSessionName="on-duty")


@pytest.mark.parametrize("duty", DUTIES)
def test_no_responder_role_changes_the_roles_that_contain_lift_review_guard_or_break_the_glass(
    roles: Roles, duty: Duty
) -> None:
    bench = roles.bench(duty)
    iam = roles.client(duty, bench)
    anything = document("Allow", "*")
    protected = [one for _, one in roles.profile.protected_in(bench.lab.world.account)]
    assert len(protected) == 6

    for one in protected:
        named = {f"{one.kind.capitalize()}Name": one.name}
        put = getattr(iam, f"put_{one.kind}_policy")
        attach = getattr(iam, f"attach_{one.kind}_policy")
        assert refused(put, **named, PolicyName="x", PolicyDocument=anything), one.arn
        assert refused(attach, **named, PolicyArn=DENY_ALL), one.arn
        assert refused(getattr(iam, f"tag_{one.kind}"), **named, Tags=[{"Key": "a", "Value": "b"}])
        if one.kind == "role":
            opened = json.dumps({**VERSION, "Statement": []})
            assert refused(iam.update_assume_role_policy, **named, PolicyDocument=opened), one.arn
        # It is looked at all the same.
        assert getattr(iam, f"get_{one.kind}")(**named)


def test_containing_attaches_nothing_but_awsdenyall_and_takes_nothing_of_ours_away(
    roles: Roles,
) -> None:
    bench = roles.bench("contain")
    iam = roles.client("contain", bench)

    assert refused(iam.attach_user_policy, UserName="alice", PolicyArn=ADMINISTRATOR)
    assert refused(iam.attach_role_policy, RoleName="reporting", PolicyArn=ADMINISTRATOR)
    iam.attach_user_policy(UserName="alice", PolicyArn=DENY_ALL)
    iam.detach_user_policy(UserName="alice", PolicyArn=DENY_ALL)
    iam.put_user_policy(UserName="alice", PolicyName="x", PolicyDocument=document("Deny", "*"))
    assert refused(iam.delete_user_policy, UserName="alice", PolicyName="x")


def test_lifting_detaches_nothing_but_awsdenyall(roles: Roles) -> None:
    bench = roles.bench("lift")
    iam = roles.client("lift", bench)
    bench.admin().attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    bench.admin().attach_user_policy(UserName="alice", PolicyArn=DENY_ALL)

    assert refused(iam.detach_user_policy, UserName="alice", PolicyArn=ADMINISTRATOR)
    iam.detach_user_policy(UserName="alice", PolicyArn=DENY_ALL)


@pytest.mark.parametrize("duty", DUTIES)
def test_of_everybody_else_the_holder_is_an_administrator(roles: Roles, duty: Duty) -> None:
    """IAM has no condition on what an inline policy says, so SECURITY.md has to."""
    bench = roles.bench(duty)
    iam = roles.client(duty, bench)
    anything = document("Allow", "*")
    as_alice = bench.lab.client("iam", bench.lab.world.bystander)
    assert refused(as_alice.create_user, UserName="mallory")

    iam.put_user_policy(UserName="alice", PolicyName="x", PolicyDocument=anything)

    assert as_alice.create_user(UserName="mallory")
