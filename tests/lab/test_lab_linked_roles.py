"""Service-linked roles: no control policy limits them, and nobody but their service edits them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.builder import Builder
from containment.lab.state import moto_state
from tests.lab.matrix.bench import allow, deny, policy, trust

if TYPE_CHECKING:
    from containment.lab.scenario.world import Credentials
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def lists(lab: Lab, credentials: Credentials) -> bool:
    try:
        lab.client("iam", credentials).list_users()
    except ClientError:
        return False
    return True


@pytest.mark.parametrize("kind", ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"])
def test_a_control_policy_leaves_a_service_linked_role_alone(lab: Lab, kind: str) -> None:
    world, sessions = lab.world, lab._server.gate.sessions
    iam = lab.client("iam", world.admin)
    linked = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]["RoleName"]
    own = f"arn:aws:iam::{world.account}:root"
    iam.create_role(RoleName="plain", AssumeRolePolicyDocument=trust({"AWS": own}))
    may = policy(allow(["iam:ListUsers", "s3:ListBucket"]))
    for name in (linked, "plain"):
        moto_state.iam(world.account).roles[moto_state.role_id(world.account, name)].put_policy(
            "p", may
        )
    here = Builder(world.account, sessions)
    service, worker = here.session(linked, "ecs"), here.session("plain", "work")
    assert lists(lab, service)
    assert lists(lab, worker)

    organizations = lab.client("organizations", world.management_admin)
    closed = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    document = policy(deny("iam:*")) if kind.startswith("SERVICE") else policy(closed)
    made = organizations.create_policy(Content=document, Name="g", Description="d", Type=kind)
    organizations.attach_policy(
        PolicyId=made["Policy"]["PolicySummary"]["Id"], TargetId=world.account
    )

    def reads(credentials: Credentials) -> bool:
        try:
            lab.client("s3", credentials).list_objects_v2(Bucket=world.bucket)
        except ClientError:
            return False
        return True

    if kind.startswith("SERVICE"):
        assert (lists(lab, service), lists(lab, worker)) == (True, False)
    else:
        assert (reads(service), reads(worker)) == (True, False)
