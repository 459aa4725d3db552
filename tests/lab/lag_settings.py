"""Every kind of state that lags: how to set it up, a probe of it, and a change to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.lab.matrix.bench import allow, deny, policy, trust
from tests.support.api_keys import bears

if TYPE_CHECKING:
    from containment.lab.testing import Lab


@dataclass
class Scene:
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


Change = Callable[[Scene], None]
Setting = Callable[[Scene], tuple[Callable[[], bool], Change]]


def key_status(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    return lambda: scene.may(keys), lambda g: g.iam.update_access_key(
        UserName="victim", AccessKeyId=keys.access_key_id, Status="Inactive"
    )


def api_key_status(scene: Scene) -> tuple[Callable[[], bool], Change]:
    scene.victim()
    models = policy(allow(["bedrock:ListCustomModels", "bedrock:CallWithBearerToken"]))
    scene.iam.put_user_policy(UserName="victim", PolicyName="models", PolicyDocument=models)
    made = scene.iam.create_service_specific_credential(
        UserName="victim", ServiceName="bedrock.amazonaws.com"
    )["ServiceSpecificCredential"]
    return lambda: bears(
        scene.lab.endpoint, made["ServiceCredentialSecret"]
    ), lambda g: g.iam.update_service_specific_credential(
        UserName="victim",
        ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"],
        Status="Inactive",
    )


def key_deletion(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    return lambda: scene.may(keys), lambda g: g.iam.delete_access_key(
        UserName="victim", AccessKeyId=keys.access_key_id
    )


def user_deletion(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()

    def change(g: Scene) -> None:
        g.iam.delete_access_key(UserName="victim", AccessKeyId=keys.access_key_id)
        g.iam.delete_user_policy(UserName="victim", PolicyName="p")
        g.iam.delete_user(UserName="victim")

    return lambda: scene.may(keys), change


def inline_policy(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    return lambda: scene.may(keys), lambda g: g.iam.put_user_policy(
        UserName="victim", PolicyName="deny", PolicyDocument=policy(deny("*"))
    )


def attachment(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    return lambda: scene.may(keys), lambda g: g.iam.attach_user_policy(
        UserName="victim", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll"
    )


def managed_version(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    arn = scene.iam.create_policy(PolicyName="m", PolicyDocument=policy(allow("s3:*")))["Policy"][
        "Arn"
    ]
    scene.iam.attach_user_policy(UserName="victim", PolicyArn=arn)
    return lambda: scene.may(keys), lambda g: g.iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=policy(deny("*")), SetAsDefault=True
    )


def boundary(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    arn = scene.iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"][
        "Arn"
    ]
    return lambda: scene.may(keys), lambda g: g.iam.put_user_permissions_boundary(
        UserName="victim", PermissionsBoundary=arn
    )


def group_policy(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    scene.iam.create_group(GroupName="g")
    scene.iam.add_user_to_group(GroupName="g", UserName="victim")
    return lambda: scene.may(keys), lambda g: g.iam.put_group_policy(
        GroupName="g", PolicyName="d", PolicyDocument=policy(deny("*"))
    )


def group_membership(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    scene.iam.create_group(GroupName="g")
    scene.iam.put_group_policy(GroupName="g", PolicyName="d", PolicyDocument=policy(deny("*")))
    return lambda: scene.may(keys), lambda g: g.iam.add_user_to_group(
        GroupName="g", UserName="victim"
    )


def principal_tag(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    block = {"StringEquals": {"aws:PrincipalTag/quarantined": "yes"}}
    scene.iam.put_user_policy(
        UserName="victim", PolicyName="d", PolicyDocument=policy(deny("*", Condition=block))
    )
    return lambda: scene.may(keys), lambda g: g.iam.tag_user(
        UserName="victim", Tags=[{"Key": "quarantined", "Value": "yes"}]
    )


def role_policy(scene: Scene) -> tuple[Callable[[], bool], Change]:
    session = scene.session()
    return lambda: scene.may(session), lambda g: g.iam.put_role_policy(
        RoleName="victim", PolicyName="d", PolicyDocument=policy(deny("*"))
    )


def role_deletion(scene: Scene) -> tuple[Callable[[], bool], Change]:
    session = scene.session()

    def change(g: Scene) -> None:
        g.iam.delete_role_policy(RoleName="victim", PolicyName="p")
        g.iam.delete_role(RoleName="victim")

    return lambda: scene.may(session), change


def trust_policy(scene: Scene) -> tuple[Callable[[], bool], Change]:
    scene.session()
    world = scene.lab.world

    def probe() -> bool:
        try:
            scene.lab.client("sts", world.admin).assume_role(
                RoleArn=f"arn:aws:iam::{world.account}:role/victim", RoleSessionName="again"
            )
        except ClientError:
            return False
        return True

    return probe, lambda g: g.iam.update_assume_role_policy(
        RoleName="victim", PolicyDocument=trust({"AWS": "*"}, effect="Deny")
    )


def attached_to_a_group(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    scene.iam.create_group(GroupName="g")
    scene.iam.add_user_to_group(GroupName="g", UserName="victim")
    return lambda: scene.may(keys), lambda g: g.iam.attach_group_policy(
        GroupName="g", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll"
    )


def detachment(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    scene.iam.attach_user_policy(UserName="victim", PolicyArn=arn)
    scene.iam.delete_user_policy(UserName="victim", PolicyName="p")
    return lambda: scene.may(keys), lambda g: g.iam.detach_user_policy(
        UserName="victim", PolicyArn=arn
    )


def older_version(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    made = scene.iam.create_policy(PolicyName="m", PolicyDocument=policy(deny("*")))["Policy"]
    scene.iam.create_policy_version(
        PolicyArn=made["Arn"], PolicyDocument=policy(allow("s3:*")), SetAsDefault=True
    )
    scene.iam.attach_user_policy(UserName="victim", PolicyArn=made["Arn"])
    return lambda: scene.may(keys), lambda g: g.iam.set_default_policy_version(
        PolicyArn=made["Arn"], VersionId="v1"
    )


def boundary_of_a_role(scene: Scene) -> tuple[Callable[[], bool], Change]:
    session = scene.session()
    made = scene.iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"]
    return lambda: scene.may(session), lambda g: g.iam.put_role_permissions_boundary(
        RoleName="victim", PermissionsBoundary=made["Arn"]
    )


def revocation_of_sessions(scene: Scene) -> tuple[Callable[[], bool], Change]:
    session = scene.session()
    block = {"DateLessThan": {"aws:TokenIssueTime": "2199-01-01T00:00:00Z"}}
    return lambda: scene.may(session), lambda g: g.iam.put_role_policy(
        RoleName="victim",
        PolicyName="AWSRevokeOlderSessions",
        PolicyDocument=policy(deny("*", Condition=block)),
    )


def rename(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    named_so = {"StringEquals": {"aws:username": "victim"}}
    scene.iam.put_user_policy(
        UserName="victim", PolicyName="p", PolicyDocument=policy(allow("iam:*", Condition=named_so))
    )
    return lambda: scene.may(keys), lambda g: g.iam.update_user(
        UserName="victim", NewUserName="renamed"
    )


def _control_policy(scene: Scene, document: str, kind: str = "SERVICE_CONTROL_POLICY") -> str:
    created = scene.organizations.create_policy(
        Name="guard", Description="d", Content=document, Type=kind
    )
    return str(created["Policy"]["PolicySummary"]["Id"])


_DENIES_LISTS = policy(deny("iam:ListUsers"))
_CLOSED_BUCKETS = policy(
    {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"}
)


def control_policy_attachment(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    guard = _control_policy(scene, _DENIES_LISTS)
    return lambda: scene.may(keys), lambda g: g.organizations.attach_policy(
        PolicyId=guard, TargetId=g.lab.world.account
    )


def control_policy_content(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    guard = _control_policy(scene, policy(allow("*")))
    scene.organizations.attach_policy(PolicyId=guard, TargetId=scene.lab.world.account)
    return lambda: scene.may(keys), lambda g: g.organizations.update_policy(
        PolicyId=guard, Content=_DENIES_LISTS
    )


def control_policy_of_the_root(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    guard = _control_policy(scene, _DENIES_LISTS)
    root = scene.organizations.list_roots()["Roots"][0]["Id"]
    return lambda: scene.may(keys), lambda g: g.organizations.attach_policy(
        PolicyId=guard, TargetId=root
    )


def control_policy_detachment(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    only = _control_policy(scene, policy(allow("s3:*")))
    scene.organizations.attach_policy(PolicyId=only, TargetId=scene.lab.world.account)
    return lambda: scene.may(keys), lambda g: g.organizations.detach_policy(
        PolicyId="p-FullAWSAccess", TargetId=g.lab.world.account
    )


def move_to_another_unit(scene: Scene) -> tuple[Callable[[], bool], Change]:
    keys = scene.victim()
    organizations, account = scene.organizations, scene.lab.world.account
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="Quarantine")
    unit_id = unit["OrganizationalUnit"]["Id"]
    organizations.attach_policy(PolicyId=_control_policy(scene, _DENIES_LISTS), TargetId=unit_id)
    home = organizations.list_parents(ChildId=account)["Parents"][0]["Id"]
    return lambda: scene.may(keys), lambda g: g.organizations.move_account(
        AccountId=account, SourceParentId=home, DestinationParentId=unit_id
    )


def _reads(scene: Scene) -> Callable[[], bool]:
    world = scene.lab.world

    def probe() -> bool:
        try:
            scene.lab.client("s3", world.leaked).list_objects_v2(Bucket=world.bucket)
        except ClientError:
            return False
        return True

    return probe


def resource_control_attachment(scene: Scene) -> tuple[Callable[[], bool], Change]:
    guard = _control_policy(scene, _CLOSED_BUCKETS, "RESOURCE_CONTROL_POLICY")
    return _reads(scene), lambda g: g.organizations.attach_policy(
        PolicyId=guard, TargetId=g.lab.world.account
    )


def resource_control_content(scene: Scene) -> tuple[Callable[[], bool], Change]:
    harmless = _CLOSED_BUCKETS.replace("s3:ListBucket", "s3:DeleteBucket")
    guard = _control_policy(scene, harmless, "RESOURCE_CONTROL_POLICY")
    scene.organizations.attach_policy(PolicyId=guard, TargetId=scene.lab.world.account)
    return _reads(scene), lambda g: g.organizations.update_policy(
        PolicyId=guard, Content=_CLOSED_BUCKETS
    )


OF_IAM: list[Setting] = [
    key_status,
    api_key_status,
    key_deletion,
    user_deletion,
    inline_policy,
    attachment,
    detachment,
    managed_version,
    older_version,
    boundary,
    boundary_of_a_role,
    group_policy,
    attached_to_a_group,
    group_membership,
    principal_tag,
    rename,
    role_policy,
    revocation_of_sessions,
    role_deletion,
    trust_policy,
]
OF_SCP: list[Setting] = [
    control_policy_attachment,
    control_policy_content,
    control_policy_of_the_root,
    control_policy_detachment,
    move_to_another_unit,
    resource_control_attachment,
    resource_control_content,
]
EVERY = [*OF_IAM, *OF_SCP]
