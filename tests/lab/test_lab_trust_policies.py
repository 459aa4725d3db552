"""Trust policies come back as AWS gives them back, not as they went in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.matrix.bench import trust

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def principal_of(role: dict[str, Any]) -> Any:
    return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]


@pytest.mark.parametrize(
    ("principals", "kept"),
    [
        ("111122223333", "arn:aws:iam::111122223333:root"),
        (["111122223333"], "arn:aws:iam::111122223333:root"),
        (["*", "111122223333"], ["*", "arn:aws:iam::111122223333:root"]),
    ],
)
def test_principals_are_rewritten(lab: Lab, world: World, principals: Any, kept: Any) -> None:
    iam = lab.client("iam", world.admin)

    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"AWS": principals}))[
        "Role"
    ]

    assert principal_of(role) == kept
    assert principal_of(iam.get_role(RoleName="r")["Role"]) == kept


def test_a_deleted_principal_is_shown_by_its_id_and_cannot_be_put_back(
    lab: Lab, world: World
) -> None:
    iam = lab.client("iam", world.admin)
    user = iam.create_user(UserName="leaver")["User"]
    document = trust({"AWS": user["Arn"]})
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    assert principal_of(iam.get_role(RoleName="r")["Role"]) == user["Arn"]

    iam.delete_user(UserName="leaver")

    shown = iam.get_role(RoleName="r")["Role"]
    assert principal_of(shown) == user["UserId"]
    with pytest.raises(ClientError, match='Invalid principal in policy: "AWS":"AIDA'):
        iam.update_assume_role_policy(
            RoleName="r", PolicyDocument=json.dumps(shown["AssumeRolePolicyDocument"])
        )
    iam.create_user(UserName="leaver")
    assert principal_of(iam.get_role(RoleName="r")["Role"]) == user["UserId"]


def test_a_trusted_role_keeps_its_trust_through_a_renamed_path(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    iam.create_user(UserName="mover")
    iam.create_role(
        RoleName="r",
        AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{world.account}:user/mover"}),
    )

    iam.update_user(UserName="mover", NewUserName="moved", NewPath="/far/")

    assert (
        principal_of(iam.get_role(RoleName="r")["Role"])
        == f"arn:aws:iam::{world.account}:user/far/moved"
    )


def test_every_call_that_shows_a_role_shows_it_alike(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)

    single = iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    listed = {r["RoleName"]: r for r in iam.list_roles()["Roles"]}["deploy"]
    details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    detailed = {r["RoleName"]: r for r in details}["deploy"]

    assert world.ci_user in principal_of({"AssumeRolePolicyDocument": single})
    assert listed["AssumeRolePolicyDocument"] == single == detailed["AssumeRolePolicyDocument"]
