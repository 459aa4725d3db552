"""What a replay calls refused is refused once the policies are in force, and nothing else is."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.aws import recording
from containment.aws.principal import locate
from containment.facets import marks
from containment.facets.write import Write
from containment.guard import document
from containment.guard.document import Terms
from containment.identities import parse_principal
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.replay.attackers import Attackers
from containment.replay.collateral import Replayed
from containment.replay.denials import planned_denials
from containment.replay.history import History, read_history
from containment.replay.replaying import Replayer
from containment.trail.logs.s3_logs import fetch
from policies import text
from tests.lab.trails import DATA, Trail
from tests.support.workbench import Bench

pytestmark = pytest.mark.lab

SEEDS = range(int(os.environ.get("REPLAY_SEEDS", "1")))
CallCounts = Counter[tuple[str, str]]


class SmallWorld:
    """A company at work: who called what, by the names that a replay has for them."""

    def __init__(self, lab: Lab, bench: Bench, seed: int) -> None:
        self.lab, self.world, self.bench = lab, lab.world, bench
        self.luck = Random(seed)  # noqa: S311 -- luck that can be repeated
        self.trail = Trail(lab, DATA)
        self.since = lab.now()
        self.calls: list[tuple[str, str, Callable[[], Any]]] = []
        self.sessions = 0
        self.credentials: dict[str, Credentials] = {
            self.of_user("ci-deploy", self.world.leaked): self.world.leaked,
            self.of_user("release-bot", self.world.release_key): self.world.release_key,
            self.of_user("alice", self.world.bystander): self.world.bystander,
            "session web-7f9c of role app": self.world.app_session,
            "session monthly of role reporting": self.world.bystander_session,
        }

    @staticmethod
    def of_user(name: str, credentials: Credentials) -> str:
        return f"user {name} by {credentials.access_key_id}"

    def enter(self, *, of_user: bool) -> None:
        """Have somebody make a session."""
        self.sessions += 1
        issued: dict[str, Any]
        if of_user:
            sts = self.lab.client("sts", self.world.leaked)
            issued = sts.get_session_token()["Credentials"]
            name = "user ci-deploy by a session"
            holder = self.of_user("ci-deploy", self.world.leaked)
            self.calls.append((holder, "sts GetSessionToken", sts.get_session_token))
        else:
            who = self.luck.choice([self.world.leaked, self.world.release_key])
            asked = {"RoleArn": self.world.deploy_role, "RoleSessionName": f"job-{self.sessions}"}
            holder = next(name for name, one in self.credentials.items() if one is who)
            sts = self.lab.client("sts", who)
            issued = sts.assume_role(**asked)["Credentials"]
            name = f"session job-{self.sessions} of role deploy"
            self.calls.append((holder, "sts AssumeRole", lambda: sts.assume_role(**asked)))
        if name not in self.credentials:  # of a user's sessions one is enough to tell them apart
            self.credentials[name] = Credentials(
                issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]
            )

    def call(self, name: str = "") -> None:
        """Have somebody call something that is let through; what is refused is not repeated."""
        name = name or self.luck.choice(sorted(self.credentials))
        made = self.credentials[name]
        s3, sts = self.lab.client("s3", made), self.lab.client("sts", made)
        bucket, key = self.world.bucket, "config/app.json"
        event, again = self.luck.choice(
            [
                ("s3 ListObjects", lambda: s3.list_objects_v2(Bucket=bucket)),
                ("s3 GetObject", lambda: s3.get_object(Bucket=bucket, Key=key)),
                ("sts GetCallerIdentity", sts.get_caller_identity),
            ]
        )
        with suppress(ClientError):
            again()
            self.calls.append((name, event, again))

    def work(self, steps: int) -> None:
        for _ in range(steps):
            if self.luck.random() < 0.25:
                self.enter(of_user=self.luck.random() < 0.3)
            else:
                self.call()

    def history(self, folder: Path) -> History:
        """Return what CloudTrail delivered, read twice over: every record is there two times."""
        self.lab.advance(301)
        s3 = self.lab.client("s3", self.world.admin)
        since = (self.since - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        logs = fetch(s3, "s3://trail/AWSLogs/", folder, since).folder
        copy = folder / "copy.json"
        copy.write_text(json.dumps({"Records": self.trail.records()}))
        return read_history(
            [str(logs), str(copy)], since=self.since, now=self.lab.now(), cache=None, workers=1
        )

    def refused(self) -> CallCounts:
        """Make every call again, and return which are refused now."""
        refused: CallCounts = Counter()
        for name, event, again in self.calls:
            try:
                again()
            except ClientError:
                refused[name, event] += 1
        return refused


def rows(replayed: Replayed, by: Iterable[str]) -> CallCounts:
    counted: CallCounts = Counter()
    for row in replayed.refused:
        assert row.bound != "lower bound" or row.because == ("the records are not complete",)
        for event, number in row.names if row.by in by else ():
            counted[row.caller, event] = max(counted[row.caller, event], number)
    return counted


def replayed_of(made: SmallWorld, history: History, arn: str, writes: list[Write]) -> Replayed:
    replayer = Replayer(history, Attackers(0), frozenset(), made.lab.now())
    live = locate(made.bench.context.clients.iam, parse_principal(arn), None)
    assert live is not None
    return replayer.of_principal(live, writes)


def put_in_force(lab: Lab, arn: str, writes: list[Write]) -> None:
    iam = lab.client("iam", lab.world.admin)
    kind, name = ("user" if ":user/" in arn else "role"), arn.rpartition("/")[2]
    word = kind.capitalize()
    for write in writes:
        assert write.after is not None
        if write.subject == recording.TRUST:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=write.after)
        elif write.is_document:
            put = getattr(iam, f"put_{kind}_policy")
            put(**{f"{word}Name": name}, PolicyName="deny", PolicyDocument=write.after)
        elif write.subject.startswith("access key"):
            key = write.subject.rpartition(" ")[2]
            iam.update_access_key(UserName=name, AccessKeyId=key, Status=write.after)


def planned(bench: Bench, arn: str, rung: str) -> list[Write]:
    live = locate(bench.context.clients.iam, parse_principal(arn), None)
    assert live is not None
    taken = bench.snapshot(arn, ())
    writes: list[Write] = []
    if rung == "key-only":
        return bench.keys_action().writes(bench.keys_inputs(taken), live)
    scope = {"deny-all": "all", "session": "sessions"}.get(rung, "issued-before")
    more = {"sessions": ({"name": "job-1"},)} if rung == "session" else {}
    writes += bench.deny_action().writes(bench.deny_inputs(taken, scope, **more), live)
    if rung == "close-trust":
        writes += bench.trust_action().writes(
            bench.trust_inputs(taken, bench.lab.world.break_glass_role), live
        )
    return writes


RUNGS = [
    ("ci_user", "key-only"),
    ("ci_user", "deny-all"),
    ("deploy_role", "deny-all"),
    ("deploy_role", "session"),
    ("deploy_role", "revoke-sessions"),
    ("deploy_role", "close-trust"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", RUNGS)
def test_what_a_rung_would_have_refused_is_refused_by_it_and_nothing_else(
    direct_lab: Lab,
    bench_for: Callable[..., Bench],
    tmp_path: Path,
    case: tuple[str, str],
    seed: int,
) -> None:
    made = SmallWorld(direct_lab, bench_for(), seed)
    who, rung = case
    arn = getattr(direct_lab.world, who)
    made.enter(of_user=False)
    for _ in range(4):
        made.call("session job-1 of role deploy")
        made.call(made.of_user("ci-deploy", direct_lab.world.leaked))
    made.work(8)
    writes = planned(made.bench, arn, rung)
    direct_lab.advance(300)  # past T: who comes now is let through by a deny of older tokens
    made.work(12)
    history = made.history(tmp_path)
    replayed = replayed_of(made, history, arn, writes)

    assert planned_denials(writes)
    assert made.refused() == Counter()
    put_in_force(direct_lab, arn, writes)
    refused = made.refused()
    assert rows(replayed, ("deny", "inactive key", "trust policy")) == refused
    assert refused
    assert replayed.notes == ()
    assert {row.bound for row in replayed.refused} <= {"exact", "upper bound"}


@pytest.mark.parametrize("mode", ["freeze", "quarantine"])
def test_what_a_guard_would_have_refused_is_refused_by_it_and_nothing_else(
    direct_lab: Lab, bench_for: Callable[..., Bench], tmp_path: Path, mode: Any
) -> None:
    made = SmallWorld(direct_lab, bench_for(), 7)
    world = direct_lab.world
    iam = direct_lab.client("iam", world.leaked)
    iam.create_access_key(UserName="ci-deploy")
    made.work(25)
    guard = document.document(
        Terms(mode, (world.responder_role, world.release_user)), marks.mark("inc-1", "0" * 10, 1)
    )
    writes = [Write("service control policy x", None, mode, document=text(guard))]
    history = made.history(tmp_path)
    replayed = replayed_of(made, history, world.app_role, writes)

    orgs = direct_lab.client("organizations", world.management_admin)
    policy = orgs.create_policy(
        Content=text(guard), Description="", Name="guard", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]["Id"]
    assert made.refused() == Counter()
    orgs.attach_policy(PolicyId=policy, TargetId=world.account)
    refused = made.refused()
    counted = rows(replayed, ("guard",))
    of_company = {name: number for name, number in counted.items() if name[0] in made.credentials}
    created = of_company.pop((made.of_user("ci-deploy", world.leaked), "iam CreateAccessKey"), 0)
    assert created == 1
    with pytest.raises(ClientError, match="service control policy"):
        iam.create_access_key(UserName="ci-deploy")
    own = {
        key: number for key, number in refused.items() if key[0] != "session web-7f9c of role app"
    }
    assert {k: v for k, v in of_company.items() if k[0] != "session web-7f9c of role app"} == own
    assert bool(refused) == (mode == "quarantine")
