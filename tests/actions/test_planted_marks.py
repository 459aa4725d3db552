"""What an attacker plants to look like ours neither saves them nor makes us lift or forget."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from containment.errors import ConflictError
from containment.facets import claims, decisions
from containment.facets.marks import NEWEST, mark
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.ledger.journal import Journal
from tests.support.denying import fill_inline
from tests.support.party import keep_ledgers, older_key
from tests.support.workbench import (
    INCIDENT,
    Bench,
    allowed,
    can_list,
    inline,
    minted,
    session_of,
    write_spec,
)

pytestmark = pytest.mark.lab

STRANGE = "zzzzzzzzzz"
OTHER = "inc-1999-0001"
NOTHING = {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}
EVERYTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def sid(incident: str = INCIDENT, generation: int = 1) -> str:
    return mark(incident, STRANGE, generation).sid


def plant(bench: Bench, arn: str, *statements: dict[str, Any], incident: str = INCIDENT) -> None:
    kind, name = ("user" if ":user/" in arn else "role"), arn.rpartition("/")[2]
    getattr(bench.admin(), f"put_{kind}_policy")(
        **{f"{kind.capitalize()}Name": name},
        PolicyName=f"containment-{incident}",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
    )


def tag(bench: Bench, value: str, suffix: str = "") -> None:
    tags = [{"Key": f"containment:{INCIDENT}{suffix}", "Value": value}]
    bench.admin().tag_user(UserName="ci-deploy", Tags=tags)


def issued_before(moment: Any, **more: str) -> dict[str, Any]:
    return {"Condition": {"DateLessThan": {"aws:TokenIssueTime": moment, **more}}}


def contain_user(bench: Bench) -> tuple[Any, Any, Any]:
    taken = bench.snapshot(bench.lab.world.ci_user)
    denied = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    return taken, denied, bench.keys_action().create(bench.keys_inputs(taken), preview=False)


@pytest.mark.parametrize("suffix", ["", "/AWSDenyAll"])
def test_a_planted_claim_does_not_save_them(bench: Bench, suffix: str) -> None:
    tag(bench, f"{'x' * 180}=Active s={STRANGE} g={NEWEST}", suffix)

    contain_user(bench)

    assert not can_list(bench.lab, bench.lab.world.leaked)
    assert f"tag containment:{INCIDENT}{suffix}" in bench.words()


def test_a_planted_claim_is_written_over_with_what_is_true(bench: Bench) -> None:
    key = bench.lab.world.leaked.access_key_id
    tag(bench, f"{key}=Inactive s={STRANGE} g=1")

    contain_user(bench)

    tags = bench.admin().list_user_tags(UserName="ci-deploy")["Tags"]
    values = {item["Key"]: item["Value"] for item in tags}
    written = claims.parse(values[f"containment:{INCIDENT}"])
    assert written is not None
    assert written.priors == {key: "Active"}


def test_a_planted_statement_in_a_trust_policy_does_not_save_them(bench: Bench) -> None:
    trusted = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    trusted["Statement"][0]["Sid"] = sid()
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(trusted))

    assert bench.snapshot(bench.lab.world.deploy_role).contested


@pytest.mark.parametrize("incident", [INCIDENT, OTHER])
def test_a_deny_of_tokens_does_not_save_a_user_who_has_a_key(bench: Bench, incident: str) -> None:
    world = bench.lab.world
    late = issued_before("2999-01-01T00:00:00Z")
    plant(bench, world.ci_user, {"Sid": sid(incident), **EVERYTHING, **late}, incident=incident)
    assert can_list(bench.lab, world.leaked)

    contain_user(bench)

    assert not can_list(bench.lab, world.leaked)


@pytest.mark.parametrize(
    "condition",
    [
        issued_before("9"),
        issued_before("2999-01-01T00:00:00Z", **{"aws:CurrentTime": "2000-01-01T00:00:00Z"}),
        {"Condition": {"StringEquals": {"aws:userid": "nobody"}}},
    ],
)
def test_a_deny_that_is_void_does_not_save_a_role(bench: Bench, condition: dict[str, Any]) -> None:
    newest = {"Sid": sid(OTHER, 2), **NOTHING}
    void = {"Sid": sid(OTHER, 1), **EVERYTHING, **condition}
    plant(bench, bench.lab.world.deploy_role, newest, void, incident=OTHER)

    assert bench.snapshot(bench.lab.world.deploy_role).contested


@pytest.mark.parametrize(
    "moment",
    ["1700000000", "2026-11-01T00:00:00", "2026", ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]],
)
def test_a_moment_that_we_cannot_read_does_not_save_them(bench: Bench, moment: Any) -> None:
    world = bench.lab.world
    taken = bench.snapshot(world.deploy_role)
    stolen = session_of(bench.lab, world.leaked, world.deploy_role)
    plant(bench, world.deploy_role, {"Sid": sid(), **NOTHING, **issued_before(moment)})

    bench.deny_action().create(bench.deny_inputs(taken, "issued-before"), preview=False)

    assert not can_list(bench.lab, stolen)


def test_a_moment_far_ahead_does_not_lock_everybody_out(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    taken = bench.snapshot(world.deploy_role)
    plant(
        bench, world.deploy_role, {"Sid": sid(), **NOTHING, **issued_before("2999-01-01T00:00:00Z")}
    )

    bench.deny_action().create(bench.deny_inputs(taken, "issued-before"), preview=False)

    lab.advance(121)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))


def test_the_newest_generation_there_can_be_is_written_and_read_as_it_is(bench: Bench) -> None:
    plant(bench, bench.lab.world.ci_user, {"Sid": sid(generation=NEWEST), **NOTHING})
    taken = bench.snapshot(bench.lab.world.ci_user)

    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    live_state = bench.deny_action().read(state)

    assert state.generation == NEWEST
    assert live_state is not None
    assert live_state.live == "applied"


def test_a_newer_statement_under_another_snapshot_makes_the_lift_ask(bench: Bench) -> None:
    _, denied, _ = contain_user(bench)
    own_policy = inline(bench, bench.lab.world.ci_user)
    assert own_policy is not None
    plant(
        bench,
        bench.lab.world.ci_user,
        *own_policy["Statement"],
        {"Sid": sid(generation=NEWEST)} | NOTHING,
    )

    with pytest.raises(ConflictError, match=STRANGE):
        bench.deny_action().delete(denied)

    remaining_policy = inline(bench, bench.lab.world.ci_user)
    assert remaining_policy is not None
    assert remaining_policy["Statement"][0] == own_policy["Statement"][0]


def test_a_newer_claim_under_another_snapshot_makes_the_lift_ask(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    _, _, keys = contain_user(bench)
    tag(bench, f"s={STRANGE} g={NEWEST}")

    with pytest.raises(ConflictError, match=STRANGE):
        bench.keys_action().delete(keys)


def test_a_fence_planted_beside_the_deny_does_not_hide_it(bench: Bench) -> None:
    write_spec(bench, bench.lab.world.ci_user)
    taken, denied, _ = contain_user(bench)
    own_policy = inline(bench, bench.lab.world.ci_user)
    assert own_policy is not None
    planted = mark(INCIDENT, taken.snapshot_id, NEWEST).sid
    over = issued_before("2000-01-01T00:00:00Z", **{"aws:CurrentTime": "2000-01-01T00:00:00Z"})
    plant(
        bench,
        bench.lab.world.ci_user,
        *own_policy["Statement"],
        {"Sid": planted, **NOTHING, **over},
    )

    bench.deny_action().delete(denied)  # superseded, as it looks
    bench.snapshot_action().delete(taken)

    remaining_policy = inline(bench, bench.lab.world.ci_user)
    assert remaining_policy is not None
    assert all("aws:CurrentTime" in json.dumps(item) for item in remaining_policy["Statement"])


HONEST = {"Effect": "Allow", "Action": "sts:AssumeRole"}
NARROW = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sts:AssumeRole",
    "Condition": {"StringNotEquals": {"sts:ExternalId": "pipeline"}},
}


@pytest.mark.parametrize("narrow", [False, True], ids=["allow", "deny of another shape"])
def test_an_honest_trust_statement_with_our_sid_stays_and_comes_back(
    bench: Bench, *, narrow: bool
) -> None:
    lab, world = bench.lab, bench.lab.world
    write_spec(bench, world.deploy_role)
    trusted = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    body = NARROW if narrow else {**HONEST, "Principal": {"AWS": world.bystander_user}}
    trusted["Statement"].append({"Sid": sid(), **body})
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(trusted))
    may = can_assume(lab, world.bystander, world.deploy_role)
    assert may is not narrow

    taken = bench.snapshot(world.deploy_role)
    state = bench.trust_action().create(bench.trust_inputs(taken), preview=False)

    assert not can_assume(lab, world.bystander, world.deploy_role)
    during = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert trusted["Statement"][-1] in during["Statement"]

    bench.trust_action().delete(state)

    after = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert after == trusted
    assert can_assume(lab, world.bystander, world.deploy_role) is may


def test_a_statement_with_our_sid_in_our_policy_that_is_no_deny_of_ours_is_left(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    others_statement = {
        "Sid": sid(),
        "Effect": "Allow",
        "Action": "sqs:ListQueues",
        "Resource": "*",
    }
    plant(bench, world.ci_user, others_statement)

    taken = bench.snapshot(world.ci_user)
    denied = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    assert not can_list(lab, world.leaked)
    bench.deny_action().delete(denied)

    assert can_list(lab, world.leaked)
    remaining_policy = inline(bench, world.ci_user)
    assert remaining_policy is not None
    assert remaining_policy["Statement"] == [others_statement]


def test_the_fence_of_a_forgotten_deny_is_not_narrowed_by_what_others_wrote_beside_it(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    write_spec(bench, world.ci_user)
    token = minted(lab, world.leaked)
    taken, _, _ = contain_user(bench)
    own_policy = inline(bench, world.ci_user)
    assert own_policy is not None
    nobody = {"Condition": {"StringEquals": {"aws:userid": "111122223333:nobody"}}}
    plant(bench, world.ci_user, *own_policy["Statement"], {"Sid": sid(OTHER), **NOTHING, **nobody})

    bench.snapshot_action().delete(taken)

    assert not can_list(lab, token)


def can_assume(lab: Lab, credentials: Credentials, role: str) -> bool:
    sts = lab.client("sts", credentials)
    return allowed(sts.assume_role, RoleArn=role, RoleSessionName="probe")


@pytest.mark.parametrize("role", [False, True], ids=["user", "role"])
def test_forged_tags_delay_no_deny_and_are_counted_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, role: bool
) -> None:
    world = bench.lab.world
    arn, kind = (world.deploy_role, "role") if role else (world.ci_user, "user")
    name = {f"{kind.capitalize()}Name": arn.rpartition("/")[2]}
    spare = "" if role else older_key(bench, "ci-deploy")
    if spare:
        bench.admin().update_access_key(UserName="ci-deploy", AccessKeyId=spare, Status="Inactive")
    suffixes = ("", "/AWSDenyAll")
    tags = [
        {
            "Key": f"containment:inc-1999-{number:04}{suffixes[number % 2]}",
            "Value": f"{spare or 'AWSDenyAll'}=Active s={STRANGE} g={number}",
        }
        for number in range(46)
    ]
    getattr(bench.admin(), f"tag_{kind}")(**name, Tags=tags)
    getattr(bench.admin(), f"attach_{kind}_policy")(
        **name, PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll"
    )
    keep_ledgers(bench)
    asked: list[str] = []
    read = Journal.read

    def counted(journal: Journal) -> Any:
        asked.append(journal.location)
        return read(journal)

    monkeypatch.setattr(Journal, "read", counted)

    taken = bench.snapshot(arn)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert len(set(asked)) <= 2
    warnings = [message for severity, message in bench.messages if severity == "warning"]
    about = [message for message in warnings if "inc-1999-" in message]
    assert len(about) == 1
    assert "46 " in about[0]


@pytest.mark.parametrize("value", ["garbage", "AKIAIOSFODNN7EXAMPLE=Active s=zzzzzzzzzz g=1"])
def test_a_tag_of_an_incident_that_nobody_knows_keeps_no_honest_key_inactive_for_ever(
    bench: Bench, value: str
) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    taken, denied, keys = contain_user(bench)
    named = value.replace("AKIAIOSFODNN7EXAMPLE", world.leaked.access_key_id)
    forged = [{"Key": f"containment:{OTHER}", "Value": named}]
    bench.admin().tag_user(UserName="ci-deploy", Tags=forged)
    bench.deny_action().delete(denied)

    with pytest.raises(
        ConflictError, match=f"no spec here and no ledger says that {OTHER} holds it"
    ):
        bench.keys_action().delete(keys)
    assert not can_list(bench.lab, world.leaked)
    decide(bench, "force-ours=credentials")
    bench.keys_action().delete(keys)
    bench.snapshot_action().delete(taken)

    assert can_list(bench.lab, world.leaked)


def test_a_tag_of_an_incident_that_nobody_knows_keeps_no_aws_deny_all_for_ever(
    bench: Bench,
) -> None:
    world = bench.lab.world
    bench.disposition = "false-positive"
    write_spec(bench, world.ci_user)
    fill_inline(bench.admin())
    taken = bench.snapshot(world.ci_user)
    denied = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    forged = [{"Key": f"containment:{OTHER}/AWSDenyAll", "Value": "garbage"}]
    bench.admin().tag_user(UserName="ci-deploy", Tags=forged)

    with pytest.raises(
        ConflictError, match=f"no spec here and no ledger says that {OTHER} holds it"
    ):
        bench.deny_action().delete(denied)
    assert not can_list(bench.lab, world.leaked)
    decide(bench, "force-ours=attachment")
    bench.deny_action().delete(denied)

    assert can_list(bench.lab, world.leaked)


def test_what_others_wrote_into_our_policy_goes_by_decision_where_it_leaves_no_room_for_the_fence(
    bench: Bench,
) -> None:
    world = bench.lab.world
    write_spec(bench, world.ci_user)
    _, denied, _ = contain_user(bench)
    own_policy = inline(bench, world.ci_user)
    assert own_policy is not None
    other = bench.admin().get_user_policy(UserName="ci-deploy", PolicyName="pipeline")
    texts = (
        json.dumps(each, separators=(",", ":")) for each in (own_policy, other["PolicyDocument"])
    )
    spare = 2_048 - sum(map(len, texts)) - 110
    junk = {"Sid": "J" * spare, "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}
    plant(bench, world.ci_user, *own_policy["Statement"], junk)

    with pytest.raises(ConflictError, match="no room for the release fence") as caught:
        bench.deny_action().delete(denied)
    assert "--force-ours deny@" in caught.value.remedy
    decide(bench, "force-ours=deny")
    bench.deny_action().delete(denied)

    remaining_policy = inline(bench, world.ci_user)
    assert remaining_policy is not None
    assert all("aws:CurrentTime" in json.dumps(item) for item in remaining_policy["Statement"])


def decide(bench: Bench, words: str) -> None:
    bench.context = replace(bench.context, decisions=decisions.parse(words))
