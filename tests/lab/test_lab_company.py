"""The seeded company holds what stories need, and nobody in it may more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials, World
from tests.lab.matrix.bench import allow, policy

if TYPE_CHECKING:
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def denied(call: object, **parameters: object) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        call(**parameters)  # type: ignore[operator]


def test_the_leaked_key_may_do_what_an_attacker_wants(lab: Lab, world: World) -> None:
    sts, s3 = lab.client("sts", world.leaked), lab.client("s3", world.leaked)

    assert s3.list_objects_v2(Bucket=world.bucket)["KeyCount"] > 0
    token = sts.get_session_token()["Credentials"]
    federated = sts.get_federation_token(Name="intruder", Policy=policy(allow("s3:*")))[
        "Credentials"
    ]
    role = sts.assume_role(RoleArn=world.deploy_role, RoleSessionName="intruder")["Credentials"]
    lab.client("iam", world.leaked).create_access_key()

    for made in (token, federated, role):
        keys = Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        assert lab.client("s3", keys).list_objects_v2(Bucket=world.bucket)["KeyCount"] > 0
    denied(lab.client("iam", world.leaked).create_user, UserName="x")
    denied(lab.client("iam", world.leaked).create_access_key, UserName="alice")


def test_the_bystanders_may_do_what_they_need(lab: Lab, world: World) -> None:
    for keys in (world.bystander, world.bystander_session, world.app_session, world.release_key):
        assert lab.client("s3", keys).list_objects_v2(Bucket=world.bucket)["KeyCount"] > 0
        denied(lab.client("iam", keys).list_users)
    lab.client("sts", world.runner).assume_role(RoleArn=world.app_role, RoleSessionName="new")
    denied(
        lab.client("sts", world.bystander).assume_role,
        RoleArn=world.app_role,
        RoleSessionName="new",
    )


def test_the_responder_may_contain_and_no_more(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.responder)

    iam.update_access_key(
        UserName="ci-deploy", AccessKeyId=world.leaked.access_key_id, Status="Inactive"
    )
    iam.get_role(RoleName="app")

    denied(iam.create_user, UserName="x")
    denied(iam.delete_user, UserName="alice")
    denied(lab.client("s3", world.responder).list_objects_v2, Bucket=world.bucket)
    lab.client("sts", world.responder_user_key).assume_role(
        RoleArn=world.responder_role, RoleSessionName="again"
    )


def test_the_second_user_has_one_inactive_key(lab: Lab, world: World) -> None:
    keys = lab.client("iam", world.admin).list_access_keys(UserName="release-bot")
    status = {key["AccessKeyId"]: key["Status"] for key in keys["AccessKeyMetadata"]}

    assert status == {
        world.release_key.access_key_id: "Active",
        world.release_inactive_key_id: "Inactive",
    }


def test_the_same_seed_gives_the_same_ids(lab: Lab, world: World) -> None:
    assert lab.reseed(seed=42) == world


def test_a_world_survives_being_written_down(world: World) -> None:
    assert World.from_json(world.to_json()) == world


def test_secrets_do_not_show_in_a_world_that_is_printed(world: World) -> None:
    shown = repr(world)

    assert world.leaked.access_key_id in shown
    assert not [secret for secret in world.secrets() if secret in shown]
