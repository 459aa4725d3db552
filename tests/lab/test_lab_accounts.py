"""What the account tells about itself: whole, in pages, and the same before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from botocore.handlers import json_decode_policies

from tests.lab.matrix.bench import allow, deny, policy

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def details(lab: Lab, world: World, **more: Any) -> dict[str, list[dict[str, Any]]]:
    iam = lab.client("iam", world.admin)
    whole: dict[str, list[dict[str, Any]]] = {}
    for page in iam.get_paginator("get_account_authorization_details").paginate(**more):
        for name, value in page.items():
            if isinstance(value, list):
                whole.setdefault(name, []).extend(value)
    return whole


def test_everything_attached_to_a_user_is_in_the_details(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    arn = iam.create_policy(PolicyName="limit", PolicyDocument=policy(allow("s3:*")))["Policy"][
        "Arn"
    ]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="alice")
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=arn)

    alice = {u["UserName"]: u for u in details(lab, world)["UserDetailList"]}["alice"]

    assert alice["UserId"].startswith("AIDA")
    assert alice["Arn"] == world.bystander_user
    assert alice["GroupList"] == ["g"]
    assert alice["Tags"] == [{"Key": "team", "Value": "finance"}]
    assert alice["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert [p["PolicyName"] for p in alice["AttachedManagedPolicies"]] == ["AWSDenyAll"]
    assert alice["UserPolicyList"][0]["PolicyName"] == "reader"
    assert iam.get_user(UserName="alice")["User"]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": arn,
    }


def test_the_details_are_the_same_after_a_change_is_undone(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    before = details(lab, world)

    iam.put_user_policy(UserName="ci-deploy", PolicyName="x", PolicyDocument=policy(deny("*")))
    iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    iam.tag_user(UserName="alice", Tags=[{"Key": "a", "Value": "b"}])
    assert details(lab, world) != before
    iam.delete_user_policy(UserName="ci-deploy", PolicyName="x")
    iam.detach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
    iam.untag_user(UserName="alice", TagKeys=["a"])

    assert details(lab, world) == before


def test_a_document_comes_back_byte_for_byte(lab: Lab, world: World) -> None:
    odd = (
        '{ "Version" : "2012-10-17",\n\t"Statement":[ {"Effect":"Deny","Action":"*","Resource":"*"}'
        " ] }"
    )
    iam = lab.client("iam", world.admin)
    iam.put_user_policy(UserName="alice", PolicyName="odd", PolicyDocument=odd)

    iam.meta.events.unregister("after-call.iam", json_decode_policies)
    answer = iam.get_user_policy(UserName="alice", PolicyName="odd")["PolicyDocument"]

    assert unquote(answer) == odd


@pytest.mark.parametrize("kind", ["users", "roles"])
def test_lists_come_in_pages_without_loss(lab: Lab, world: World, kind: str) -> None:
    iam = lab.client("iam", world.admin)
    for number in range(12):
        iam.create_user(UserName=f"many{number}")
    paginator = iam.get_paginator(f"list_{kind}")
    key, name = ("Users", "UserName") if kind == "users" else ("Roles", "RoleName")

    whole = [one[name] for one in getattr(iam, f"list_{kind}")()[key]]
    paged = [
        one[name]
        for page in paginator.paginate(PaginationConfig={"PageSize": 5})
        for one in page[key]
    ]

    assert paged == whole
    assert len(set(paged)) == len(paged)


def test_a_page_of_the_details_can_be_small(lab: Lab, world: World) -> None:
    assert details(lab, world, MaxItems=3) == details(lab, world)


def test_a_renamed_user_keeps_everything_but_its_name(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    before = iam.get_user(UserName="release-bot")["User"]

    iam.update_user(UserName="release-bot", NewUserName="moved-bot", NewPath="/far/")

    after = iam.get_user(UserName="moved-bot")["User"]
    assert after["UserId"] == before["UserId"]
    assert after["Arn"] == f"arn:aws:iam::{world.account}:user/far/moved-bot"
    assert after["Tags"] == before["Tags"]
    keys = iam.list_access_keys(UserName="moved-bot")["AccessKeyMetadata"]
    assert {key["UserName"] for key in keys} == {"moved-bot"}
    assert sorted(key["Status"] for key in keys) == ["Active", "Inactive"]
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_user(UserName="release-bot")
    assert lab.client("sts", world.release_key).get_caller_identity()["Arn"] == after["Arn"]


def test_tags_keep_their_case_and_are_matched_without_it(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    iam.tag_user(UserName="alice", Tags=[{"Key": "Team", "Value": "x"}])

    tags = iam.list_user_tags(UserName="alice")["Tags"]

    assert tags == [{"Key": "Team", "Value": "x"}]


def test_aws_managed_policies_are_listed_once_asked_for(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    names = {
        p["PolicyName"]
        for page in iam.get_paginator("list_policies").paginate(Scope="AWS")
        for p in page["Policies"]
    }

    assert {"AWSDenyAll", "AdministratorAccess", "AWSCompromisedKeyQuarantineV3"} <= names


def test_the_last_use_of_a_key_is_remembered(lab: Lab, world: World) -> None:
    lab.client("s3", world.leaked).list_objects_v2(Bucket=world.bucket)

    used = lab.client("iam", world.admin).get_access_key_last_used(
        AccessKeyId=world.leaked.access_key_id
    )

    assert used["UserName"] == "ci-deploy"
    assert used["AccessKeyLastUsed"]["ServiceName"] == "s3"


def test_a_policy_attached_twice_is_attached_once(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    for _ in range(2):
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1

    iam.detach_user_policy(UserName="alice", PolicyArn=arn)

    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.detach_user_policy(UserName="alice", PolicyArn=arn)


def test_what_is_taken_off_and_put_back_leaves_no_trace_in_the_details(
    lab: Lab, world: World
) -> None:
    iam = lab.client("iam", world.admin)
    arns = [
        iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
        for name in ("a", "b", "c")
    ]
    for arn in arns:
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    before = details(lab, world)

    iam.detach_user_policy(UserName="alice", PolicyArn=arns[0])
    iam.attach_user_policy(UserName="alice", PolicyArn=arns[0])

    assert details(lab, world) == before


def test_everybody_that_uses_a_policy_is_found(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    iam.attach_role_policy(RoleName="app", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="release-bot", PermissionsBoundary=arn)

    def matches(**parameters: str) -> set[str]:
        answer = iam.list_entities_for_policy(PolicyArn=arn, **parameters)
        users = {one["UserName"] for one in answer["PolicyUsers"]}
        return users | {one["RoleName"] for one in answer["PolicyRoles"]}

    assert matches(PolicyUsageFilter="PermissionsPolicy") == {"alice", "app"}
    assert matches(PolicyUsageFilter="PermissionsBoundary") == {"release-bot"}
    assert matches(EntityFilter="Role") == {"app"}


def test_a_roles_boundary_is_shown_as_a_users_is(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    arn = iam.create_policy(PolicyName="b", PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=arn)

    shown = iam.get_role(RoleName="app")["Role"]["PermissionsBoundary"]

    assert shown == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    roles = {role["RoleName"]: role for role in details(lab, world)["RoleDetailList"]}
    assert roles["app"]["PermissionsBoundary"] == shown


def test_what_is_missing_is_named_in_iams_words(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    with pytest.raises(ClientError, match="The role with name ghost cannot be found"):
        iam.get_role(RoleName="ghost")
    with pytest.raises(ClientError, match="The user policy with name p cannot be found"):
        iam.get_user_policy(UserName="alice", PolicyName="p")


def test_the_credential_report_has_everybody_and_todays_date(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)
    iam.generate_credential_report()

    report = iam.get_credential_report()

    rows = report["Content"].decode().split()
    assert {row.count(",") for row in rows} == {rows[0].count(",")}
    assert rows[1].startswith("<root_account>,")
    assert any(row.startswith(f"alice,{world.bystander_user},") for row in rows)
    assert abs((report["GeneratedTime"] - lab.now()).total_seconds()) < 5
