"""Over the borders of an account: twins of a record, edited trust, visitors, federation."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.trail_following import credentials_of, follow, visit

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain


def test_a_cross_account_copy_gives_the_key_that_the_callers_copy_hides(
    scene: Scene, tmp_path: Path
) -> None:
    key, arn = scene.assume(
        scene.leaked, scene.user, "far", 10, account="999988887777", sharedEventID="twin-1"
    )
    copy_there = copy.deepcopy(scene.records[-1])
    copy_there["userIdentity"] = {
        "type": "AWSAccount",
        "accountId": scene.account,
        "principalId": scene.records[-1]["userIdentity"]["principalId"],
    }
    copy_there |= {"recipientAccountId": "999988887777", "eventID": "other-copy"}
    scene.records[-1]["responseElements"] = None
    scene.records.append(copy_there)
    scene.call(key, arn, "ListBuckets", 20, created=10)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {key: ("A_issued", scene.leaked)}
    assert answer.credentials[0].event_count == 1


def test_a_copy_in_the_roles_account_is_not_a_second_link(scene: Scene, tmp_path: Path) -> None:
    key, _ = scene.assume(
        scene.leaked, scene.user, "far", 10, account="999988887777", sharedEventID="twin-1"
    )
    own_record = scene.records[-1]
    their_record = copy.deepcopy(own_record)
    their_record["userIdentity"] = {
        "type": "AWSAccount",
        "accountId": scene.account,
        "principalId": "AIDAX",
    }
    their_record |= {"recipientAccountId": "999988887777", "eventID": "0-sorts-first"}
    scene.records.insert(0, their_record)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {key: ("A_issued", scene.leaked)}
    assert answer.credentials[0].link_event_ids == (own_record["eventID"],)
    assert answer.origin.event_count == 1


def test_a_trust_opened_to_the_outside_is_listed_and_its_visitors_are_followed(
    scene: Scene, tmp_path: Path
) -> None:
    document = {
        "Statement": {"Effect": "Allow", "Principal": {"AWS": ["999988887777", scene.account]}}
    }
    scene.call(
        scene.leaked,
        scene.user,
        "UpdateAssumeRolePolicy",
        10,
        request={"roleName": "app", "policyDocument": json.dumps(document)},
    )
    edit = scene.records[-1]["eventID"]
    key, arn = scene.assume("AKIAOUTSIDE000000000", "arn:aws:iam::999988887777:user/x", "app", 30)
    scene.records[-1]["userIdentity"] = {
        "type": "AWSAccount",
        "accountId": "999988887777",
        "principalId": "AIDAOUTSIDE",
    }
    scene.call(key, arn, "ListBuckets", 31, created=30)
    legit = scene.assume("AKIAINSIDE0000000000", f"{scene.user}-2", "app", 32)[0]

    answer = follow(scene, tmp_path)

    role = "arn:aws:iam::111122223333:role/app"
    assert credentials_of(answer) == {
        role: ("B_principal", scene.leaked),
        key: ("B_principal", role),
    }
    assert legit not in credentials_of(answer)
    trusts = [(t.role, t.principal, t.event_id, t.time) for t in answer.external_trust]
    assert trusts == [(role, "999988887777", edit, scene.time_at(10))]


@pytest.mark.parametrize(
    ("opened", "visitor", "comes_in"),
    [
        ("*", "999988887777", True),
        ("*", "111122223333", False),
        ("999988887777", "999988887777", True),
        ("arn:aws:iam::999988887777:root", "999988887777", True),
        ("999988887777", "555566667777", False),
    ],
)
def test_only_those_whom_the_edit_let_in_are_visitors(
    scene: Scene, tmp_path: Path, opened: str, visitor: str, comes_in: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": opened}}
    request = {"roleName": "app", "policyDocument": json.dumps({"Statement": [statement]})}
    scene.call(scene.leaked, scene.user, "UpdateAssumeRolePolicy", 10, request=request)
    key, _ = scene.assume("AKIAVISITOR000000000", f"arn:aws:iam::{visitor}:user/x", "app", 30)
    scene.records[-1]["userIdentity"] = {
        "type": "AWSAccount",
        "accountId": visitor,
        "principalId": "AIDAVISITOR",
    }

    assert (key in credentials_of(follow(scene, tmp_path))) is comes_in


def test_an_account_that_came_before_the_edit_is_not_counted_as_let_in_by_it(
    scene: Scene, tmp_path: Path
) -> None:
    partner = "arn:aws:iam::999988887777:user/partner"
    scene.assume("AKIAPARTNER000000000", partner, "app", -60)
    statement = {"Effect": "Allow", "Principal": {"AWS": "999988887777"}}
    request = {"roleName": "app", "policyDocument": json.dumps({"Statement": [statement]})}
    scene.call(scene.leaked, scene.user, "UpdateAssumeRolePolicy", 10, request=request)
    key, _ = scene.assume("AKIAPARTNER000000000", partner, "app", 30)

    answer = follow(scene, tmp_path)

    assert key not in credentials_of(answer)
    assert "visitor" in {gap.kind for gap in answer.gaps}


def test_federated_users_and_providers_of_the_attacker_are_followed(
    scene: Scene, tmp_path: Path
) -> None:
    token, session = scene.key(), scene.key()
    federated = f"arn:aws:sts::{scene.account}:federated-user/ops"
    answer = {
        "credentials": {"accessKeyId": token, "sessionToken": "x"},
        "federatedUser": {"arn": federated, "federatedUserId": f"{scene.account}:ops"},
    }
    scene.call(
        scene.leaked, scene.user, "GetFederationToken", 10, request={"name": "ops"}, response=answer
    )
    scene.call(token, federated, "ListBuckets", 11, created=10)
    provider = f"arn:aws:iam::{scene.account}:saml-provider/evil"
    scene.call(
        scene.leaked, scene.user, "CreateSAMLProvider", 20, response={"sAMLProviderArn": provider}
    )
    scene.call(None, scene.user, "AssumeRoleWithSAML", 30)
    scene.records[-1]["userIdentity"] = {"type": "SAMLUser", "principalId": "x:eve"}
    scene.records[-1]["requestParameters"] = {
        "principalArn": provider,
        "roleArn": f"arn:aws:iam::{scene.account}:role/sso",
        "roleSessionName": "eve",
    }
    scene.records[-1]["responseElements"] = {"credentials": {"accessKeyId": session}}

    assert credentials_of(follow(scene, tmp_path)) == {
        token: ("A_issued", scene.leaked),
        provider: ("B_principal", scene.leaked),
        session: ("B_principal", provider),
    }


@pytest.mark.parametrize("rival", [False, True])
def test_a_record_of_one_account_alone_counts_if_one_key_alone_can_have_made_it(
    scene: Scene, tmp_path: Path, *, rival: bool
) -> None:
    scene.call(scene.leaked, scene.user, "GetUser", 1)
    key, far = scene.assume(scene.leaked, scene.user, "far", 10, account="999988887777")
    visit(scene, scene.account)
    scene.call(key, far, "ListBuckets", 11, created=10)
    if rival:
        scene.call("AKIASECONDKEY0000000", scene.user, "GetUser", 20)

    answer = follow(scene, tmp_path)

    expected = {} if rival else {key: ("E_inferred", scene.leaked)}
    assert credentials_of(answer) == expected
    assert ("copy" in {gap.kind for gap in answer.gaps}) is rival


def test_a_record_of_one_account_for_an_instance_with_two_keys_is_not_attributed(
    scene: Scene, tmp_path: Path
) -> None:
    machine = "i-0a0a0a0a0a0a0a0a0"
    arn = f"arn:aws:sts::{scene.account}:assumed-role/web/{machine}"
    stolen, stays = scene.key(), scene.key()
    for key in (stolen, stays):
        scene.service("ec2.amazonaws.com", "web", machine, 1, key)
        scene.call(key, arn, "ListBuckets", 2, created=1)
    scene.assume(stays, arn, "far", 10, account="999988887777", created=1)
    visit(scene, scene.account)

    assert credentials_of(follow(scene, tmp_path, stolen)) == {}


def test_who_comes_through_a_provider_into_a_role_with_an_edited_trust_is_told_not_counted(
    scene: Scene, tmp_path: Path
) -> None:
    provider = f"arn:aws:iam::{scene.account}:oidc-provider/token.actions.githubusercontent.com"
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}}
    request = {"roleName": "ci", "policyDocument": json.dumps({"Statement": [statement]})}
    scene.call(scene.leaked, scene.user, "UpdateAssumeRolePolicy", 10, request=request)
    key, _ = scene.assume("", scene.user, "ci", 20)
    record = scene.records[-1]
    record["eventName"] = "AssumeRoleWithWebIdentity"
    record["userIdentity"] = {
        "type": "WebIdentityUser",
        "principalId": f"{provider}:sts.amazonaws.com:repo:evil/x:ref:refs/heads/main",
    }

    answer = follow(scene, tmp_path)

    assert key not in credentials_of(answer)
    assert any("token.actions.githubusercontent.com after" in gap.what for gap in answer.gaps)
