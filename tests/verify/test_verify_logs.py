"""V4 and V5 over the lab's CloudTrail: successes, refusals, silence, and logs that are late."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.aws.caller import identify
from containment.clock import isoformat
from containment.descendants import Descendant, Record, dumps
from containment.facets import marks
from containment.lab.cloudtrail import history
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.spec import load
from containment.trail import Trace
from containment.trail.outputs.remember import remember
from containment.verify import log_levels
from containment.verify.authorization_records import AuthorizationRecords
from containment.verify.log_levels import LogLevels
from containment.verify.log_sources import Brought, EventHistory, LogFiles
from containment.verify.members import members_of
from containment.verify.verification import Pace, Verification
from tests.support.meddling import policy
from tests.support.workbench import INCIDENT, minted, session_of
from tests.verify.conftest import Contain, Scene, words_of

pytestmark = pytest.mark.lab

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/ci/ci-deploy"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
REGIONS = ("us-east-1", "eu-west-1")
U, R = f"{{user: {USER}}}", f"{{role: {ROLE}}}"


class Logs:
    """The levels that read logs, on the lab's clock."""

    def __init__(self, scene: Scene, folder: Path, *, files: list[str] | None = None) -> None:
        self.scene, self.folder, self.files = scene, folder, files
        self.waits: list[float] = []
        self.stops = False
        self.progress: list[str] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.scene.lab.advance(seconds)
        return self.stops

    def verify(self, *, watch: bool = False, **more: Any) -> Verification:
        return self.scene.verify(logs=replace(self.levels(watch=watch), **more).run)

    def levels(self, *, watch: bool = False) -> LogLevels:
        scene = self.scene
        spec_file = scene.bench.directory / "stacks" / f"{INCIDENT}.yaml"
        spec = load(spec_file)
        clients = {
            region: scene.lab.client("cloudtrail", scene.lab.world.admin, region=region)
            for region in REGIONS
        }
        brought = Brought(tuple(self.files or ()))
        return LogLevels(
            INCIDENT,
            spec,
            members_of(scene.state, spec),
            EventHistory(clients, self.folder, lambda _: None)
            if self.files is None
            else LogFiles(REGIONS, lambda: brought),
            self.now,
            spec_file.with_suffix(".descendants.json"),
            Pace(self.wait, self.progress.append),
            self.folder / "index",
            watching=watch,
        )

    def now(self) -> datetime:
        return identify(self.scene.bench.context.clients.sts).answered_at


@pytest.fixture
def logs_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Logs]:
    # Each poll costs a trace: a few are as good as thirty.
    monkeypatch.setattr(log_levels, "POLL_S", 600.0)
    # Its limit is two calls a second of the wall clock, and no second passes here.
    monkeypatch.setattr(history, "_A_SECOND", 1000)

    def make(scene: Scene, **more: Any) -> Logs:
        return Logs(scene, tmp_path / "logs", **more)

    return make


LogsOf = Callable[..., Logs]


def lists_buckets(scene: Scene, credentials: Credentials) -> bool:
    try:
        scene.lab.client("s3", credentials).list_buckets()
    except ClientError:
        return False
    return True


def asks_who(scene: Scene, credentials: Credentials) -> str:
    return str(scene.lab.client("sts", credentials).get_caller_identity()["Arn"])


def words_at(result: Verification, level: str) -> str:
    return words_of(one for one in result.evidence if one.level == level)


def test_a_watch_over_all_regions_ends_when_the_logs_cover_it(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    session = minted(direct_lab, direct_lab.world.leaked)
    scene = contain(U)
    scene.lab.advance(200)
    assert not lists_buckets(scene, session)
    assert asks_who(scene, session)
    logs = logs_of(scene)

    result = logs.verify(watch=True)

    assert result.verdict.causes == ()
    assert [one.level for one in result.verdict.missing] == ["V4+"]
    assert "V5 holds account 111122223333: 2 Regions are covered" in words_at(result, "V5")
    assert "V4 holds" in words_at(result, "V4")
    assert "ListBuckets: AccessDenied (an explicit deny in an identity-based policy)" in words_at(
        result, "V4"
    )
    assert any("logs cover" in line for line in logs.progress)
    assert sum(logs.waits) < 60 * 60


def records_of(scene: Scene) -> AuthorizationRecords:
    """Return what asks the lab for its records, as the responder."""
    return AuthorizationRecords(
        lambda region: scene.lab.client("iam-toolbox", scene.lab.world.responder, region=region),
        INCIDENT,
        deny_all=False,
    )


def test_with_aws_own_record_of_a_denial_it_is_contained_and_verified(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    scene = contain(R)
    scene.lab.advance(200)
    with pytest.raises(ClientError, match="authorization id"):
        lists_users(scene, direct_lab.world.app_session)
    (deny,) = [state for action, state in scene.applied.states if action.resource == "DenyPolicy"]
    sid = marks.mark(INCIDENT, deny.snapshot_id, deny.generation).sid
    records = records_of(scene)

    result = logs_of(scene).verify(watch=True, harvest=records.harvest)

    assert result.verdict.word == "contained, verified", result.verdict.missing
    assert f"explicit deny by statement '{sid}'" in words_at(result, "V4+")
    (evidence,) = [one for one in result.evidence if one.level == "V4+"]
    (kept,) = records.answers
    assert evidence.authorization == kept["authorizationId"]
    assert evidence.request == kept["requestId"] != ""
    assert [one["Statement"][0]["Sid"] for one in kept["documents"].values()] == [sid]

    stripped = logs_of(scene)
    scene.iam.delete_role_policy(RoleName="app", PolicyName=f"containment-{INCIDENT}")
    again = stripped.verify(watch=True, harvest=records.harvest)
    assert again.verdict.word == "not contained"


def test_a_foreign_control_policy_that_denies_by_chance_is_named_and_does_not_count(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    foreign = {"Sid": "NoIam", "Effect": "Deny", "Action": "iam:List*", "Resource": "*"}
    organizations = direct_lab.client("organizations", direct_lab.world.management_admin)
    made = organizations.create_policy(
        Name="no-iam", Description="", Type="SERVICE_CONTROL_POLICY", Content=policy(foreign)
    )["Policy"]["PolicySummary"]
    # Ours binds a day late, so that theirs is what denies.
    direct_lab.faults({"kind": "lag", "seconds": 86400, "scope": "iam"})
    scene = contain(R)
    organizations.attach_policy(PolicyId=made["Id"], TargetId=ACCOUNT)
    scene.lab.advance(200)
    with pytest.raises(ClientError, match="authorization id"):
        lists_users(scene, direct_lab.world.app_session)

    result = logs_of(scene).verify(watch=True, harvest=records_of(scene).harvest)

    assert result.verdict.word == "not verified"
    assert "V4+" in {one.level for one in result.verdict.missing}
    assert "explicit deny by statement 'NoIam' of a SERVICE_CONTROL_POLICY" in words_at(
        result, "V4+"
    )


def test_without_a_watch_what_the_logs_do_not_cover_yet_is_not_verified(
    contain: Contain, logs_of: LogsOf
) -> None:
    scene = contain(U)
    scene.lab.advance(900)

    result = logs_of(scene).verify()

    assert result.verdict.word == "not verified"
    (missing,) = [one for one in result.verdict.missing if one.level == "V5"]
    assert "not all of 30 minutes after the containment are covered" in missing.why
    assert "--live --watch" in missing.step


def lists_users(scene: Scene, credentials: Credentials) -> None:
    scene.lab.client("iam", credentials).list_users()


def allow_list_users(lab: Lab, role: str) -> None:
    allow = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    lab.client("iam", lab.world.admin).put_role_policy(
        RoleName=role, PolicyName="more", PolicyDocument=policy(allow)
    )


def test_a_session_older_than_t_that_succeeds_after_it_is_named(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    allow_list_users(direct_lab, "app")
    direct_lab.faults({"kind": "lag", "seconds": 86400})
    scene = contain(R)
    scene.lab.advance(300)
    lists_users(scene, direct_lab.world.app_session)
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    assert result.verdict.word == "not contained"
    (cause,) = result.verdict.causes
    assert (cause.level, cause.subject) == ("V4", ROLE)
    assert f"{direct_lab.world.app_session.access_key_id}, issued" in cause.what
    assert "made ListUsers at" in cause.what


def test_taking_up_another_role_is_a_success_too(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    direct_lab.faults({"kind": "lag", "seconds": 86400})
    scene = contain(U)
    scene.lab.advance(300)
    session_of(direct_lab, direct_lab.world.leaked, direct_lab.world.deploy_role)
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    assert result.verdict.word == "not contained"
    assert any("AssumeRole" in cause.what for cause in result.verdict.causes)


def test_a_new_session_of_a_revoked_role_is_an_honest_one(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    allow_list_users(direct_lab, "app")
    scene = contain(R)
    scene.lab.advance(300)
    lists_users(scene, session_of(direct_lab, direct_lab.world.runner, ROLE))
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    assert result.verdict.causes == ()
    assert "no call of it after" in words_at(result, "V4")


def test_an_inactive_key_that_aws_still_takes_is_named_by_whatever_it_does(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    direct_lab.faults({"kind": "lag", "seconds": 86400})
    scene = contain(U)
    scene.lab.advance(300)
    assert asks_who(scene, direct_lab.world.leaked) == USER
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    assert result.verdict.word == "not contained"
    assert f"{direct_lab.world.leaked.access_key_id} made GetCallerIdentity" in words_at(
        result, "V4"
    )


def test_a_success_that_is_delivered_late_ends_the_watch_when_it_comes(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    allow_list_users(direct_lab, "app")
    direct_lab.faults({"kind": "lag", "seconds": 86400})
    direct_lab.delivers_after(1800)
    scene = contain(R)
    scene.lab.advance(900)
    lists_users(scene, direct_lab.world.app_session)
    logs = logs_of(scene)
    assert logs.verify().verdict.causes == ()

    result = logs.verify(watch=True)

    assert result.verdict.word == "not contained"
    polls = [wait for wait in logs.waits if wait > 1]
    assert 3 <= len(polls) <= 4


def test_a_watch_that_is_stopped_is_not_verified(contain: Contain, logs_of: LogsOf) -> None:
    scene = contain(U)
    scene.lab.advance(300)
    logs = logs_of(scene)
    logs.stops = True

    result = logs.verify(watch=True)

    assert result.verdict.word == "not verified"
    assert "V5" in {one.level for one in result.verdict.missing}


def test_logs_that_never_come_end_a_watch_after_an_hour(contain: Contain, logs_of: LogsOf) -> None:
    scene = contain(U)
    scene.lab.delivers_after(86400)
    logs = logs_of(scene)

    result = logs.verify(watch=True)

    assert result.verdict.word == "not verified"
    assert "us-east-1 has no record since" in words_at(result, "V5")
    assert 90 * 60 <= sum(logs.waits) <= 110 * 60


def test_what_came_out_of_a_role_before_t_and_works_on_leaves_the_verdict_open(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    other = direct_lab.world.bystander_role
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": other}
    direct_lab.client("iam", direct_lab.world.admin).put_role_policy(
        RoleName="app", PolicyName="on", PolicyDocument=policy(assume)
    )
    allow_list_users(direct_lab, "reporting")
    taken_up = session_of(direct_lab, direct_lab.world.app_session, other)
    scene = contain(R)
    scene.lab.advance(300)
    honest = session_of(direct_lab, direct_lab.world.runner, ROLE)
    lists_users(scene, session_of(direct_lab, honest, other))
    scene.lab.advance(600)
    assert logs_of(scene).verify().verdict.causes == ()
    assert "V4 open" not in words_at(logs_of(scene).verify(), "V4")
    lists_users(scene, taken_up)
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    assert result.verdict.word == "not verified"
    (missing,) = [one for one in result.verdict.missing if one.level == "V4"]
    assert missing.subject == taken_up.access_key_id
    assert "came out of a session of the role before T, made ListUsers" in missing.why

    swept = Descendant(
        taken_up.access_key_id, "access_key", "A_issued", f"{ACCOUNT}/role/reporting", "", "", "",
        "", "certain", swept="the nightly report, by its owner",
    )  # fmt: skip
    spec_file = scene.bench.directory / "stacks" / f"{INCIDENT}.yaml"
    spec_file.with_suffix(".descendants.json").write_text(
        dumps(Record(INCIDENT, descendants=(swept,)))
    )
    assert "V4 open" not in words_at(logs_of(scene).verify(), "V4")


def test_what_came_of_a_leaked_key_is_remembered_and_the_sweep_says_when_it_is_whole(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    stolen = session_of(direct_lab, direct_lab.world.leaked, direct_lab.world.deploy_role)
    scene = contain(U)
    scene.lab.advance(3000)
    remembered: list[str] = []

    def note(answer: Trace) -> None:
        remembered.extend(one.id for one in answer.credentials)
        remember(answer, scene.bench.directory / "stacks" / f"{INCIDENT}.yaml")

    def swept_words(minutes: float) -> str:
        verified = scene.lab.now() - timedelta(minutes=minutes)
        return words_at(logs_of(scene).verify(remember=note, verified_at=verified), "V4")

    early = swept_words(0)
    assert stolen.access_key_id in remembered
    assert "of which 1 would work on after a lift; it is whole once the logs go to" in early
    scene.lab.advance(600)
    assert "all that was made up to the verdict" in swept_words(40)
    never = words_at(logs_of(scene).verify(), "V4")
    assert "is told once the incident was verified" in never


def test_files_leave_open_what_only_aws_can_tell(
    contain: Contain, logs_of: LogsOf, tmp_path: Path
) -> None:
    scene = contain(U)
    scene.lab.advance(300)
    stopped = {
        "eventTime": isoformat(scene.lab.now()),
        "eventName": "StopLogging",
        "eventSource": "cloudtrail.amazonaws.com",
        "awsRegion": "us-east-1",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "AWSAccount", "accountId": "999999999999"},
    }
    (tmp_path / "stopped.json").write_text(json.dumps({"Records": [stopped]}))
    scene.lab.advance(3000)
    live = logs_of(scene)
    live.verify()
    broken_log = tmp_path / "broken.json.gz"
    broken_log.write_bytes(b"\x1f\x8b cut off")
    places = (live.folder / "after", tmp_path / "stopped.json", broken_log)
    files = logs_of(scene, files=[*map(str, places)])

    result = files.verify()

    assert result.verdict.word == "not verified"
    open_words = [one.why for one in result.verdict.missing if one.level == "V4"]
    assert "logging was changed: StopLogging" in "\n".join(open_words)
    assert "broken.json.gz" in "\n".join(open_words)
    (coverage,) = [one for one in result.verdict.missing if one.level == "V5"]
    assert "eu-west-1 has" in coverage.why
    assert "--live', which tells silence from logs that are missing" in coverage.step


def test_a_key_that_an_earlier_trace_found_is_watched_for(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    scene = contain(R)
    key = direct_lab.world.bystander.access_key_id
    spec_file = scene.bench.directory / "stacks" / f"{INCIDENT}.yaml"
    record = Record(
        INCIDENT,
        descendants=(
            Descendant(
                key, "access_key", "A_issued", f"{ACCOUNT}/user/alice", "", "", "", "", "certain"
            ),
        ),
    )
    spec_file.with_suffix(".descendants.json").write_text(dumps(record))
    scene.lab.advance(300)
    with suppress(ClientError):
        lists_users(scene, direct_lab.world.bystander)
    scene.lab.advance(600)
    assert logs_of(scene).verify().verdict.causes == ()
    session_of(direct_lab, direct_lab.world.bystander, direct_lab.world.bystander_role)
    scene.lab.advance(600)

    result = logs_of(scene).verify()

    (cause,) = result.verdict.causes
    assert (cause.level, cause.subject) == ("V4", key)
    assert "AssumeRole" in cause.what


def test_a_session_that_came_of_the_leaked_key_and_succeeds_elsewhere_is_named(
    contain: Contain, logs_of: LogsOf, direct_lab: Lab
) -> None:
    stolen = session_of(direct_lab, direct_lab.world.leaked, direct_lab.world.deploy_role)
    scene = contain(U)
    scene.lab.advance(300)
    allow_list_users(direct_lab, "deploy")
    lists_users(scene, stolen)
    logs = logs_of(scene)

    result = logs.verify(watch=True)

    assert result.verdict.word == "not contained"
    (cause,) = [one for one in result.verdict.causes if one.level == "V4"]
    assert cause.subject == stolen.access_key_id
    assert "ListUsers" in cause.what
    assert "contain it" in cause.step
    assert len(logs.waits) < 6
