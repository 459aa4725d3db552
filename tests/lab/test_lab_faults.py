"""Faults strike what they name, as often as they say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab

pytestmark = pytest.mark.lab


def with_retries(lab: Lab, world: World, service: str = "iam") -> Any:
    connect: Any = boto3.client
    return connect(
        service,
        endpoint_url=lab.endpoint,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 4, "mode": "standard"}),
        aws_access_key_id=world.admin.access_key_id,
        aws_secret_access_key=world.admin.secret_access_key,
    )


@pytest.mark.parametrize(
    ("kind", "service", "operation", "code"),
    [
        ("throttle", "iam", "list_users", "Throttling"),
        ("throttle", "s3", "list_buckets", "SlowDown"),
        ("throttle", "kms", "list_keys", "ThrottlingException"),
        ("error", "iam", "list_users", "ServiceFailure"),
        ("conflict", "iam", "list_users", "ConcurrentModification"),
    ],
)
def test_a_fault_has_the_code_of_its_service(
    lab: Lab, world: World, *, kind: str, service: str, operation: str, code: str
) -> None:
    lab.faults({"kind": kind, "service": service, "count": 1})
    call = getattr(lab.client(service, world.admin), operation)

    with pytest.raises(ClientError, match=code):
        call()

    call()


def test_a_fault_strikes_nobody_else(lab: Lab, world: World) -> None:
    lab.faults({"kind": "throttle", "operation": "GetUser", "principal": "*:user/ci/*"})

    lab.client("iam", world.admin).get_user(UserName="alice")
    lab.client("iam", world.leaked).list_access_keys()
    with pytest.raises(ClientError, match="Throttling"):
        lab.client("iam", world.leaked).get_user()


def test_a_client_that_retries_gets_through(lab: Lab, world: World) -> None:
    lab.faults({"kind": "throttle", "count": 2})

    with_retries(lab, world).list_users()

    assert lab.status()["faults"][0]["hits"] == 2


def test_a_fault_can_wait_for_its_turn(lab: Lab, world: World) -> None:
    lab.faults({"kind": "error", "skip": 2, "count": 1})
    iam = lab.client("iam", world.admin)
    iam.list_users()
    iam.list_users()

    with pytest.raises(ClientError, match="ServiceFailure"):
        iam.list_users()


def test_chances_repeat_with_their_seed(lab: Lab, world: World) -> None:
    iam = lab.client("iam", world.admin)

    def outcomes() -> list[bool]:
        lab.faults({"kind": "throttle", "probability": 0.5, "seed": 7})
        results = []
        for _ in range(20):
            try:
                iam.get_user(UserName="alice")
                results.append(True)
            except ClientError:
                results.append(False)
        return results

    first = outcomes()

    assert first == outcomes()
    assert len(set(first)) == 2


def test_latency_delays_the_answer(lab: Lab, world: World) -> None:
    lab.faults({"kind": "latency", "seconds": 0.3, "count": 1})
    began = time.monotonic()

    lab.client("iam", world.admin).list_users()

    assert time.monotonic() - began >= 0.3


def test_a_dropped_call_did_nothing(lab: Lab, world: World) -> None:
    lab.faults({"kind": "drop", "operation": "CreateUser", "count": 1})
    iam = lab.client("iam", world.admin)

    with pytest.raises(ConnectionClosedError):
        iam.create_user(UserName="ghost")

    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_user(UserName="ghost")


def test_a_lost_answer_leaves_what_was_done(lab: Lab, world: World) -> None:
    lab.faults({"kind": "lose", "operation": "CreateAccessKey", "count": 1})

    with pytest.raises(ClientError, match="LimitExceeded"):
        with_retries(lab, world).create_access_key(UserName="release-bot")
    lab.client("iam", world.admin).create_user(UserName="fresh")
    lab.faults({"kind": "lose", "operation": "CreateAccessKey", "count": 1})
    with_retries(lab, world).create_access_key(UserName="fresh")

    keys = lab.client("iam", world.admin).list_access_keys(UserName="fresh")
    assert len(keys["AccessKeyMetadata"]) == 2


def test_no_fault_is_left_after_a_reset(lab: Lab) -> None:
    lab.faults({"kind": "throttle"}, {"kind": "lag", "seconds": 9})

    world = lab.reseed()

    lab.client("iam", world.admin).list_users()
    assert lab.status()["faults"] == []
