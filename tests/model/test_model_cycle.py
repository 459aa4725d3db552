"""Two roles that can assume each other, and an attacker who goes from one to the other in time."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from containment.actions.deny_policy import DenyPolicy
from containment.lab.scenario.world import Credentials
from tests.model.account import ACCOUNT, Probe
from tests.model.cloud import Cloud
from tests.model.conductor import Conductor
from tests.model.engine import Engine

pytestmark = pytest.mark.lab

INCIDENT = "inc-2026-0042"
ROLES = ("ping", "pong")
_OUTAGE_S, _STEP_S = 150, 10


class Attacker:
    """Holds a session of each role, and makes new ones of both with every one that works."""

    def __init__(self, cloud: Cloud) -> None:
        self._probe = Probe(cloud)
        self.sessions: list[Credentials] = []
        self.juggle(cloud.world.leaked)

    def juggle(self, *more: Credentials) -> None:
        made: dict[str, Credentials] = {}
        for session in [*more, *reversed(self.sessions)]:
            for role in set(ROLES) - set(made):
                got = self._probe.assumes(session, arn(role))
                if got is not None:
                    made[role] = got
        self.sessions += made.values()

    @property
    def open_doors(self) -> int:
        """How many of their sessions still get in."""
        return sum(self._probe.gets_in(session) for session in self.sessions)


def arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{role}"


@pytest.fixture
def engine(cloud: Cloud, tmp_path: Path) -> Engine:
    iam = cloud.client("iam", cloud.world.admin)
    everything = {"Effect": "Allow", "Action": ["s3:*", "sts:AssumeRole"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": cloud.world.ci_user},
        "Action": "sts:AssumeRole",
    }
    for closed in (True, False):
        for role in ROLES:
            both = (
                [trust]
                if closed
                else [trust, {**trust, "Principal": {"AWS": [arn(r) for r in ROLES]}}]
            )
            text = json.dumps({"Version": "2012-10-17", "Statement": both})
            if closed:
                iam.create_role(RoleName=role, AssumeRolePolicyDocument=text)
                iam.put_role_policy(RoleName=role, PolicyName="work", PolicyDocument=document)
            else:
                iam.update_assume_role_policy(RoleName=role, PolicyDocument=text)
    allowed = {**everything, "Action": "sts:AssumeRole"}
    iam.put_user_policy(
        UserName="ci-deploy",
        PolicyName="go",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    conductor = Conductor(cloud.clock)
    cloud.sleeper = conductor
    (tmp_path / "stacks").mkdir()
    lines = [
        f"incident: {INCIDENT}",
        "title: a cycle",
        "compromised_at: 2026-11-01T00:00:00Z",
        "compromised_at_source: a test",
        "severity: high",
        "cause: unknown",
        "owner: oncall@example.com",
        "review_by: 2027-12-24T09:00:00Z",
        "targets:",
        *(f"  - role: '{arn(role)}'" for role in ROLES),
    ]
    (tmp_path / "stacks" / f"{INCIDENT}.yaml").write_text("\n".join(lines) + "\n")
    return Engine(cloud, conductor, tmp_path, INCIDENT)


def outage(cloud: Cloud, engine: Engine) -> Attacker:
    """Contain while the write on one role fails; the attacker juggles until it works again."""
    iam = cloud.client("iam", cloud.world.admin)
    attacker = Attacker(cloud)
    assert attacker.open_doors == 2
    iam.update_access_key(
        UserName="ci-deploy", AccessKeyId=cloud.world.leaked.access_key_id, Status="Inactive"
    )
    forbidden = {"Effect": "Deny", "Action": "iam:PutRolePolicy", "Resource": arn("pong")}
    iam.put_role_policy(
        RoleName="ContainmentResponder",
        PolicyName="outage",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [forbidden]}),
    )
    half = engine.up(preview=False)
    assert not half.ok
    for _ in range(0, _OUTAGE_S, _STEP_S):
        attacker.juggle()
        cloud.clock.advance(_STEP_S)
    iam.delete_role_policy(RoleName="ContainmentResponder", PolicyName="outage")
    attacker.juggle()
    return attacker


def test_the_next_up_revokes_an_attacker_who_moves_between_roles(
    cloud: Cloud, engine: Engine
) -> None:
    attacker = outage(cloud, engine)
    assert attacker.open_doors > 2

    outcome = engine.up()

    assert outcome.ok, outcome.words
    assert attacker.open_doors == 0
    for _ in range(20):
        attacker.juggle()
        cloud.clock.advance(_STEP_S)
    assert attacker.open_doors == 0
    assert Probe(cloud).gets_in(cloud.world.bystander_session)


def test_without_stamping_all_members_the_attacker_would_keep_a_session(
    cloud: Cloud, engine: Engine
) -> None:
    attacker = outage(cloud, engine)

    with mock.patch.object(DenyPolicy, "_cohort_is_late", return_value=False):
        outcome = engine.up()

    assert outcome.ok, outcome.words
    assert attacker.open_doors > 0
