"""Ways round a containment that a policy does not show: resource policies and sign-in sessions."""

from __future__ import annotations

import json

import pytest

from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from tests.support.meddling import policy
from tests.support.sign_ins import PASSWORD, can_refresh, sign_in
from tests.verify.conftest import Contain
from tests.verify.test_verify_logs import ACCOUNT, USER, LogsOf, logs_of, words_at

pytestmark = pytest.mark.lab

__all__ = ["logs_of"]

FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"


def test_a_resource_policy_that_lets_a_federated_user_in_is_not_contained(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    world = direct_lab.world
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": FEDERATED},
        "Action": "s3:GetBucketLocation",
        "Resource": f"arn:aws:s3:::{world.bucket}",
    }
    admin = direct_lab.client("s3", world.admin)
    admin.put_bucket_policy(Bucket=world.bucket, Policy=policy(allow))
    issued = direct_lab.client("sts", world.leaked).get_federation_token(Name="bob")["Credentials"]
    bob = Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    leaked_key = world.leaked.access_key_id
    scene = contain(f"{{user: {USER}, rung: key-only, leaked: [{leaked_key}]}}")
    scene.lab.advance(300)
    direct_lab.client("s3", bob).get_bucket_location(Bucket=world.bucket)
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    assert result.verdict.word == "not contained"
    assert any(
        bob.access_key_id in f"{one.subject} {one.what}" and "GetBucketLocation" in one.what
        for one in result.verdict.causes
    ), json.dumps([one.what for one in result.verdict.causes])
    assert "V4 broken" in words_at(result, "V4")


def test_a_sign_in_session_of_ninety_days_is_not_contained(
    contain: Contain, direct_lab: Lab
) -> None:
    scene = contain(f"{{user: {USER}}}")
    scene.iam.create_login_profile(UserName="ci-deploy", Password=PASSWORD)
    token = sign_in(direct_lab, client="CLI")
    scene.lab.advance(600)
    assert can_refresh(direct_lab, token)

    result = scene.verify()

    assert result.verdict.word == "not contained"
    assert "DenyPolicy is signed in in AWS" in " ".join(one.what for one in result.verdict.causes)


def test_sign_in_sessions_that_nobody_could_list_leave_the_verdict_open(contain: Contain) -> None:
    scene = contain(f"{{user: {USER}}}")
    refused = {"Effect": "Deny", "Action": "signin:ListSessions", "Resource": "*"}
    scene.iam.put_role_policy(
        RoleName="ContainmentResponder", PolicyName="refused", PolicyDocument=policy(refused)
    )

    result = scene.verify()

    assert result.verdict.word == "not verified"
    (missing,) = [one for one in result.verdict.missing if one.level == "V1"]
    assert "sign-in sessions" in missing.why


def test_an_attacker_gone_quiet_leaves_the_live_denial_missing_though_all_logs_are_there(
    contain: Contain, logs_of: LogsOf
) -> None:
    scene = contain(f"{{user: {USER}}}")

    result = logs_of(scene).verify(watch=True)

    assert result.verdict.word == "not verified"
    assert [(one.level, one.subject) for one in result.verdict.missing] == [("V4+", "DenyPolicy")]
    assert "no request was seen that AWS refused because of it" in result.verdict.missing[0].why
    assert "no call of it after" in words_at(result, "V4")
