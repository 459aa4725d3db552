"""An attacker who fights back on the lab's clock: what a guard ends, and what a lift brings back.

One setting; `python -m tests.adversary --seeds 50` plays all of them, in `make reliability`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from containment.lab.scenario.world import Credentials
from tests.adversary.arena import MODELS, Arena, Cell, arena, set_out
from tests.adversary.attacker import QuietAttacker
from tests.adversary.judging import judged

pytestmark = pytest.mark.lab
WITHOUT_EXEMPT_ROLES = frozenset({"responder"})


@pytest.fixture(scope="module")
def opened() -> Iterator[Arena]:
    with arena() as made:
        yield made


def test_a_guard_ends_it_the_sweep_finds_all_and_a_lift_brings_nobody_back(
    opened: Arena,
) -> None:
    cell = Cell("quarantine", 2, 4, MODELS[0])  # tests/actions/test_guard_fights has a freeze too

    result = judged(opened, cell, seed=1, left_out=WITHOUT_EXEMPT_ROLES)

    assert result["made"] > 0, "the attacker made nobody, so nothing is proved"
    assert result["last_s"] > 1
    assert (result["late"], result["unswept"], result["revived"]) == (0, [], [])
    assert not opened.cloud.gate.status.evaluator_errors


def test_the_tokens_of_one_who_waits_for_the_lift_stay_denied_and_new_sessions_work(
    opened: Arena,
) -> None:
    fight = set_out(opened, Cell("nothing"), 0, QuietAttacker)
    world = opened.cloud.world
    kinds = {one.kind for one in fight.attacker.hand}
    assert kinds == {"key", "session", "federated", "role session", "sign-in"}
    assert len(fight.alive()) == len(fight.attacker.hand)
    fight.started = opened.now()
    fight.contain()
    opened.wait(60)
    assert fight.alive() == []

    fight.lift()

    for seconds in (0, 3600, 11 * 3600, 12 * 3600, 12 * 3600, 24 * 3600):
        opened.cloud.clock.advance(seconds)
        assert fight.alive() == []
        assert _can_work(opened, world.leaked, world.deploy_role)
    fight.close()


def _can_work(opened: Arena, credentials: Credentials, role: str) -> bool:
    """Tell whether a new session of *role* works, once T and its margin are over."""
    machine = opened.machine
    opened.cloud.clock.advance(timedelta(minutes=5).total_seconds())
    issued = machine.client("sts", credentials).assume_role(RoleArn=role, RoleSessionName="honest")[
        "Credentials"
    ]
    session = Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    try:
        machine.client("s3", session).list_objects_v2(Bucket=opened.cloud.world.bucket)
    except ClientError:
        return False
    return True
