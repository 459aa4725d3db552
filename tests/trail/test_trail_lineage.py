"""Which credentials belong to the thief, tier by tier, and which only look as if."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from containment.trail import Trace, trace
from containment.trail.outputs import tree

if TYPE_CHECKING:
    from trail_scene import Record, Scene

pytestmark = pytest.mark.plain


def follow(scene: Scene, tmp_path: Path, seed: str | None = None) -> Trace:
    logs = scene.write(tmp_path)
    return trace(seed or scene.leaked, since=scene.since, logs=[logs], workers=1)


def found(answer: Trace) -> dict[str, tuple[str, str]]:
    return {c.id: (c.tier, c.parent) for c in answer.credentials}


def chain(scene: Scene) -> list[str]:
    """Key, role, role, user, key, session token: six generations."""
    a, a_arn = scene.assume(scene.leaked, scene.user, "one", 10)
    b, b_arn = scene.assume(a, a_arn, "two", 20, created=10)
    user = scene.make_user(b, b_arn, "svc-backup", 30)
    long = scene.access_key(b, b_arn, "svc-backup", 31)
    token = scene.key()
    answer = {"credentials": {"accessKeyId": token, "sessionToken": "x", "expiration": "e"}}
    scene.call(long, user, "GetSessionToken", 40, source="sts.amazonaws.com", response=answer)
    c, c_arn = scene.assume(token, user, "three", 50, created=40)
    scene.call(c, c_arn, "ListBuckets", 60, source="s3.amazonaws.com", created=50)
    return [a, b, long, token, c]


def test_a_chain_of_roles_keys_and_tokens_is_followed_to_its_end(
    scene: Scene, tmp_path: Path
) -> None:
    a, b, long, token, c = chain(scene)

    answer = follow(scene, tmp_path)

    assert found(answer) == {
        a: ("A_issued", scene.leaked),
        b: ("A_issued", a),
        "arn:aws:iam::111122223333:user/svc-backup": ("B_principal", b),
        long: ("A_issued", b),
        token: ("A_issued", long),
        c: ("A_issued", token),
    }
    assert max(credential.generation for credential in answer.credentials) == 5


def test_what_happened_before_t0_is_not_the_thiefs(scene: Scene, tmp_path: Path) -> None:
    earlier, earlier_arn = scene.assume(scene.leaked, scene.user, "one", -10)
    scene.call(earlier, earlier_arn, "ListBuckets", 5, created=-10)
    scene.call(scene.leaked, scene.user, "ListUsers", 0)

    answer = follow(scene, tmp_path)

    assert found(answer) == {}
    assert answer.origin.event_names == {"ListUsers": 1}


def test_a_failed_call_hands_out_nothing_and_is_counted(scene: Scene, tmp_path: Path) -> None:
    record = scene.call(scene.leaked, scene.user, "AssumeRole", 1, error="AccessDenied")
    record["responseElements"] = {"credentials": {"accessKeyId": "ASIANEVERHANDEDOUT00"}}

    answer = follow(scene, tmp_path)

    assert found(answer) == {}
    assert (answer.origin.event_count, answer.origin.errors) == (1, 1)


def test_another_session_of_the_same_role_is_a_bystander(scene: Scene, tmp_path: Path) -> None:
    mine, _ = scene.assume(scene.leaked, scene.user, "app", 10)
    theirs, arn = scene.assume("AKIAOTHERUSER0000000", f"{scene.user}-2", "app", 11)
    scene.call(theirs, arn, "ListBuckets", 20, created=11)

    assert set(found(follow(scene, tmp_path))) == {mine}


def test_the_rightful_users_other_key_and_console_session_are_bystanders(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    scene.call("AKIASECONDKEY0000000", scene.user, "ListUsers", 2)
    scene.sign_in(scene.user, 3)
    scene.call("ASIACONSOLE000000000", scene.user, "ListUsers", 4, created=3)

    assert found(follow(scene, tmp_path)) == {}


def test_a_key_that_differs_in_two_characters_is_another_key(scene: Scene, tmp_path: Path) -> None:
    near = scene.leaked[:-2] + "EX"
    scene.call(near, f"{scene.user}-2", "CreateUser", 5, response={"user": {"arn": "x"}})
    scene.call(scene.leaked, scene.user, "GetUser", 6)

    answer = follow(scene, tmp_path)

    assert found(answer) == {}
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

    assert found(answer) == {}
    assert answer.origin.event_count == 1


def test_a_recycled_key_id_counts_only_with_its_account_and_principal(
    scene: Scene, tmp_path: Path
) -> None:
    mine, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(mine, arn, "ListBuckets", 20, created=10)
    elsewhere = "arn:aws:sts::999988887777:assumed-role/other/night-job"
    scene.call(mine, elsewhere, "CreateUser", 30, created=29, response={"user": {"arn": "u"}})
    scene.access_key(mine, elsewhere, "somebody", 31, created=29)

    answer = follow(scene, tmp_path)

    assert found(answer) == {mine: ("A_issued", scene.leaked)}
    assert answer.credentials[0].event_names == {"ListBuckets": 1}


def test_a_recycled_key_id_of_the_same_role_is_told_by_its_creation_time(
    scene: Scene, tmp_path: Path
) -> None:
    mine, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(mine, arn, "ListBuckets", 20, created=10)
    scene.call(mine, arn, "ListUsers", 90_000, created=89_990)

    assert follow(scene, tmp_path).credentials[0].event_names == {"ListBuckets": 1}


def test_a_user_the_thief_made_is_his_with_all_its_keys_and_sign_ins(
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

    assert found(answer) == {
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
    assert found(answer) == {
        password: ("B_principal", scene.leaked),
        "ASIATHIEFASALICE0000": ("E_inferred", password),
    }
    assert answer.credentials[1].confidence == "high"


def test_compute_the_thief_made_gets_service_issued_credentials_even_a_second_early(
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

    assert found(follow(scene, tmp_path)) == {
        early: ("C_service_issued", scene.leaked),
        late: ("C_service_issued", scene.leaked),
    }


def test_an_instance_of_the_thief_has_several_keys_for_one_session(
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

    assert found(follow(scene, tmp_path)) == {
        keys[0]: ("C_service_issued", scene.leaked),
        keys[1]: ("C_service_issued", scene.leaked),
        child: ("A_issued", keys[1]),
    }


def test_instances_that_a_group_of_the_thief_starts_are_his(scene: Scene, tmp_path: Path) -> None:
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

    assert found(follow(scene, tmp_path)) == {key: ("C_service_issued", scene.leaked)}


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

    assert found(answer) == {"ASIAFORWARDED0000001": ("D_forwarded", scene.leaked)}
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

    assert bool(found(answer)) is whose
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

    assert found(follow(scene, tmp_path)) == {"ASIAHIDDEN0000000000": ("E_inferred", scene.leaked)}


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

    assert found(answer) == {key: ("A_issued", scene.leaked)}
    assert answer.credentials[0].event_count == 1


def test_a_copy_in_the_roles_account_is_not_a_second_link(scene: Scene, tmp_path: Path) -> None:
    key, _ = scene.assume(
        scene.leaked, scene.user, "far", 10, account="999988887777", sharedEventID="twin-1"
    )
    mine = scene.records[-1]
    there = copy.deepcopy(mine)
    there["userIdentity"] = {
        "type": "AWSAccount",
        "accountId": scene.account,
        "principalId": "AIDAX",
    }
    there |= {"recipientAccountId": "999988887777", "eventID": "0-sorts-first"}
    scene.records.insert(0, there)

    answer = follow(scene, tmp_path)

    assert found(answer) == {key: ("A_issued", scene.leaked)}
    assert answer.credentials[0].link_event_ids == (mine["eventID"],)
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
    assert found(answer) == {role: ("B_principal", scene.leaked), key: ("B_principal", role)}
    assert legit not in found(answer)
    trusts = [(t.role, t.principal, t.event_id, t.at) for t in answer.external_trust]
    assert trusts == [(role, "999988887777", edit, scene.at(10))]


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

    assert (key in found(follow(scene, tmp_path))) is comes_in


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

    assert key not in found(answer)
    assert "visitor" in {gap.kind for gap in answer.gaps}


def test_a_service_call_with_a_key_that_somebody_else_was_given_is_not_forwarded_for_us(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "GetSecretValue", 10)
    theirs = scene.key()
    answer = {"credentials": {"accessKeyId": theirs, "sessionToken": "x"}}
    scene.call("AKIASECONDKEY0000000", scene.user, "GetSessionToken", 11, response=answer)
    scene.call(theirs, scene.user, "Decrypt", 12, created=11, invoked_by="kms.amazonaws.com")

    assert found(follow(scene, tmp_path)) == {}


@pytest.mark.parametrize(("created", "his"), [(50, False), (150, True)])
def test_without_a_sign_in_record_a_console_session_counts_only_after_the_password(
    scene: Scene, tmp_path: Path, created: int, his: bool
) -> None:
    alice = f"arn:aws:iam::{scene.account}:user/alice"
    request = {"userName": "alice"}
    scene.call(scene.leaked, scene.user, "UpdateLoginProfile", 100, request=request)
    key = scene.key()
    scene.call(key, alice, "ListUsers", 200, created=created, sessionCredentialFromConsole="true")

    answer = follow(scene, tmp_path)

    assert (key in found(answer)) is his
    assert [c.confidence for c in answer.credentials if c.id == key] == ["medium"] * his


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
        key: tier for key, (tier, _) in found(follow(scene, tmp_path)).items() if "SWITCH" in key
    }

    assert switched == {"ASIASWITCHED00000001": "E_inferred"}


def test_federated_users_and_providers_of_the_thief_are_followed(
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

    assert found(follow(scene, tmp_path)) == {
        token: ("A_issued", scene.leaked),
        provider: ("B_principal", scene.leaked),
        session: ("B_principal", provider),
    }


def test_roles_that_assume_each_other_end(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "ping", 10)
    made = [key]
    for turn in range(12):
        key, arn = scene.assume(key, arn, ("pong", "ping")[turn % 2], 20 + turn)
        made.append(key)
    # A key that claims to have handed out its own ancestor: hostile, or a recycled id.
    scene.call(key, arn, "AssumeRole", 60, response={"credentials": {"accessKeyId": made[0]}})
    scene.call(key, arn, "AssumeRole", 61, response={"credentials": {"accessKeyId": scene.leaked}})

    answer = follow(scene, tmp_path)

    assert set(found(answer)) == set(made) | {scene.leaked} or set(found(answer)) == set(made)
    assert max(c.generation for c in answer.credentials) < 20


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
    assert set(found(answer)) == expected


def everything(scene: Scene) -> None:
    chain(scene)
    scene.make_role(scene.leaked, scene.user, "back", 70, "arn:aws:iam::999988887777:root")
    scene.call(
        scene.leaked, scene.user, "GetSecretValue", 80, request={"secretId": "arn:aws:s:::x"}
    )
    scene.call(
        "ASIAFORWARDED0000001",
        scene.user,
        "Decrypt",
        80,
        created=80,
        invoked_by="secretsmanager.amazonaws.com",
    )
    scene.service("lambda.amazonaws.com", "back", "fn", 90, scene.key())


def comparable(answer: Trace) -> object:
    # The number of the file in which a call was found is all that may differ.
    calls = [(t.credential, t.call.event_id, t.call.klass) for t in answer.calls]
    return answer.credentials, answer.external_trust, calls, answer.resources


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 6), twice=st.integers(0, 8))
def test_neither_order_nor_files_nor_double_delivery_matter(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene, seed: int, cuts: int, twice: int
) -> None:
    scene.records.clear()
    everything(scene)
    folder = tmp_path_factory.mktemp("shuffled")
    straight = comparable(follow(scene, folder))
    shuffle = random.Random(seed)  # noqa: S311 -- a test's dice
    delivered: list[Record] = scene.records + shuffle.choices(scene.records, k=twice)
    shuffle.shuffle(delivered)
    parts = tmp_path_factory.mktemp("parts")
    for number in range(cuts):
        part = {"Records": delivered[number::cuts]}
        (parts / f"{number}.json").write_text(json.dumps(part))

    again = trace(scene.leaked, since=scene.since, logs=[parts], workers=1)

    assert comparable(again) == straight


def test_looking_names_up_gives_the_same_answer_as_holding_everything(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(scene)
    held = comparable(follow(scene, tmp_path))
    monkeypatch.setattr("containment.trail.store._SMALL", -1)

    assert comparable(follow(scene, tmp_path)) == held


def test_a_chain_of_two_thousand_sessions_is_followed(scene: Scene, tmp_path: Path) -> None:
    key, arn = scene.leaked, scene.user
    for turn in range(2000):
        key, arn = scene.assume(key, arn, ("ping", "pong")[turn % 2], turn)

    answer = follow(scene, tmp_path)

    assert max(c.generation for c in answer.credentials) == 2000
    assert len(list(tree.lines(answer))) > 100


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(seed=st.integers(0, 2**32))
def test_what_strangers_do_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene, seed: int
) -> None:
    scene.records.clear()
    everything(scene)
    before = comparable(follow(scene, tmp_path_factory.mktemp("alone")))
    dice = random.Random(seed)  # noqa: S311 -- a test's dice
    for number in range(30):
        arn = f"arn:aws:iam::{scene.account}:user/stranger{dice.randrange(5)}"
        key, when = f"AKIASTRANGER{dice.randrange(5):08}", dice.randrange(0, 120)
        act = dice.randrange(4)
        if act == 0:
            scene.assume(key, arn, dice.choice(["one", "two", "other"]), when)
        elif act == 1:
            scene.make_user(key, arn, f"hired{number}", when)
        elif act == 2:
            scene.call(key, arn, "ListBuckets", when)
        else:
            scene.call(
                scene.key(), arn, "Decrypt", when, created=when, invoked_by="kms.amazonaws.com"
            )

    assert comparable(follow(scene, tmp_path_factory.mktemp("crowd"))) == before


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

    assert found(answer) == {twin: ("E_inferred", stolen)}


def visit(scene: Scene, account: str) -> None:
    """Make the last record what the role's account logs of a caller from elsewhere."""
    who = scene.records[-1]["userIdentity"]
    who = {"type": "AWSAccount", "accountId": account, "principalId": who["principalId"]}
    scene.records[-1]["userIdentity"] = who


@pytest.mark.parametrize("rival", [False, True])
def test_half_a_twin_counts_if_one_key_alone_can_have_made_it(
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
    assert found(answer) == expected
    assert ("copy" in {gap.kind for gap in answer.gaps}) is rival


def test_half_a_twin_of_an_instance_with_two_keys_is_not_the_stolen_ones(
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

    assert found(follow(scene, tmp_path, stolen)) == {}


def test_a_key_of_the_seeds_user_counts_if_any_use_is_after_t0_wherever_it_stands_in_a_file(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call("AKIAUSEDALLALONG0000", scene.user, "ListUsers", 30)
    scene.call("AKIAUSEDALLALONG0000", scene.user, "ListUsers", -30)
    scene.call("AKIAUSEDBEFORE000000", scene.user, "ListUsers", -30)

    answer = follow(scene, tmp_path, scene.user)

    assert found(answer) == {"AKIAUSEDALLALONG0000": ("B_principal", scene.user)}
    assert answer.credentials[0].event_count == 1


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

    assert key not in found(answer)
    assert any("token.actions.githubusercontent.com after" in gap.what for gap in answer.gaps)


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

    found = {resource.id: resource for resource in follow(scene, tmp_path).resources}

    assert found["payroll"].arn == arn
    assert arn not in found
    assert found["i-0a"].arn == f"arn:aws:ec2:us-east-1:{scene.account}:instance/i-0a"
    assert found["app"].arn == f"arn:aws:iam::{scene.account}:role/team/app"
    assert found[f"{arn}/may.csv"].account == scene.account
