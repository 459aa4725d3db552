"""Credentials that services and the console hand out: to compute, forwarded, to a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.trail_following import credentials_of, follow

if TYPE_CHECKING:
    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain


def test_compute_the_attacker_made_gets_service_issued_credentials_even_a_second_early(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(
        scene.leaked,
        scene.user,
        "CreateFunction20150331",
        20,
        source="lambda.amazonaws.com",
        request={"functionName": "job", "role": f"arn:aws:iam::{scene.account}:role/existing"},
        response={"functionArn": "arn:aws:lambda:us-east-1:111122223333:function:job"},
    )
    early, late, other = (scene.key() for _ in range(3))
    scene.service("lambda.amazonaws.com", "existing", "job", 19, early)
    scene.service("lambda.amazonaws.com", "existing", "job", 60, late)
    scene.service("lambda.amazonaws.com", "existing", "someone-elses", 61, other)

    assert credentials_of(follow(scene, tmp_path)) == {
        early: ("C_service_issued", scene.leaked),
        late: ("C_service_issued", scene.leaked),
    }


def test_an_instance_of_the_attacker_has_several_keys_for_one_session(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(
        scene.leaked,
        scene.user,
        "RunInstances",
        20,
        source="ec2.amazonaws.com",
        request={"iamInstanceProfile": {"name": "app"}},
        response={"instancesSet": {"items": [{"instanceId": "i-0aaaaaaaaaaaaaaaa"}]}},
    )
    keys = [scene.key() for _ in range(3)]
    for key in keys[:2]:
        scene.service("ec2.amazonaws.com", "app", "i-0aaaaaaaaaaaaaaaa", 30, key)
    scene.service("ec2.amazonaws.com", "app", "i-0bbbbbbbbbbbbbbbb", 30, keys[2])
    stolen = f"arn:aws:sts::{scene.account}:assumed-role/app/i-0aaaaaaaaaaaaaaaa"
    child = scene.assume(keys[1], stolen, "next", 50, created=30)[0]

    assert credentials_of(follow(scene, tmp_path)) == {
        keys[0]: ("C_service_issued", scene.leaked),
        keys[1]: ("C_service_issued", scene.leaked),
        child: ("A_issued", keys[1]),
    }


def test_instances_that_a_group_of_the_attacker_starts_are_the_attackers(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(
        scene.leaked,
        scene.user,
        "CreateAutoScalingGroup",
        20,
        source="autoscaling.amazonaws.com",
        request={"autoScalingGroupName": "miners"},
    )
    service_role = (
        f"arn:aws:sts::{scene.account}:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling"
    )
    tags = [
        {
            "resourceType": "instance",
            "tags": [{"key": "aws:autoscaling:groupName", "value": "miners"}],
        }
    ]
    scene.call(
        "ASIAAUTOSCALING00000",
        service_role,
        "RunInstances",
        40,
        source="ec2.amazonaws.com",
        request={"tagSpecificationSet": {"items": tags}},
        response={"instancesSet": {"items": [{"instanceId": "i-0cccccccccccccccc"}]}},
    )
    key = scene.key()
    scene.service("ec2.amazonaws.com", "app", "i-0cccccccccccccccc", 60, key)

    assert credentials_of(follow(scene, tmp_path)) == {key: ("C_service_issued", scene.leaked)}


def test_a_forwarded_session_belongs_to_the_call_of_its_second(
    scene: Scene, tmp_path: Path
) -> None:
    secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db"
    scene.call(
        scene.leaked,
        scene.user,
        "GetSecretValue",
        10,
        source="secretsmanager.amazonaws.com",
        request={"secretId": secret},
    )
    scene.call(
        "ASIAFORWARDED0000001",
        scene.user,
        "Decrypt",
        10,
        source="kms.amazonaws.com",
        created=10,
        invoked_by="secretsmanager.amazonaws.com",
        request={"encryptionContext": {"SecretARN": secret}},
    )
    scene.call(
        "ASIAFORWARDED0000002",
        scene.user,
        "Decrypt",
        900,
        source="kms.amazonaws.com",
        created=899,
        invoked_by="secretsmanager.amazonaws.com",
    )

    answer = follow(scene, tmp_path)

    assert credentials_of(answer) == {"ASIAFORWARDED0000001": ("D_forwarded", scene.leaked)}
    assert answer.credentials[0].kind == "forwarded_session_key"
    assert answer.credentials[0].event_names == {"Decrypt": 1}


@pytest.mark.parametrize("seed", ["the user's key", "the session's own key"])
def test_a_forwarded_session_may_carry_the_creation_time_of_the_role_session(
    scene: Scene, tmp_path: Path, seed: str
) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(key, arn, "GetSecretValue", 300, created=10)
    scene.call(
        "ASIAFORWARDED0000001", arn, "Decrypt", 300, created=10, invoked_by="s.amazonaws.com"
    )
    scene.call(
        "ASIAFORWARDED0000002", arn, "Decrypt", 300, created=77, invoked_by="s.amazonaws.com"
    )

    answer = follow(scene, tmp_path, key if "session" in seed else None)

    forwarded = {c.id: c.parent for c in answer.credentials if c.tier == "D_forwarded"}
    assert forwarded == {"ASIAFORWARDED0000001": key}


@pytest.mark.parametrize(("secret", "whose"), [("ours", True), ("theirs", False), ("none", False)])
def test_in_a_shared_second_the_object_named_decides_whose_forwarded_session_it_is(
    scene: Scene, tmp_path: Path, secret: str, whose: bool
) -> None:
    for key, name in ((scene.leaked, "ours"), ("AKIASECONDKEY0000000", "theirs")):
        scene.call(
            key, scene.user, "GetSecretValue", 10, request={"secretId": f"arn:aws:s:::{name}"}
        )
    scene.call(
        "ASIAFORWARDED0000001",
        scene.user,
        "Decrypt",
        10,
        created=10,
        invoked_by="secretsmanager.amazonaws.com",
        request={"encryptionContext": {"SecretARN": f"arn:aws:s:::{secret}"}},
    )

    answer = follow(scene, tmp_path)

    assert bool(credentials_of(answer)) is whose
    assert ("forwarded" in {gap.kind for gap in answer.gaps}) is (secret == "none")


def test_a_console_session_made_from_a_stolen_session_is_inferred(
    scene: Scene, tmp_path: Path
) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(key, arn, "GetSigninToken", 20, source="signin.amazonaws.com", created=10)
    scene.sign_in(arn, 25)
    for number in range(3):
        scene.call(f"ASIACONSOLE00000000{number}", arn, "ListUsers", 30 + number, created=25)

    answer = follow(scene, tmp_path)

    inferred = {c.id for c in answer.credentials if c.tier == "E_inferred"}
    assert inferred == {f"ASIACONSOLE00000000{number}" for number in range(3)}
    assert {c.parent for c in answer.credentials if c.tier == "E_inferred"} == {key}


def test_a_service_call_with_a_key_that_somebody_else_was_given_is_not_forwarded_for_us(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "GetSecretValue", 10)
    other_key = scene.key()
    answer = {"credentials": {"accessKeyId": other_key, "sessionToken": "x"}}
    scene.call("AKIASECONDKEY0000000", scene.user, "GetSessionToken", 11, response=answer)
    scene.call(other_key, scene.user, "Decrypt", 12, created=11, invoked_by="kms.amazonaws.com")

    assert credentials_of(follow(scene, tmp_path)) == {}


@pytest.mark.parametrize(("created", "is_member"), [(50, False), (150, True)])
def test_without_a_sign_in_record_a_console_session_counts_only_after_the_password(
    scene: Scene, tmp_path: Path, created: int, is_member: bool
) -> None:
    alice = f"arn:aws:iam::{scene.account}:user/alice"
    request = {"userName": "alice"}
    scene.call(scene.leaked, scene.user, "UpdateLoginProfile", 100, request=request)
    key = scene.key()
    scene.call(key, alice, "ListUsers", 200, created=created, sessionCredentialFromConsole="true")

    answer = follow(scene, tmp_path)

    assert (key in credentials_of(answer)) is is_member
    assert [c.confidence for c in answer.credentials if c.id == key] == ["medium"] * is_member


def test_a_role_switch_in_the_console_is_followed(scene: Scene, tmp_path: Path) -> None:
    made = scene.make_user(scene.leaked, scene.user, "helper", 5)
    scene.sign_in(made, 30)
    scene.call("ASIACONSOLE000000001", made, "ListUsers", 31, created=30)
    role = f"arn:aws:sts::{scene.account}:assumed-role/admin/helper"
    scene.sign_in(role, 60, "SwitchRole", additionalEventData={"SwitchFrom": made})
    scene.call("ASIASWITCHED00000001", role, "ListRoles", 61, created=60)
    other = f"arn:aws:sts::{scene.account}:assumed-role/admin/somebody"
    scene.sign_in(other, 60, "SwitchRole", additionalEventData={"SwitchFrom": scene.user})
    scene.call("ASIASWITCHED00000002", other, "ListRoles", 61, created=60)

    switched = {
        key: tier
        for key, (tier, _) in credentials_of(follow(scene, tmp_path)).items()
        if "SWITCH" in key
    }

    assert switched == {"ASIASWITCHED00000001": "E_inferred"}


@pytest.mark.parametrize("signed_in", [True, False])
def test_the_other_keys_of_a_stolen_console_session_are_the_same_session(
    scene: Scene, tmp_path: Path, *, signed_in: bool
) -> None:
    console: dict[str, str] = {} if signed_in else {"sessionCredentialFromConsole": "true"}
    if signed_in:
        scene.sign_in(scene.user, 5)
    stolen, twin, later = "ASIACONSOLE000000001", "ASIACONSOLE000000002", "ASIACONSOLE000000003"
    scene.call(stolen, scene.user, "ListUsers", 10, created=5, **console)
    scene.call(twin, scene.user, "ListUsers", 11, created=5, **console)
    scene.call(later, scene.user, "ListUsers", 900, created=890, **console)

    answer = follow(scene, tmp_path, stolen)

    assert credentials_of(answer) == {twin: ("E_inferred", stolen)}
