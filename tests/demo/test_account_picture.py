"""A picture of an account misses nothing that containing and lifting could change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.handlers import json_decode_policies

from containment.lab.scenario import inventory
from containment.lab.testing import Lab
from tests.lab.certificates import certificate, ssh_key
from tests.support.kept_credentials import credentials_from_state

pytestmark = pytest.mark.lab

DENY = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}'
SPACED = DENY.replace(":{", ": {")
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"AWS":"arn:aws:iam::111122223333:root"}}]}'
)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def iam(lab: Lab) -> Any:
    return lab.client("iam", lab.world.admin)


def test_an_untouched_account_is_identical_and_looking_changes_nothing(lab: Lab, iam: Any) -> None:
    own = iam.create_policy(PolicyName="own", PolicyDocument=DENY)["Policy"]["Arn"]
    before, changed = inventory.take(iam), lab.status()["mutations"]["total"]

    iam.get_policy(PolicyArn=own)
    after = inventory.take(iam)

    assert inventory.changes(before, after) == []
    assert inventory.digest(before) == inventory.digest(after)
    assert lab.status()["mutations"]["total"] == changed
    assert len(before) > 100


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        (
            lambda iam: iam.put_user_policy(UserName="alice", PolicyName="x", PolicyDocument=DENY),
            ["user alice, UserPolicyList x, PolicyDocument"],
        ),
        (
            lambda iam: iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=TRUST),
            ["role deploy, AssumeRolePolicyDocument"],
        ),
        (
            lambda iam: iam.attach_role_policy(RoleName="deploy", PolicyArn=ADMIN),
            [
                "role deploy, AttachedManagedPolicies",
                "role deploy, AttachedManagedPolicies AdministratorAccess, PolicyArn",
            ],
        ),
        (
            lambda iam: iam.tag_user(UserName="alice", Tags=[{"Key": "x", "Value": "y"}]),
            ["user alice, tag x"],
        ),
        (
            lambda iam: iam.tag_role(RoleName="app", Tags=[{"Key": "x", "Value": "y"}]),
            ["role app, tag x"],
        ),
    ],
)
def test_one_change_is_seen_as_that_change(
    iam: Any, change: Callable[[Any], object], facts: list[str]
) -> None:
    before = inventory.take(iam)
    change(iam)

    changed = [each.fact for each in inventory.changes(before, inventory.take(iam))]

    assert [fact for fact in changed if not fact.startswith("policy ")] == facts


def test_a_key_that_goes_inactive_is_seen_with_both_statuses(lab: Lab, iam: Any) -> None:
    before = inventory.take(iam)
    key = lab.world.leaked.access_key_id
    iam.update_access_key(UserName="ci-deploy", AccessKeyId=key, Status="Inactive")

    (change,) = inventory.changes(before, inventory.take(iam))

    assert (change.before, change.after) == ("Active", "Inactive")
    assert str(change) == f"user ci-deploy, access key {key}: Active -> Inactive"


def test_a_new_key_is_seen(iam: Any) -> None:
    before = inventory.take(iam)
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]

    facts = [change.fact for change in inventory.changes(before, inventory.take(iam))]

    assert facts == [f"user alice, access key {key}", f"user alice, access key {key}, made"]


def test_one_more_space_in_a_document_is_a_difference(iam: Any) -> None:
    iam.put_user_policy(UserName="alice", PolicyName="x", PolicyDocument=DENY)
    before = inventory.take(iam)
    iam.put_user_policy(UserName="alice", PolicyName="x", PolicyDocument=SPACED)

    (change,) = inventory.changes(before, inventory.take(iam))

    assert (change.before, change.after) == (DENY, SPACED)


def test_a_client_that_does_not_decode_documents_gives_the_same_picture(iam: Any) -> None:
    decoded = inventory.take(iam)
    iam.meta.events.unregister("after-call.iam", json_decode_policies)

    assert inventory.take(iam) == decoded


def test_a_client_is_left_as_it_was(iam: Any) -> None:
    inventory.take(iam)

    trust = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]

    assert trust["Statement"][0]["Action"] == "sts:AssumeRole"


def test_credentials_read_out_of_the_labs_state_are_those_that_are_listed(
    lab: Lab, iam: Any
) -> None:
    """What other tests take for an inventory is one."""
    name = "ci-deploy"
    key = lab.world.leaked.access_key_id
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    iam.create_service_specific_credential(UserName=name, ServiceName="codecommit.amazonaws.com")
    iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody=ssh_key())
    iam.upload_signing_certificate(UserName=name, CertificateBody=certificate())
    iam.create_login_profile(UserName=name, Password="Correct-horse-battery-1")
    listed = inventory.take(iam)
    asked = list[str]()
    iam.meta.events.register(
        "before-call.iam", lambda event_name, **_: asked.append(event_name.rpartition(".")[2])
    )

    with credentials_from_state(lab):
        read = inventory.take(iam)

    assert read == listed
    assert set(asked) == {"GetAccountAuthorizationDetails"}
    assert len([fact for fact in read if fact.startswith(f"user {name}, ")]) > 10
