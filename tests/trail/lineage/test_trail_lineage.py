"""Which credentials belong to the attacker, tier by tier, and which only look as if."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.trail_following import chain, credentials_of, follow

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain


def test_a_chain_of_roles_keys_and_tokens_is_followed_to_its_end(
    scene: Scene, tmp_path: Path
) -> None:
    a, b, long, token, c = chain(scene)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {
        a: ("A_issued", scene.leaked),
        b: ("A_issued", a),
        "arn:aws:iam::111122223333:user/svc-backup": ("B_principal", b),
        long: ("A_issued", b),
        token: ("A_issued", long),
        c: ("A_issued", token),
    }
    assert max(credential.generation for credential in answer.credentials) == 5


def test_what_happened_before_t0_is_not_the_attackers(scene: Scene, tmp_path: Path) -> None:
    earlier, earlier_arn = scene.assume(scene.leaked, scene.user, "one", -10)
    scene.call(earlier, earlier_arn, "ListBuckets", 5, created=-10)
    scene.call(scene.leaked, scene.user, "ListUsers", 0)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {}
    assert answer.origin.event_names == {"ListUsers": 1}


def test_a_failed_call_hands_out_nothing_and_is_counted(scene: Scene, tmp_path: Path) -> None:
    record = scene.call(scene.leaked, scene.user, "AssumeRole", 1, error="AccessDenied")
    record["responseElements"] = {"credentials": {"accessKeyId": "ASIANEVERHANDEDOUT00"}}

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {}
    assert (answer.origin.event_count, answer.origin.errors) == (1, 1)


def test_another_session_of_the_same_role_is_a_bystander(scene: Scene, tmp_path: Path) -> None:
    own_key, _ = scene.assume(scene.leaked, scene.user, "app", 10)
    other_key, arn = scene.assume("AKIAOTHERUSER0000000", f"{scene.user}-2", "app", 11)
    scene.call(other_key, arn, "ListBuckets", 20, created=11)

    assert set(credentials_of(follow(scene, tmp_path))) == {own_key}


def test_the_rightful_users_other_key_and_console_session_are_bystanders(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    scene.call("AKIASECONDKEY0000000", scene.user, "ListUsers", 2)
    scene.sign_in(scene.user, 3)
    scene.call("ASIACONSOLE000000000", scene.user, "ListUsers", 4, created=3)

    assert credentials_of(follow(scene, tmp_path)) == {}


def test_a_key_that_differs_in_two_characters_is_another_key(scene: Scene, tmp_path: Path) -> None:
    near = scene.leaked[:-2] + "EX"
    scene.call(near, f"{scene.user}-2", "CreateUser", 5, response={"user": {"arn": "x"}})
    scene.call(scene.leaked, scene.user, "GetUser", 6)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {}
    assert answer.origin.event_count == 1


def test_a_key_named_in_a_request_or_a_list_is_not_used_or_handed_out(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(
        "AKIAADMIN00000000000",
        f"{scene.user}-admin",
        "UpdateAccessKey",
        5,
        request={"accessKeyId": scene.leaked, "status": "Inactive"},
    )
    scene.call(
        scene.leaked,
        scene.user,
        "ListAccessKeys",
        6,
        response={
            "accessKeyMetadata": [{"accessKeyId": "AKIASOMEBODYELSE0000", "status": "Active"}]
        },
    )

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {}
    assert answer.origin.event_count == 1


def test_a_recycled_key_id_counts_only_with_its_account_and_principal(
    scene: Scene, tmp_path: Path
) -> None:
    own_key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(own_key, arn, "ListBuckets", 20, created=10)
    elsewhere = "arn:aws:sts::999988887777:assumed-role/other/night-job"
    scene.call(own_key, elsewhere, "CreateUser", 30, created=29, response={"user": {"arn": "u"}})
    scene.access_key(own_key, elsewhere, "somebody", 31, created=29)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {own_key: ("A_issued", scene.leaked)}
    assert answer.credentials[0].event_names == {"ListBuckets": 1}


def test_a_recycled_key_id_of_the_same_role_is_told_by_its_creation_time(
    scene: Scene, tmp_path: Path
) -> None:
    own_key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(own_key, arn, "ListBuckets", 20, created=10)
    scene.call(own_key, arn, "ListUsers", 90_000, created=89_990)

    assert follow(scene, tmp_path).credentials[0].event_names == {"ListBuckets": 1}


def test_a_user_the_attacker_made_is_a_member_with_all_its_keys_and_sign_ins(
    scene: Scene, tmp_path: Path
) -> None:
    made = scene.make_user(scene.leaked, scene.user, "helper", 5)
    scene.call(
        scene.leaked,
        scene.user,
        "CreateLoginProfile",
        6,
        request={"userName": "helper"},
        response={"loginProfile": {"userName": "helper"}},
    )
    scene.sign_in(made, 30)
    scene.call("ASIACONSOLE000000001", made, "ListUsers", 31, created=30)
    scene.call("ASIACONSOLE000000002", made, "ListRoles", 32, created=30)

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {
        made: ("B_principal", scene.leaked),
        f"console_password:{made}": ("B_principal", scene.leaked),
        "ASIACONSOLE000000001": ("B_principal", made),
        "ASIACONSOLE000000002": ("B_principal", made),
    }
    password = next(c for c in answer.credentials if c.kind == "console_password")
    assert password.event_names == {"ConsoleLogin": 1}


def test_a_password_given_to_an_existing_user_brings_only_sign_ins_after_it(
    scene: Scene, tmp_path: Path
) -> None:
    alice = f"arn:aws:iam::{scene.account}:user/alice"
    scene.sign_in(alice, 1)
    scene.call("ASIAALICEHERSELF0000", alice, "ListUsers", 2, created=1)
    scene.call("AKIAALICE00000000000", alice, "ListUsers", 3)
    scene.call(scene.leaked, scene.user, "UpdateLoginProfile", 100, request={"userName": "alice"})
    scene.sign_in(alice, 200)
    scene.call("ASIATHIEFASALICE0000", alice, "ListUsers", 201, created=200)
    scene.call("ASIAALICEHERSELF0000", alice, "ListUsers", 202, created=1)

    answer = follow(scene, tmp_path)

    password = f"console_password:{alice}"
    assert credentials_of(answer) == {
        password: ("B_principal", scene.leaked),
        "ASIATHIEFASALICE0000": ("E_inferred", password),
    }
    assert answer.credentials[1].confidence == "high"


def test_a_hidden_answer_is_found_by_session_name_and_second(scene: Scene, tmp_path: Path) -> None:
    scene.call(
        scene.leaked,
        scene.user,
        "AssumeRole",
        10,
        source="sts.amazonaws.com",
        request={"roleArn": "arn:aws:iam::111122223333:role/app", "roleSessionName": "me"},
        response="HIDDEN_DUE_TO_SECURITY_REASONS",
    )
    arn = "arn:aws:sts::111122223333:assumed-role/app/me"
    scene.call("ASIAHIDDEN0000000000", arn, "ListUsers", 12, created=10)
    scene.call("ASIALATER00000000000", arn, "ListUsers", 500, created=499)

    assert credentials_of(follow(scene, tmp_path)) == {
        "ASIAHIDDEN0000000000": ("E_inferred", scene.leaked)
    }


@pytest.mark.parametrize("kind", ["user", "role", "session", "instance"])
def test_the_trace_starts_from_any_principal(scene: Scene, tmp_path: Path, kind: str) -> None:
    session = f"arn:aws:sts::{scene.account}:assumed-role/app/i-0aaaaaaaaaaaaaaaa"
    scene.call("AKIAUSERSKEY00000000", scene.user, "ListUsers", 5)
    scene.service("ec2.amazonaws.com", "app", "i-0aaaaaaaaaaaaaaaa", 6, "ASIAINSTANCE00000000")
    child = scene.assume("ASIAINSTANCE00000000", session, "next", 10, created=6)[0]
    seeds = {
        "user": scene.user,
        "role": f"arn:aws:iam::{scene.account}:role/app",
        "session": session,
        "instance": "i-0aaaaaaaaaaaaaaaa",
    }

    answer = follow(scene, tmp_path, seeds[kind])

    expected = {"AKIAUSERSKEY00000000"} if kind == "user" else {"ASIAINSTANCE00000000", child}
    assert set(credentials_of(answer)) == expected


def test_a_key_of_the_seeds_user_counts_if_any_use_is_after_t0_wherever_it_stands_in_a_file(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call("AKIAUSEDALLALONG0000", scene.user, "ListUsers", 30)
    scene.call("AKIAUSEDALLALONG0000", scene.user, "ListUsers", -30)
    scene.call("AKIAUSEDBEFORE000000", scene.user, "ListUsers", -30)

    answer = follow(scene, tmp_path, scene.user)

    assert credentials_of(answer) == {"AKIAUSEDALLALONG0000": ("B_principal", scene.user)}
    assert answer.credentials[0].event_count == 1


def test_a_thing_named_by_id_and_by_arn_is_one_and_has_its_arn(
    scene: Scene, tmp_path: Path
) -> None:
    arn = "arn:aws:s3:::payroll"
    request = {"bucketName": "payroll", "key": "may.csv"}
    scene.call(scene.leaked, scene.user, "GetObject", 1, request=request, resources=[{"ARN": arn}])
    scene.call(scene.leaked, scene.user, "StopInstances", 2, request={"instanceId": "i-0a"})
    scene.make_role(scene.leaked, scene.user, "team/app", 3)
    scene.records[-1]["requestParameters"]["roleName"] = "app"
    scene.records[-1]["responseElements"]["role"]["roleName"] = "app"

    by_id = {resource.id: resource for resource in follow(scene, tmp_path).resources}

    assert by_id["payroll"].arn == arn
    assert arn not in by_id
    assert by_id["i-0a"].arn == f"arn:aws:ec2:us-east-1:{scene.account}:instance/i-0a"
    assert by_id["app"].arn == f"arn:aws:iam::{scene.account}:role/team/app"
    assert by_id[f"{arn}/may.csv"].account == scene.account
