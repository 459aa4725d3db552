"""A refused call has changed nothing, whatever it was refused for.

Every operation of IAM, Organizations and STS that changes something is sent with each of its
parameters left out, wrong, too long, malformed or over a quota; the state of all accounts is
compared before and after every refusal.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.core.utils import get_service_model
from moto.iam.models import AWSManagedPolicy

from containment.lab.protocol import value_checks
from containment.lab.protocol.services import is_mutating
from containment.lab.services.iam.api import LabIam
from containment.lab.services.organizations import LabOrganizations
from containment.lab.services.sts import LabSts
from containment.lab.state import moto_state
from tests.lab.certificates import certificate, ssh_key
from tests.lab.matrix.bench import allow, policy
from tests.lab.unchanged import contents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

Parameters = dict[str, Any]
HANDLERS = {"iam": LabIam, "organizations": LabOrganizations, "sts": LabSts}
SMALL = policy(allow("s3:ListAllMyBuckets"))
LONG = policy(*(allow("s3:GetObject", f"arn:aws:s3:::bucket-{n:04d}/*") for n in range(150)))
_TASKS = "arn:aws:iam::aws:policy/root-task"
_TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole"}


def trust(*principals: str, conditions: int = 0) -> str:
    more = {"Condition": {"StringEquals": {"sts:ExternalId": [f"id-{n:05d}" for n in range(400)]}}}
    return policy(
        *(
            {**_TRUST, "Principal": {"AWS": one}, **(more if conditions else {})}
            for one in principals
        )
    )


def tags(count: int) -> list[dict[str, str]]:
    return [{"Key": f"k{n}", "Value": "v"} for n in range(count)]


# What a parameter may hold besides what it should: by the end of its name.
DOCUMENTS = [
    "{",
    "[]",
    '"x"',
    "{}",
    '{"Version": "2012-10-17"}',
    LONG,
    policy({**allow("s3:*"), "Sid": "not alphanumeric!"}),
    policy({**allow("s3:*"), "Condition": {"StringResembles": {"aws:username": "x"}}}),
    policy({**allow("s3:*"), "Principal": "*"}),
    trust("arn:aws:iam::111122223333:user/people/nobody"),
    trust("arn:aws:iam::111122223333:root", conditions=1),
    "x" * 200_000,
]
WRONG: dict[str, list[Any]] = {
    "Document": DOCUMENTS,
    "Policy": DOCUMENTS,
    "Content": DOCUMENTS,
    "Tags": [
        tags(51),
        [*tags(2), *tags(1)],
        [{"Key": "aws:x", "Value": "v"}],
        [{"Key": "", "Value": "v"}],
        [{"Key": "k" * 129, "Value": "v"}],
        [{"Key": "k", "Value": "v" * 257}],
        [{"Key": "<>", "Value": "<>"}],
    ],
    "TagKeys": [["k" * 129], [f"k{n}" for n in range(60)]],
    "Status": ["Sleeping", ""],
    "Path": ["no-slash", "/" + "x" * 600 + "/"],
    "Password": ["x", "", "p" * 200],
    "Duration": [0, -1, 10**7],
    "DurationSeconds": [0, -1, 10**7],
    "Age": [0, 10**6],
    "Length": [0, 10**6],
    "Days": [0, 10**6],
    "PolicyArns": [[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}] * 12, [{"arn": "nothing"}]],
    "List": [["x" * 400] * 3],
    "Body": ["no certificate", "", "x" * 20_000],
}
ANY = ["nobody-there", "", "x" * 3000, "ALICE"]


def wrong_values(name: str, kind: str) -> list[Any]:
    for ending, values in WRONG.items():
        kinds = {list: "list", int: "integer", str: "string"}
        if name.endswith(ending) and kinds[type(values[0])] == kind:
            return values
    others: dict[str, list[Any]] = {"string": ANY, "integer": [0, -1, 10**7], "long": [0, 10**9]}
    return others.get(kind, [])


class Scene:
    """An account that has one of everything, and a user, role and group at every quota."""

    def __init__(self, lab: Lab) -> None:
        self.lab, world = lab, lab.world
        self.iam = lab.client("iam", world.admin)
        self.clients = {
            "iam": self.iam,
            "organizations": lab.client("organizations", world.management_admin),
            "sts": lab.client("sts", world.bystander),
        }
        self.account = world.account
        iam = self.iam
        arns = [
            iam.create_policy(PolicyName=f"p{n}", PolicyDocument=SMALL)["Policy"]["Arn"]
            for n in range(12)
        ]
        for _ in range(4):
            iam.create_policy_version(PolicyArn=arns[1], PolicyDocument=SMALL)
        iam.create_policy_version(PolicyArn=arns[0], PolicyDocument=SMALL)
        for n in range(11):
            iam.create_group(GroupName=f"g{n}")
        for name in ("full", "alice"):
            self._give_credentials(name)
        iam.create_group(GroupName="full")
        iam.create_role(
            RoleName="full",
            AssumeRolePolicyDocument=trust(f"arn:aws:iam::{self.account}:root"),
            Tags=tags(50),
        )
        for n in range(10):
            iam.attach_user_policy(UserName="full", PolicyArn=arns[n])
            iam.attach_role_policy(RoleName="full", PolicyArn=arns[n])
            iam.attach_group_policy(GroupName="full", PolicyArn=arns[n])
            iam.add_user_to_group(UserName="full", GroupName=f"g{n}")
        iam.add_user_to_group(UserName="alice", GroupName="g0")
        for put, owner, count in (
            (iam.put_user_policy, {"UserName": "full"}, 20),
            (iam.put_role_policy, {"RoleName": "full"}, 110),
            (iam.put_group_policy, {"GroupName": "full"}, 55),
        ):
            resources = [f"arn:aws:s3:::bucket-{n:04d}/{'x' * 60}" for n in range(count)]
            put(**owner, PolicyName="work", PolicyDocument=policy(allow("s3:*", resources)))
        iam.put_group_policy(GroupName="g0", PolicyName="work", PolicyDocument=SMALL)
        iam.attach_group_policy(GroupName="g0", PolicyArn=arns[0])
        iam.attach_user_policy(UserName="alice", PolicyArn=arns[0])
        iam.attach_role_policy(RoleName="reporting", PolicyArn=arns[0])
        for put, owner in (
            (iam.put_user_permissions_boundary, {"UserName": "alice"}),
            (iam.put_role_permissions_boundary, {"RoleName": "reporting"}),
        ):
            put(**owner, PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess")
        iam.create_instance_profile(InstanceProfileName="machine")
        iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="reporting")
        iam.create_account_alias(AccountAlias="company")
        issuer = iam.create_open_id_connect_provider(
            Url="https://issuer.example", ClientIDList=["a"], ThumbprintList=["a" * 40]
        )["OpenIDConnectProviderArn"]
        from containment.lab.authn import saml  # noqa: PLC0415 -- heavy

        directory = iam.create_saml_provider(Name="directory", SAMLMetadataDocument=saml.metadata())
        user = iam.list_ssh_public_keys(UserName="alice")["SSHPublicKeys"][0]
        certificates = iam.list_signing_certificates(UserName="alice")["Certificates"]
        single = iam.list_service_specific_credentials(UserName="alice")
        management = self.clients["organizations"]
        root = management.list_roots()["Roots"][0]["Id"]
        unit = management.list_organizational_units_for_parent(ParentId=root)
        scp = management.create_policy(
            Name="scp", Description="d", Type="SERVICE_CONTROL_POLICY", Content=SMALL
        )["Policy"]["PolicySummary"]["Id"]
        management.attach_policy(PolicyId=scp, TargetId=self.account)
        self.values: Parameters = {
            "UserName": "alice",
            "RoleName": "reporting",
            "GroupName": "g0",
            "PolicyName": "work",
            "PolicyDocument": SMALL,
            "AssumeRolePolicyDocument": trust(f"arn:aws:iam::{self.account}:root"),
            "PolicyArn": arns[0],
            "VersionId": "v2",
            "PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess",
            "InstanceProfileName": "machine",
            "AccessKeyId": world.bystander.access_key_id,
            "Status": "Inactive",
            "SSHPublicKeyId": user["SSHPublicKeyId"],
            "SSHPublicKeyBody": ssh_key(),
            "CertificateId": certificates[0]["CertificateId"],
            "CertificateBody": certificate(),
            "ServiceSpecificCredentialId": single["ServiceSpecificCredentials"][0][
                "ServiceSpecificCredentialId"
            ],
            "ServiceName": "bedrock.amazonaws.com",
            "OpenIDConnectProviderArn": issuer,
            "ClientID": "b",
            "ThumbprintList": ["b" * 40],
            "Url": "https://another.example",
            "SAMLProviderArn": directory["SAMLProviderArn"],
            "SAMLMetadataDocument": saml.metadata(),
            "Password": "Another-horse-9",
            "OldPassword": "Correct-horse-9",
            "NewPassword": "Another-horse-9",
            "AccountAlias": "company",
            "AWSServiceName": "ecs.amazonaws.com",
            "Tags": tags(2),
            "TagKeys": ["k0"],
            "Path": "/x/",
            "NewPath": "/y/",
            "Description": "d",
            "PolicyId": scp,
            "TargetId": self.account,
            "Content": SMALL,
            "Type": "SERVICE_CONTROL_POLICY",
            "PolicyType": "SERVICE_CONTROL_POLICY",
            "RootId": root,
            "ParentId": root,
            "AccountId": self.account,
            "ResourceId": self.account,
            "SourceParentId": unit["OrganizationalUnits"][0]["Id"],
            "DestinationParentId": root,
            "OrganizationalUnitId": unit["OrganizationalUnits"][0]["Id"],
            "ServicePrincipal": "access-analyzer.amazonaws.com",
            "AccountName": "new",
            "Email": "new@example.com",
            "RoleArn": f"arn:aws:iam::{self.account}:role/reporting",
            "RoleSessionName": "night",
            "DurationSeconds": 900,
            "Policy": SMALL,
            "TargetPrincipal": self.account,
            "TaskPolicyArn": {
                "arn": "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials"
            },
        }
        self.full: Parameters = {
            "UserName": "full",
            "RoleName": "full",
            "GroupName": "full",
            "PolicyArn": arns[1],
            "PolicyName": "more",
        }
        self.attachable = arns[11]
        self._kept, self._sessions = self._copy(), list(lab._server.gate.sessions)

    def _give_credentials(self, name: str) -> None:
        """Give a user one credential of each kind, or as many as it can have."""
        iam, full = self.iam, name == "full"
        if full:
            iam.create_user(UserName=name, Tags=tags(50))
        for _ in range(2 if full else 1):
            if full:
                iam.create_access_key(UserName=name)
            iam.create_service_specific_credential(
                UserName=name, ServiceName="codecommit.amazonaws.com"
            )
            iam.upload_signing_certificate(UserName=name, CertificateBody=certificate())
        for _ in range(5 if full else 1):
            iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=ssh_key())
        iam.create_login_profile(UserName=name, Password="Correct-horse-9")
        serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        iam.enable_mfa_device(
            UserName=name,
            SerialNumber=serial["SerialNumber"],
            AuthenticationCode1="123456",
            AuthenticationCode2="654321",
        )

    def _states(self) -> list[Any]:
        accounts = (self.account, moto_state.MANAGEMENT_ACCOUNT)
        return [*map(moto_state.iam, accounts), moto_state.organization()]

    def _copy(self) -> list[dict[str, Any]]:
        return [self._copied(state, vars(state)) for state in self._states()]

    @staticmethod
    def _copied(state: Any, kept: dict[str, Any]) -> dict[str, Any]:
        shared = {id(state): state}
        for one in getattr(state, "managed_policies", {}).values():
            if isinstance(one, AWSManagedPolicy):
                shared[id(one)] = one
        return copy.deepcopy(kept, shared)

    def restore(self) -> None:
        for state, kept in zip(self._states(), self._kept, strict=True):
            vars(state).clear()
            vars(state).update(self._copied(state, kept))
        sessions = self.lab._server.gate.sessions
        sessions._by_key = {one.access_key_id: one for one in self._sessions}

    def state(self) -> str:
        return contents(self.lab._server.gate, ("iam", "organizations"))


def operations(service: str) -> list[str]:
    model = get_service_model(service)
    return [
        name
        for name in model.operation_names
        if hasattr(HANDLERS[service], xform_name(name))
        and (is_mutating(service, name) or service == "sts")
    ]


def variants(scene: Scene, service: str, operation: str) -> Iterator[Parameters]:
    shape = get_service_model(service).operation_model(operation).input_shape
    if shape is None:
        yield {}
        return
    members = [name for name in shape.members if name in scene.values]
    required = {name: scene.values[name] for name in members if name in shape.required_members}
    optional = {name: scene.values[name] for name in members}
    if "UserName" in members:
        required["UserName"] = scene.values["UserName"]
    yield required
    yield optional
    full = {name: scene.full.get(name, value) for name, value in required.items()}
    yield full
    yield {**full, "Tags": tags(1)} if "Tags" in members else full
    if operation.startswith("Attach") and "PolicyArn" in members:
        yield {**full, "PolicyArn": scene.attachable}
    if operation == "AddUserToGroup":
        yield {**full, "GroupName": "g10"}
    for name in shape.members:
        kind = shape.members[name].type_name
        base = {**required, **({name: optional[name]} if name in optional else {})}
        if name in required:
            yield {key: value for key, value in base.items() if key != name}
        for value in wrong_values(name, kind):
            yield {**base, name: value}
        # One of several changes is wrong: none of them is made.
        if len(optional) > len(required):
            yield from ({**optional, name: value} for value in wrong_values(name, kind)[:1])


@pytest.mark.parametrize("service", sorted(HANDLERS))
def test_a_refused_operation_has_changed_nothing(lab: Lab, service: str) -> None:
    scene = Scene(lab)
    gate = lab._server.gate
    refused: Counter[str] = Counter()
    changed: list[str] = []
    for operation in operations(service):
        call = getattr(scene.clients[service], xform_name(operation))
        before = scene.state()
        shape = get_service_model(service).operation_model(operation).input_shape
        for parameters in variants(scene, service, operation):
            # What the model's own constraints refuse never reaches the operation: once will do.
            if refused[operation] and shape and value_checks.violations(shape, parameters):
                continue
            try:
                call(**parameters)
            except (ClientError, ResponseParserError) as error:
                refused[operation] += 1
                crash = gate.status.errors[-1:] if gate.status.evaluator_errors else []
                gate.status.errors, gate.status.evaluator_errors = [], 0
                if crash:
                    last = crash[0].strip().splitlines()[-1]
                    changed.append(f"{operation} crashed ({last}): {json.dumps(parameters)[:200]}")
                if scene.state() != before:
                    shown = json.dumps(parameters, default=str)[:300]
                    changed.append(f"{operation} {shown}: {error}")
                    scene.restore()
            else:
                scene.restore()
                # An account that was made stays: a copy holds those that were there.
                before = scene.state()
    assert changed == []
    never = set(operations(service)) - set(refused)
    assert never <= UNREFUSED


# Operations without a parameter, for a caller who may.
UNREFUSED = {
    "DeleteAccountPasswordPolicy",
    "DisableOrganizationsRootCredentialsManagement",
    "DisableOrganizationsRootSessions",
    "EnableOrganizationsRootCredentialsManagement",
    "EnableOrganizationsRootSessions",
    "GetCallerIdentity",
    "LeaveOrganization",
    "DeleteOrganization",
}
