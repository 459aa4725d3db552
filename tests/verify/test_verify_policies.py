"""V1, V2 and V2b on an incident that is applied: each way of not being contained is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from containment.facets import marks
from containment.lab.testing import Lab
from containment.verify.evidence import Evidence
from containment.verify.verification import Verification
from tests.support.meddling import policy
from tests.support.workbench import INCIDENT
from tests.verify.conftest import Contain, Scene, words_of

pytestmark = pytest.mark.lab

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/ci/ci-deploy"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
OWN_POLICY = marks.policy_name(INCIDENT)
OUTSIDE = "arn:aws:iam::999999999999:root"
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def second_key(scene: Scene) -> None:
    scene.iam.create_access_key(UserName="ci-deploy")


def leaked_key_reactivated(scene: Scene) -> None:
    key = scene.lab.world.leaked.access_key_id
    scene.iam.update_access_key(UserName="ci-deploy", AccessKeyId=key, Status="Active")


def deny_stripped(scene: Scene) -> None:
    scene.iam.delete_user_policy(UserName="ci-deploy", PolicyName=OWN_POLICY)


def role_deny_stripped(scene: Scene) -> None:
    scene.iam.delete_role_policy(RoleName="app", PolicyName=OWN_POLICY)


def deny_weakened(scene: Scene) -> None:
    document = scene.iam.get_user_policy(UserName="ci-deploy", PolicyName=OWN_POLICY)
    (statement,) = document["PolicyDocument"]["Statement"]
    weak = policy({**statement, "Action": "sqs:DeleteQueue"})
    scene.iam.put_user_policy(UserName="ci-deploy", PolicyName=OWN_POLICY, PolicyDocument=weak)


def moment_moved_back(scene: Scene) -> None:
    document = scene.iam.get_role_policy(RoleName="app", PolicyName=OWN_POLICY)["PolicyDocument"]
    document["Statement"][0]["Condition"] = {
        "DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}
    }
    scene.iam.put_role_policy(
        RoleName="app", PolicyName=OWN_POLICY, PolicyDocument=json.dumps(document)
    )


def trust_opened(scene: Scene) -> None:
    trust = scene.iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]
    trust["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": OUTSIDE}, "Action": "sts:AssumeRole"}
    )
    scene.iam.update_assume_role_policy(RoleName="app", PolicyDocument=json.dumps(trust))


def recreated(scene: Scene) -> None:
    iam = scene.iam
    iam.update_user(UserName="ci-deploy", NewUserName="somebody-else")
    iam.create_user(UserName="ci-deploy", Path="/ci/")


def renamed(scene: Scene) -> None:
    scene.iam.update_user(UserName="ci-deploy", NewUserName="somebody-else")


def renamed_and_stripped(scene: Scene) -> None:
    renamed(scene)
    scene.iam.delete_user_policy(UserName="somebody-else", PolicyName=OWN_POLICY)


def declared_further(scene: Scene) -> None:
    file = scene.bench.directory / "stacks" / f"{INCIDENT}.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"role: {ROLE}", f"role: {ROLE}, rung: deny-all"))


def another_target_declared(scene: Scene) -> None:
    file = scene.bench.directory / "stacks" / f"{INCIDENT}.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}  - {{role: 'arn:aws:iam::{ACCOUNT}:role/deploy'}}\n")


def nothing(_scene: Scene) -> None:
    """Leave all as it is."""


def causes(result: Verification, level: str) -> str:
    return words_of(one for one in result.verdict.causes if one.level == level)


U, R = f"{{user: {USER}}}", f"{{role: {ROLE}}}"
KEY_ONLY = f"{{user: {USER}, rung: key-only, leaked: [%s]}}"
# What is done to it, the target, and what each level says of that; empty where it has no say.
WAYS: list[tuple[Callable[[Scene], None], str, str, str]] = [
    (second_key, U, "is Active, which nobody has held so far", ""),
    (leaked_key_reactivated, U, "is Active", ""),
    (deny_stripped, U, "DenyPolicy is missing", "with an access key: allowed"),
    (deny_weakened, U, "DenyPolicy is altered", "allowed"),
    (role_deny_stripped, R, "DenyPolicy is missing", "allowed"),
    (moment_moved_back, R, "DenyPolicy is", ""),
    (trust_opened, R, f"lets in, since the containment began: AWS {OUTSIDE}", ""),
    (recreated, U, "was deleted and made anew", ""),
    (renamed_and_stripped, U, "DenyPolicy is missing", "allowed"),
    (declared_further, R, "the spec says deny-all, and that was not applied", ""),
    (another_target_declared, R, "declared and not applied", ""),
]


@pytest.mark.parametrize(
    ("way", "target", "by_reading", "by_simulation"), WAYS, ids=[way.__name__ for way, *_ in WAYS]
)
def test_each_way_in_is_not_contained_and_names_the_cause(
    contain: Contain,
    way: Callable[[Scene], None],
    target: str,
    by_reading: str,
    by_simulation: str,
) -> None:
    scene = contain(target)
    way(scene)

    result = scene.verify()

    assert result.verdict.word == "not contained"
    assert by_reading in causes(result, "V1")
    assert by_simulation in causes(result, "V2")
    assert bool(by_simulation) is bool(causes(result, "V2"))
    assert all(one.step for one in result.verdict.causes)


def test_what_is_contained_lacks_the_logs_alone_and_changes_nothing(contain: Contain) -> None:
    scene = contain(U, R)
    before = scene.lab.status()["mutations"]

    result = scene.verify()

    assert result.verdict.word == "not verified"
    assert {one.level for one in result.verdict.missing} == {"V4+", "V5"}
    assert [one for one in result.evidence if one.outcome in {"broken", "open"}] == []
    by_level = words_of(result.evidence)
    assert f"V2 holds {USER}: all of" in by_level
    assert f"V2 note {ROLE}: calls with a token issued after T" in by_level
    assert "are not met by our deny" in by_level
    assert "sts:GetFederationToken" in by_level
    assert "ours is the cause" in by_level
    assert set(result.stays_open) >= {"DenyPolicy", "user at deny-all", "role at revoke-sessions"}
    assert scene.lab.status()["mutations"] == before


def test_a_key_in_the_spec_whose_user_was_never_contained_is_not_contained(
    contain: Contain,
) -> None:
    scene = contain(R)
    key = scene.lab.world.release_key.access_key_id
    path = scene.bench.directory / "stacks" / f"{INCIDENT}.yaml"
    path.write_text(path.read_text().replace("targets:\n", f"targets:\n  - access_key: {key}\n"))

    result = scene.verify()

    assert result.verdict.word == "not contained"
    assert {(one.subject, one.level) for one in result.verdict.causes} == {(key, "V1")}


def test_a_guard_that_the_profile_requires_is_missed(contain: Contain) -> None:
    scene = contain(R)
    (scene.bench.directory / "containment.yaml").write_text("guard_required: true\n")

    result = scene.verify()

    assert result.verdict.word != "contained, verified"
    assert "V1" in {one.level for one in result.verdict.missing if ACCOUNT in one.subject}, result


def test_what_is_stripped_after_the_first_reading_is_seen_by_the_second(contain: Contain) -> None:
    scene = contain(U)
    scene.between.append(lambda: deny_stripped(scene))

    result = scene.verify()

    assert result.verdict.word == "not contained"
    assert {(one.level, one.reading) for one in result.verdict.causes} == {("V1", 2)}


@pytest.mark.parametrize("number", [1, 2], ids=["deny", "claim"])
def test_a_state_that_remembers_another_write_is_not_verified(
    contain: Contain, number: int
) -> None:
    scene = contain(U)
    action, state = scene.applied.states[number]
    scene.applied.states[number] = (action, state.model_copy(update={"generation": 7}))

    result = scene.verify()

    assert result.verdict.word == "not verified"
    (missing,) = [one for one in result.verdict.missing if one.level == "V1"]
    assert "is of another write than the one the state remembers" in missing.why


def test_a_t_from_before_the_snapshot_is_a_way_in_though_state_and_policy_agree(
    contain: Contain,
) -> None:
    scene = contain(f"{{role: {ROLE}, rung: revoke-sessions}}")
    early = "2020-01-01T00:00:00Z"
    name = f"containment-{INCIDENT}"
    document: Any = scene.iam.get_role_policy(RoleName="app", PolicyName=name)["PolicyDocument"]
    deny = scene.applied.states[1][1]
    text = json.dumps(document).replace(deny.issued_before, early)
    scene.iam.put_role_policy(RoleName="app", PolicyName=name, PolicyDocument=text)
    action, state = scene.applied.states[1]
    scene.applied.states[1] = (action, state.model_copy(update={"issued_before": early}))

    result = scene.verify()

    assert result.verdict.word == "not contained"
    assert any("is before the snapshot" in cause.what for cause in result.verdict.causes)


def test_a_renamed_user_stays_held_by_the_unique_id(contain: Contain) -> None:
    scene = contain(U)
    renamed(scene)

    result = scene.verify()

    assert result.verdict.causes == ()
    assert "is arn:aws:iam::111122223333:user/ci/somebody-else now, and stays held" in words_of(
        result.evidence
    )


def test_a_verification_that_is_stopped_makes_no_second_reading(contain: Contain) -> None:
    scene = contain(U)

    result = scene.verify(stop=True)

    assert result.verdict.word == "not verified"
    assert "reading 2 of 2 was not made" in {one.why for one in result.verdict.missing}


def test_a_principal_that_is_gone_is_not_verified(contain: Contain) -> None:
    scene = contain(R)
    for name in scene.iam.list_role_policies(RoleName="app")["PolicyNames"]:
        scene.iam.delete_role_policy(RoleName="app", PolicyName=name)
    scene.iam.delete_role(RoleName="app")

    result = scene.verify()

    assert result.verdict.word == "not verified"
    assert "the principal with that unique id is gone" in words_of(result.evidence)


def test_a_key_made_since_t0_is_a_way_round_where_only_leaked_ones_are_held(
    contain: Contain, direct_lab: Lab
) -> None:
    scene = contain(KEY_ONLY % direct_lab.world.leaked.access_key_id)
    assert scene.verify().verdict.causes == ()
    second_key(scene)

    assert "is Active and was made after T0" in causes(scene.verify(), "V1")


def test_who_may_not_simulate_has_not_verified(contain: Contain) -> None:
    scene = contain(U)
    denied = {"Effect": "Deny", "Action": "iam:Simulate*", "Resource": "*"}
    scene.iam.put_role_policy(
        RoleName="ContainmentResponder", PolicyName="no", PolicyDocument=policy(denied)
    )

    result = scene.verify()

    assert result.verdict.word == "not verified"
    (missing,) = [one for one in result.verdict.missing if one.level == "V2"]
    assert "SimulatePrincipalPolicy" in missing.why


def attach_control_policy(scene: Scene, *statements: dict[str, Any]) -> None:
    organizations = scene.lab.client("organizations", scene.lab.world.management_admin)
    made = organizations.create_policy(
        Content=policy(*statements), Description="d", Name="theirs", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]
    organizations.attach_policy(PolicyId=made["Id"], TargetId=ACCOUNT)


DENIES_THEM = {
    "Effect": "Deny",
    "Action": "*",
    "Resource": "*",
    "Condition": {"ArnEquals": {"aws:PrincipalArn": USER}},
}


def test_a_control_policy_of_others_that_denies_too_hides_nothing(contain: Contain) -> None:
    scene = contain(U)
    attach_control_policy(scene, DENIES_THEM)

    result = scene.verify()

    assert result.verdict.causes == ()
    assert [one.level for one in result.verdict.missing] == ["V4+", "V5"]
    assert "stays denied without our policies: a control policy of the organisation" in words_of(
        result.evidence
    )


def test_a_control_policy_that_denies_by_chance_does_not_count_as_ours(contain: Contain) -> None:
    scene = contain(U)
    attach_control_policy(scene, DENIES_THEM)
    deny_stripped(scene)

    result = scene.verify()

    assert result.verdict.word == "not contained"
    assert "by a control policy of the organisation, not by our deny; without it allowed" in causes(
        result, "V2"
    )


def test_another_deny_is_named_by_the_counterfactual(contain: Contain) -> None:
    scene = contain(U)
    quarantine = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    scene.iam.put_user_policy(
        UserName="ci-deploy", PolicyName="quarantine", PolicyDocument=policy(quarantine)
    )

    words = words_of(one for one in scene.verify().evidence if one.level == "V2b")

    assert "stays denied without our policies: user_ci-deploy_quarantine denies it" in words
    assert "ours is the cause" in words


def test_where_the_policies_allow_nothing_there_is_no_counterfactual(contain: Contain) -> None:
    scene = contain("{user: 'arn:aws:iam::111122223333:user/platform/workload-runner'}")

    assert "no counterfactual" in words_of(
        one for one in scene.verify().evidence if one.level == "V2b"
    )


def test_a_policy_that_names_a_call_unknown_to_aws_spoils_no_simulation(contain: Contain) -> None:
    scene = contain(U)
    planted = {"Effect": "Allow", "Action": ["s3:GetObject", "-:x", "a" * 70 + ":B"]}
    scene.iam.put_user_policy(
        UserName="ci-deploy",
        PolicyName="planted",
        PolicyDocument=policy(*({**planted, "Resource": f"arn:aws:s3:::b{n}"} for n in range(8))),
    )

    result = scene.verify()

    assert [one.level for one in result.verdict.missing] == ["V4+", "V5"]


def test_a_mark_of_ours_on_a_policy_of_another_name_denies_in_no_ones_place(
    contain: Contain,
) -> None:
    scene = contain(U)
    document = scene.iam.get_user_policy(UserName="ci-deploy", PolicyName=OWN_POLICY)
    copied = json.dumps(document["PolicyDocument"])
    scene.iam.put_user_policy(UserName="ci-deploy", PolicyName="copy", PolicyDocument=copied)
    deny_stripped(scene)

    result = scene.verify()

    assert result.verdict.word == "not contained"
    opened = [one for one in result.evidence if (one.level, one.outcome) == ("V2", "open")]
    assert "denied by user_ci-deploy_copy, and whether ours denies it too" in words_of(opened)


@pytest.mark.parametrize(
    ("target", "circumstance"),
    [
        (f"{{role: {ROLE}, rung: deny-all}}", "with a token issued from now on"),
        (
            f"{{role: {ROLE}, rung: session, sessions: [{{name: web-7f9c}}]}}",
            "in a session with aws:userid",
        ),
        (
            f"{{role: {ROLE}, rung: session, sessions: [{{source_ip: 203.0.113.0/24}}]}}",
            "in a session with aws:SourceIp 203.0.113.0/24",
        ),
        (f"{{role: {ROLE}, rung: close-trust}}", "with a token issued before T"),
    ],
)
def test_each_rung_is_simulated_as_it_denies(
    contain: Contain, target: str, circumstance: str
) -> None:
    simulated: list[Evidence] = [
        one for one in contain(target).verify().evidence if one.level == "V2"
    ]

    assert {one.outcome for one in simulated} <= {"holds", "note"}
    assert circumstance in words_of(one for one in simulated if one.outcome == "holds")
