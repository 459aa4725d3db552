"""Enforcement lags behind what reads show, for every kind of state, in both models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from containment.lab.seed.world import Credentials
from tests.lab.matrix.bench import allow, deny, policy, trust

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab
SECONDS = 4.0
RESPONDER = "arn:aws:iam::*:user/admin/*"


@dataclass
class Ground:
    lab: Lab

    @property
    def iam(self) -> Any:
        return self.lab.client("iam", self.lab.world.admin)

    @property
    def organizations(self) -> Any:
        return self.lab.client("organizations", self.lab.world.management_admin)

    def may(self, credentials: Credentials, call: str = "list_users", service: str = "iam") -> bool:
        try:
            getattr(self.lab.client(service, credentials), call)()
        except ClientError:
            return False
        return True

    def victim(self) -> Credentials:
        """A user that may list users through its inline policy, its group and nothing else."""
        self.iam.create_user(UserName="victim")
        self.iam.put_user_policy(
            UserName="victim", PolicyName="p", PolicyDocument=policy(allow("iam:*"))
        )
        return self.key()

    def key(self) -> Credentials:
        key = self.iam.create_access_key(UserName="victim")["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def session(self) -> Credentials:
        arn = f"arn:aws:iam::{self.lab.world.account}:root"
        role = self.iam.create_role(
            RoleName="victim", AssumeRolePolicyDocument=trust({"AWS": arn})
        )["Role"]
        self.iam.put_role_policy(
            RoleName="victim", PolicyName="p", PolicyDocument=policy(allow("iam:*"))
        )
        made = self.lab.client("sts", self.lab.world.admin).assume_role(
            RoleArn=role["Arn"], RoleSessionName="session"
        )["Credentials"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


Change = Callable[[Ground], None]
Setting = Callable[[Ground], tuple[Callable[[], bool], Change]]


def key_status(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    return lambda: ground.may(keys), lambda g: g.iam.update_access_key(
        UserName="victim", AccessKeyId=keys.access_key_id, Status="Inactive"
    )


def key_deletion(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    return lambda: ground.may(keys), lambda g: g.iam.delete_access_key(
        UserName="victim", AccessKeyId=keys.access_key_id
    )


def user_deletion(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()

    def change(g: Ground) -> None:
        g.iam.delete_access_key(UserName="victim", AccessKeyId=keys.access_key_id)
        g.iam.delete_user_policy(UserName="victim", PolicyName="p")
        g.iam.delete_user(UserName="victim")

    return lambda: ground.may(keys), change


def inline_policy(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    return lambda: ground.may(keys), lambda g: g.iam.put_user_policy(
        UserName="victim", PolicyName="deny", PolicyDocument=policy(deny("*"))
    )


def attachment(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    return lambda: ground.may(keys), lambda g: g.iam.attach_user_policy(
        UserName="victim", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll"
    )


def managed_version(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    arn = ground.iam.create_policy(PolicyName="m", PolicyDocument=policy(allow("s3:*")))["Policy"][
        "Arn"
    ]
    ground.iam.attach_user_policy(UserName="victim", PolicyArn=arn)
    return lambda: ground.may(keys), lambda g: g.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=policy(deny("*")), SetAsDefault=True
    )


def boundary(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    arn = ground.iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"][
        "Arn"
    ]
    return lambda: ground.may(keys), lambda g: g.iam.put_user_permissions_boundary(
        UserName="victim", PermissionsBoundary=arn
    )


def group_policy(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    ground.iam.create_group(GroupName="g")
    ground.iam.add_user_to_group(GroupName="g", UserName="victim")
    return lambda: ground.may(keys), lambda g: g.iam.put_group_policy(
        GroupName="g", PolicyName="d", PolicyDocument=policy(deny("*"))
    )


def group_membership(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    ground.iam.create_group(GroupName="g")
    ground.iam.put_group_policy(GroupName="g", PolicyName="d", PolicyDocument=policy(deny("*")))
    return lambda: ground.may(keys), lambda g: g.iam.add_user_to_group(
        GroupName="g", UserName="victim"
    )


def principal_tag(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    block = {"StringEquals": {"aws:PrincipalTag/quarantined": "yes"}}
    ground.iam.put_user_policy(
        UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*", Condition=block))
    )
    return lambda: ground.may(keys), lambda g: g.iam.tag_user(
        UserName="victim", Tags=[{"Key": "quarantined", "Value": "yes"}]
    )


def role_policy(ground: Ground) -> tuple[Callable[[], bool], Change]:
    session = ground.session()
    return lambda: ground.may(session), lambda g: g.iam.put_role_policy(
        RoleName="victim", PolicyName="d", PolicyDocument=policy(deny("*"))
    )


def role_deletion(ground: Ground) -> tuple[Callable[[], bool], Change]:
    session = ground.session()

    def change(g: Ground) -> None:
        g.iam.delete_role_policy(RoleName="victim", PolicyName="p")
        g.iam.delete_role(RoleName="victim")

    return lambda: ground.may(session), change


def trust_policy(ground: Ground) -> tuple[Callable[[], bool], Change]:
    ground.session()
    world = ground.lab.world

    def probe() -> bool:
        try:
            ground.lab.client("sts", world.admin).assume_role(
                RoleArn=f"arn:aws:iam::{world.account}:role/victim", RoleSessionName="again"
            )
        except ClientError:
            return False
        return True

    return probe, lambda g: g.iam.update_assume_role_policy(
        RoleName="victim", PolicyDocument=trust({"AWS": "*"}, effect="Deny")
    )


def _control_policy(ground: Ground, document: str) -> str:
    created = ground.organizations.create_policy(
        Name="guard", Description="d", Content=document, Type="SERVICE_CONTROL_POLICY"
    )
    return str(created["Policy"]["PolicySummary"]["Id"])


def control_policy_attachment(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    guard = _control_policy(ground, policy(deny("iam:ListUsers")))
    return lambda: ground.may(keys), lambda g: g.organizations.attach_policy(
        PolicyId=guard, TargetId=g.lab.world.account
    )


def control_policy_content(ground: Ground) -> tuple[Callable[[], bool], Change]:
    keys = ground.victim()
    guard = _control_policy(ground, policy(allow("*")))
    ground.organizations.attach_policy(PolicyId=guard, TargetId=ground.lab.world.account)
    return lambda: ground.may(keys), lambda g: g.organizations.update_policy(
        PolicyId=guard, Content=policy(deny("iam:ListUsers"))
    )


OF_IAM: list[Setting] = [
    key_status,
    key_deletion,
    user_deletion,
    inline_policy,
    attachment,
    managed_version,
    boundary,
    group_policy,
    group_membership,
    principal_tag,
    role_policy,
    role_deletion,
    trust_policy,
]
OF_SCP: list[Setting] = [control_policy_attachment, control_policy_content]


def named(setting: Setting) -> str:
    return setting.__name__.replace("_", " ")


@pytest.mark.parametrize("setting", [*OF_IAM, *OF_SCP], ids=named)
def test_the_old_decision_holds_until_the_lag_has_passed(lab: Lab, setting: Setting) -> None:
    ground = Ground(lab)
    probe, change = setting(ground)
    lab.faults({"kind": "lag", "seconds": SECONDS})
    assert probe()

    change(ground)

    assert probe(), "the change was enforced at once"
    lab.advance(SECONDS - 1.5)
    assert probe(), "the change was enforced too early"
    lab.advance(2)
    assert not probe(), "the change is still not enforced"


@pytest.mark.parametrize("setting", OF_IAM, ids=named)
def test_with_the_responders_lag_alone_others_are_enforced_at_once(
    lab: Lab, setting: Setting
) -> None:
    ground = Ground(lab)
    probe, change = setting(ground)
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": "arn:aws:iam::*:role/Nobody"})

    change(ground)

    assert not probe()


@pytest.mark.parametrize("setting", OF_IAM, ids=named)
def test_the_responders_own_changes_lag(lab: Lab, setting: Setting) -> None:
    ground = Ground(lab)
    probe, change = setting(ground)
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": RESPONDER})

    change(ground)

    assert probe()
    lab.advance(SECONDS)
    assert not probe()


@pytest.mark.parametrize(
    ("scope", "setting", "lags"),
    [
        ("iam", inline_policy, True),
        ("scp", inline_policy, False),
        ("iam", control_policy_attachment, False),
        ("scp", control_policy_attachment, True),
    ],
)
def test_iam_and_control_policies_lag_apart(
    lab: Lab, scope: str, setting: Setting, *, lags: bool
) -> None:
    ground = Ground(lab)
    probe, change = setting(ground)
    lab.faults({"kind": "lag", "seconds": SECONDS, "scope": scope})

    change(ground)

    assert probe() is lags


def test_reads_are_current(lab: Lab) -> None:
    ground = Ground(lab)
    ground.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS})

    ground.iam.put_user_policy(UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*")))

    assert ground.iam.list_user_policies(UserName="victim")["PolicyNames"] == ["d", "p"]


def test_a_new_key_works_only_once_it_has_spread(lab: Lab) -> None:
    ground = Ground(lab)
    ground.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS})

    keys = ground.key()

    assert not ground.may(keys)
    lab.advance(SECONDS)
    assert ground.may(keys)


def test_two_changes_lag_each_from_its_own_moment(lab: Lab) -> None:
    ground = Ground(lab)
    keys = ground.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS})
    ground.iam.put_user_policy(UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*")))
    lab.advance(2)
    ground.iam.delete_user_policy(UserName="victim", PolicyName="d")
    assert ground.may(keys)

    lab.advance(2.5)
    assert not ground.may(keys), "the first change is enforced, the second is not yet"

    lab.advance(2)
    assert ground.may(keys)


def test_a_strip_by_the_thief_beats_a_deny_that_still_lags(lab: Lab) -> None:
    ground = Ground(lab)
    keys = ground.victim()
    lab.faults({"kind": "lag", "seconds": SECONDS, "principal": RESPONDER})
    ground.iam.put_user_policy(UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*")))

    lab.client("iam", keys).delete_user_policy(UserName="victim", PolicyName="d")

    lab.advance(SECONDS * 2)
    assert ground.may(keys)
