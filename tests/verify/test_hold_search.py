"""Who is new while an incident is held, what is proposed, and what `--extend` contains."""

from __future__ import annotations

import json
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from containment.guard.newcomers import Newcomer
from containment.identities import parse_principal
from containment.lab.cloudtrail import history
from containment.lab.testing import Lab
from containment.spec import load
from containment.verify.evidence import Evidence
from containment.verify.hold import records
from containment.verify.hold.attribution import Attribution
from containment.verify.hold.events import Event
from containment.verify.hold.holding import Hold
from containment.verify.hold.records import RecordWatch
from containment.verify.hold.rounds import Rounds
from containment.verify.hold.search import Search
from containment.verify.log_levels import LogLevels
from containment.verify.log_sources import EventHistory
from containment.verify.members import members_of
from containment.verify.verification import Pace
from tests.support.project import STACK
from tests.support.workbench import session_of
from tests.verify.test_hold import FILE, POLICY, Incident, act_as_responder, kinds

pytestmark = pytest.mark.lab
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def incident(direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Incident:
    act_as_responder(direct_lab, monkeypatch)
    return Incident(direct_lab, tmp_path)


class AtOnce(Executor):
    """Has done what it is asked as soon as it is asked."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class KnownMakers(Attribution):
    """Has been told by records that the set made whoever has a name like these."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def is_of_the_set(self, newcomer: Newcomer) -> bool:
        return newcomer.arn.rpartition("/")[2].startswith(self.names)


def rounds(
    incident: Incident, *, extending: bool, attribution: Attribution | None = None
) -> tuple[Rounds, list[Event]]:
    """Return holding that has begun, a minute later, and what it told."""
    world, events = incident.lab.world, list[Event]()
    roles = (world.responder_role, world.break_glass_role)
    protected = {parse_principal(arn).label.lower() for arn in roles}
    incident.hold.begin()
    incident.lab.advance(60)
    since = incident.lab.now().replace(microsecond=0)
    clock = iter(range(0, 10_000, 5))
    search = Search(incident.hold, since, protected, attribution)
    made = Rounds(
        incident.hold,
        search,
        events.append,
        lambda _seconds: False,
        lambda: float(next(clock)),
        extending=extending,
    )
    made.round()
    assert events == []
    return made, events


def opened(*arns: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_who_is_made_meanwhile_is_proposed_once_and_nobody_else(incident: Incident) -> None:
    holding, events = rounds(incident, extending=False)
    backdoor = incident.iam.create_user(UserName="backdoor")["User"]["Arn"]
    key = incident.iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    mutations = incident.lab.status()["mutations"]

    for _ in range(6):
        holding.round()

    assert kinds(events) == {"proposed": 2}
    by_subject = {one.subject: one for one in events}
    assert f"{{user: '{backdoor}', rung: deny-all}}" in by_subject[backdoor].step
    alice = by_subject[incident.lab.world.bystander_user]
    assert f"leaked: [{key}], rung: key-only" in alice.step
    assert incident.lab.status()["mutations"] == mutations


def test_extending_contains_them_within_the_limit_and_holds_them_from_then_on(
    incident: Incident,
) -> None:
    lab = incident.lab
    holding, events = rounds(incident, extending=True, attribution=KnownMakers("backdoor", "aaaa"))
    made = [incident.iam.create_user(UserName=f"backdoor-{n}")["User"]["Arn"] for n in range(4)]
    incident.iam.attach_user_policy(UserName="backdoor-0", PolicyArn=ADMINISTRATOR)

    holding.round()

    spec = load(incident.folder / FILE)
    assert kinds(events) == {"extended": 2, "proposed": 2}  # the limit is five
    assert [one.principal.arn for one in spec.targets][3:] == made[:2]
    assert "found by hold" in (incident.folder / FILE).read_text("utf-8")
    assert all("limit" in one.what for one in events if one.kind == "proposed")
    incident.iam.delete_user_policy(UserName="backdoor-0", PolicyName=POLICY)
    events.clear()
    holding.round()
    assert [(one.kind, one.subject) for one in events] == [("reasserted", made[0])]
    assert incident.iam.list_user_policies(UserName="alice")["PolicyNames"] == ["reader"]
    assert lab.status()["evaluator_errors"] == 0


def test_extending_contains_whom_the_set_made_and_an_honest_newcomer_of_that_minute_never(
    incident: Incident, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(history, "_A_SECOND", 1000)
    lab, world, iam = incident.lab, incident.lab.world, incident.iam
    attribution = Attribution()
    holding, events = rounds(incident, extending=True, attribution=attribution)
    iam.attach_user_policy(UserName="ci-deploy", PolicyArn=ADMINISTRATOR)
    iam.attach_role_policy(RoleName="deploy", PolicyArn=ADMINISTRATOR)
    incident.strip_user()
    incident.strip_role()
    incident.switch_on()
    session = session_of(lab, world.leaked, world.deploy_role)
    lab.client("iam", world.leaked).create_user(UserName="backdoor")
    lab.client("iam", session).create_user(UserName="backdoor-of-a-session")
    iam.create_user(UserName="colleague")

    holding.round()

    assert kinds(events)["proposed"] == 3
    assert all("CloudTrail will say" in one.what for one in events if one.kind == "proposed")
    for name in ("backdoor", "backdoor-of-a-session", "colleague"):
        assert iam.list_user_policies(UserName=name)["PolicyNames"] == []
    lab.advance(900)
    cloudtrail = {"us-east-1": lab.client("cloudtrail", world.admin, region="us-east-1")}
    LogLevels(
        STACK,
        incident.hold.spec,
        members_of(incident.hold.state, incident.hold.spec),
        EventHistory(cloudtrail, tmp_path / "logs", lambda _seconds: None),
        lab.now,
        tmp_path / "descendants.json",
        Pace(lambda _seconds: True, lambda _words: None),
        tmp_path / "index",
        take_trace=attribution.take,
    ).run()
    holding.round()

    extended = {one.subject.rpartition("/")[2] for one in events if one.kind == "extended"}
    assert extended == {"backdoor", "backdoor-of-a-session"}
    assert iam.list_user_policies(UserName="backdoor")["PolicyNames"] == [POLICY]
    assert iam.list_user_policies(UserName="colleague")["PolicyNames"] == []
    assert "colleague" not in (incident.folder / FILE).read_text("utf-8")


def test_whom_the_guard_denies_for_being_late_is_contained_without_records(
    incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    holding, events = rounds(incident, extending=True)
    made = incident.iam.create_user(UserName="backdoor")["User"]
    incident.iam.create_user(UserName="colleague")
    monkeypatch.setattr(Hold, "denied_by_guard", {made["UserId"]})

    holding.round()

    assert kinds(events) == {"proposed": 1, "extended": 1}
    assert incident.iam.list_user_policies(UserName="backdoor")["PolicyNames"] == [POLICY]
    assert incident.iam.list_user_policies(UserName="colleague")["PolicyNames"] == []


def test_without_records_nobody_is_contained_for_being_new(incident: Incident) -> None:
    holding, events = rounds(incident, extending=True)
    incident.iam.create_user(UserName="backdoor")

    holding.round()

    assert kinds(events) == {"proposed": 1}
    assert "'hold --live'" in events[0].what
    assert incident.iam.list_user_policies(UserName="backdoor")["PolicyNames"] == []


def test_a_trust_opened_to_one_of_the_set_is_closed_and_another_is_proposed(
    incident: Incident,
) -> None:
    lab, world = incident.lab, incident.lab.world
    holding, events = rounds(incident, extending=True)
    policy = opened(incident.user)
    incident.iam.update_assume_role_policy(RoleName="reporting", PolicyDocument=policy)

    holding.round()

    assert [(one.kind, one.subject) for one in events] == [("extended", world.bystander_role)]
    events.clear()
    incident.iam.create_role(RoleName="made-before", AssumeRolePolicyDocument=opened(world.ci_user))
    lab.advance(1)
    holding.round()
    assert kinds(events)["alarm"] == 0


def test_an_opened_trust_of_an_exempt_role_is_an_alarm_and_never_contained(
    incident: Incident,
) -> None:
    holding, events = rounds(incident, extending=True)
    policy = opened(incident.user, incident.lab.world.responder_user)
    incident.iam.update_assume_role_policy(RoleName="ContainmentResponder", PolicyDocument=policy)

    holding.round()

    assert [(one.kind, one.subject) for one in events] == [
        ("alarm", incident.lab.world.responder_role)
    ]
    assert incident.user in events[0].what


def test_what_is_found_while_the_stack_is_locked_is_contained_after_it(incident: Incident) -> None:
    holding, events = rounds(incident, extending=True, attribution=KnownMakers("backdoor", "aaaa"))
    incident.stack.is_free = False
    incident.iam.create_user(UserName="backdoor")
    holding.round()
    assert events == []

    incident.stack.is_free = True
    holding.round()

    assert kinds(events) == {"extended": 1}


def test_a_name_that_the_spec_refuses_keeps_nobody_else_from_being_contained(
    incident: Incident,
) -> None:
    holding, events = rounds(incident, extending=True, attribution=KnownMakers("backdoor", "aaaa"))
    incident.iam.create_user(UserName="a" * 64, Path="/" + "b" * 400 + "/")
    incident.iam.create_user(UserName="backdoor")

    holding.round()

    assert any(one.kind == "extended" and "backdoor" in one.subject for one in events)
    assert (incident.lab.now() - holding.search.since) < timedelta(minutes=5)


def test_a_use_after_t_is_told_once_with_the_next_rung() -> None:
    evidence = [
        Evidence("V4", "arn:aws:iam::111122223333:role/web", "broken", "used", "step"),
        Evidence("V4+", "arn:aws:iam::111122223333:role/web", "holds", "AWS refused it"),
    ]
    rungs: dict[str, Any] = {"arn:aws:iam::111122223333:role/web": ("role", "revoke-sessions")}
    watch = RecordWatch(lambda: evidence, lambda: rungs, "inc-2026-0042", AtOnce())
    assert watch.events() == []

    first = watch.events()

    assert [one.kind for one in first] == ["used", "evidence"]
    assert "'rung: close-trust'" in first[0].step
    assert watch.events() == []
    assert "quarantine" in records.next_rung("user", "deny-all", "inc-2026-0042")
