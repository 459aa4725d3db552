"""The attacker outlives the naive answer, and is told apart from a lab that breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cli.demo.attacker import Attacker
from containment.errors import UnavailableError
from containment.lab.scenario import guardduty_finding
from containment.lab.scenario.access import AccessProbe, Bystanders, allowed
from containment.lab.testing import Lab

pytestmark = pytest.mark.lab

WAYS = {
    "leaked key",
    "second key",
    "session",
    "federated session",
    "role session",
    "another role session",
}


@pytest.fixture
def attacker(lab: Lab) -> Iterator[Attacker]:
    world = lab.world
    at_large = Attacker(world.leaked, lab.endpoint, world.region)
    yield at_large
    at_large.stop()


def test_the_attacker_makes_credentials_from_the_leaked_key_alone_and_all_of_them_work(
    lab: Lab, attacker: Attacker
) -> None:
    assert attacker.round() == dict.fromkeys(WAYS, True)
    assert attacker.key_ids["leaked key"] == lab.world.leaked.access_key_id
    assert {key_id[:4] for key_id in attacker.key_ids.values()} == {"AKIA", "ASIA"}


def test_deactivating_the_leaked_key_alone_stops_the_leaked_key_alone(
    lab: Lab, attacker: Attacker
) -> None:
    assert attacker.round()["leaked key"]
    lab.client("iam", lab.world.admin).update_access_key(
        UserName="ci-deploy", AccessKeyId=lab.world.leaked.access_key_id, Status="Inactive"
    )

    answers = attacker.round()

    assert {name for name, works in answers.items() if not works} == {"leaked key"}
    assert attacker.first_refusal(0) is not None


def test_a_lab_that_breaks_is_not_taken_for_a_refusal(lab: Lab, attacker: Attacker) -> None:
    assert attacker.round()
    s3 = lab.client("s3", lab.world.admin)
    for entry in s3.list_objects_v2(Bucket=lab.world.bucket)["Contents"]:
        s3.delete_object(Bucket=lab.world.bucket, Key=entry["Key"])
    s3.delete_bucket(Bucket=lab.world.bucket)

    with pytest.raises(UnavailableError, match="neither allowed nor refused: NoSuchBucket"):
        attacker.round()


def test_an_attacker_process_that_ended_is_reported_as_ended(attacker: Attacker) -> None:
    assert attacker.round()
    attacker.stop()

    with pytest.raises(UnavailableError, match="went away"):
        attacker.round()


def test_a_bystander_who_is_refused_is_counted(lab: Lab) -> None:
    world = lab.world
    probe = AccessProbe(lab.endpoint, world.region, world.bucket)
    working = {"alice": world.bystander}

    with Bystanders(probe, working) as quiet:
        while quiet.calls < 2:
            pass
    lab.client("iam", world.admin).update_access_key(
        UserName="alice", AccessKeyId=world.bystander.access_key_id, Status="Inactive"
    )
    with Bystanders(probe, working) as disturbed:
        while disturbed.calls < 2:
            pass

    assert quiet.refused == []
    assert disturbed.refused[0].startswith("alice: ")


def test_an_error_other_than_access_denied_is_no_measured_answer(lab: Lab) -> None:
    world = lab.world
    probe = AccessProbe(lab.endpoint, world.region, world.bucket)
    nowhere = AccessProbe(lab.endpoint, world.region, "no-such-bucket-anywhere")

    assert probe.can_read(world.bystander)
    assert not allowed(lambda: probe.client("iam", world.bystander).list_users())
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        nowhere.can_read(world.admin)


def test_the_finding_holds_no_secret_and_names_the_key(lab: Lab) -> None:
    world = lab.world
    finding_text = json.dumps(
        guardduty_finding.leaked_key_used(
            account=world.account,
            region=world.region,
            access_key_id=world.leaked.access_key_id,
            user_name="ci-deploy",
            user_id="AIDAEXAMPLE",
            first_seen=lab.now(),
            last_seen=lab.now(),
        )
    )

    assert world.leaked.access_key_id in finding_text
    assert not [secret for secret in world.secrets() if secret in finding_text]
