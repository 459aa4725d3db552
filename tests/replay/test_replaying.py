"""What is counted, as what, and what the records cannot tell; without an account."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from containment.facets.write import Write
from containment.replay import history as histories
from containment.replay.attackers import Attackers
from containment.replay.collateral import Replayed
from containment.replay.denials import planned_denials
from containment.replay.history import NO_DATA_EVENTS, read_history
from containment.replay.replaying import Replayer

pytestmark = pytest.mark.plain

ACCOUNT = "111122223333"
USER, USER_ID = f"arn:aws:iam::{ACCOUNT}:user/ci/ci-deploy", "AIDAEXAMPLEEXAMPLE001"
ROLE, ROLE_ID = f"arn:aws:iam::{ACCOUNT}:role/deploy", "AROAEXAMPLEEXAMPLE001"
LEAKED, OTHER = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
T0 = datetime(2026, 11, 29, tzinfo=UTC)


def hours_ago(hours: float) -> str:
    """Return the moment so many hours before the question."""
    return (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def by_user(key: str = LEAKED) -> dict[str, Any]:
    return {
        "type": "IAMUser",
        "principalId": USER_ID,
        "arn": USER,
        "accountId": ACCOUNT,
        "accessKeyId": key,
        "userName": "ci-deploy",
    }


def by_role(session: str, issued: str, **more: Any) -> dict[str, Any]:
    issuer = {"type": "Role", "principalId": ROLE_ID, "arn": ROLE, "accountId": ACCOUNT}
    attributes = {"creationDate": issued, "mfaAuthenticated": "false"}
    return {
        "type": "AssumedRole",
        "principalId": f"{ROLE_ID}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/{session}",
        "accountId": ACCOUNT,
        "accessKeyId": f"ASIA{session.upper().replace('-', ''):0<16}",
        "sessionContext": {"sessionIssuer": issuer, "attributes": attributes},
        **more,
    }


class Log:
    """Records of calls, written as CloudTrail writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[dict[str, Any]] = []
        self.is_written = False
        # Without a data event nobody knows whether any is recorded.
        self.add({**by_user(), "principalId": "AIDASOMEBODYELSE0001"}, 320, managementEvent=False)

    def add(self, who: dict[str, Any], hours: float, name: str = "ListBuckets", **more: Any) -> Log:
        self.records.append(
            {
                "eventName": name,
                "eventTime": hours_ago(hours),
                "eventSource": "s3.amazonaws.com",
                "awsRegion": "eu-central-1",
                "sourceIPAddress": "198.51.100.7",
                "eventID": f"id-{len(self.records)}",
                "recipientAccountId": ACCOUNT,
                "userIdentity": who,
                **more,
            }
        )
        return self

    def replay(
        self,
        *writes: Write,
        principal: tuple[str, str] = (USER_ID, USER),
        attackers: Attackers | None = None,
        days: int = 14,
        cache: Path | None = None,
    ) -> Replayed:
        if not self.is_written:
            self.folder.mkdir(exist_ok=True)
            (self.folder / "log.json").write_text(json.dumps({"Records": self.records}))
        history = read_history(
            [str(self.folder)],
            since=NOW - timedelta(days=days),
            now=NOW,
            cache=cache,
            workers=1,
        )
        replayer = Replayer(history, attackers or Attackers(0), frozenset(), NOW)
        unique_id, arn = principal
        kind, _, name = arn.rpartition(":")[2].partition("/")
        label = f"{ACCOUNT}/{kind}/{name.rpartition('/')[2]}"
        return replayer.weigh(
            planned_denials(writes), unique_id, label, arn=arn, longest=timedelta(hours=1)
        )


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "logs")


def deny(**condition: Any) -> Write:
    statement: dict[str, Any] = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    if condition:
        statement["Condition"] = condition
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Write("inline policy containment-inc-1", None, text, is_document=True)


def sums(replayed: Replayed) -> list[tuple[str, int, str]]:
    return [(one.caller, one.calls, one.bound) for one in replayed.refused]


OF_ROLE = (ROLE_ID, ROLE)


def test_calls_are_counted_by_caller_with_the_last_of_them(log: Log) -> None:
    log.add(by_user(), 30).add(by_user(), 2).add(by_user(OTHER), 5, "GetObject")
    replayed = log.replay(deny())
    assert sums(replayed) == [
        (f"user ci-deploy by {LEAKED}", 2, "exact"),
        (f"user ci-deploy by {OTHER}", 1, "exact"),
    ]
    assert str(replayed.refused[0]) == (
        f"2 calls of user ci-deploy by {LEAKED}, the last one 2 h ago (2026-11-30T10:00:00Z), by"
        " the deny (s3 ListBuckets 2); exact"
    )
    assert replayed.callers == 2


def test_the_attackers_own_calls_are_apart_from_t0_on(log: Log) -> None:
    log.add(by_user(), 100).add(by_user(), 3).add(by_user(), 2).add(by_user(OTHER), 1)
    attackers = Attackers(int(T0.timestamp()), frozenset({LEAKED}))
    replayed = log.replay(deny(), attackers=attackers)
    assert [(one.caller, one.calls) for one in replayed.attackers] == [
        (f"user ci-deploy by {LEAKED}", 2)
    ]
    assert [one.calls for one in replayed.collateral] == [1, 1]


def test_an_inactive_key_refuses_its_own_calls_alone_even_those_no_policy_denies(log: Log) -> None:
    log.add(by_user(), 2, "GetCallerIdentity", eventSource="sts.amazonaws.com")
    log.add(by_user(OTHER), 1)
    key = Write(f"access key {LEAKED}", "Active", "Inactive")
    assert sums(log.replay(key)) == [(f"user ci-deploy by {LEAKED}", 1, "exact")]
    assert sums(log.replay(deny())) == [(f"user ci-deploy by {OTHER}", 1, "exact")]


def test_a_record_that_comes_twice_counts_once_and_a_refused_call_not_at_all(log: Log) -> None:
    log.add(by_user(), 2)
    log.records.append(dict(log.records[-1]))
    log.add(by_user(), 1, errorCode="AccessDenied")
    assert sums(log.replay(deny())) == [(f"user ci-deploy by {LEAKED}", 1, "exact")]


def test_sessions_that_have_ended_are_apart_and_living_ones_are_an_upper_bound(log: Log) -> None:
    log.add(by_role("old", hours_ago(40)), 39.5)
    log.add(by_role("now", hours_ago(0.5)), 0.25)
    replayed = log.replay(
        deny(DateLessThan={"aws:TokenIssueTime": hours_ago(0)}), principal=OF_ROLE
    )
    assert sums(replayed) == [("session now of role deploy", 1, "upper bound")]
    (passing,) = replayed.passing
    assert passing.startswith("1 call of sessions that have ended by now")


def test_a_key_that_no_record_tells_makes_a_bound_and_is_named(log: Log) -> None:
    log.add(by_role("one", hours_ago(5), invokedBy="athena.amazonaws.com"), 4)
    log.add(by_role("two", hours_ago(5)), 3, vpcEndpointId="vpce-1")
    log.add(by_role("three", hours_ago(5)), 2)
    replayed = log.replay(deny(IpAddress={"aws:SourceIp": "198.51.100.0/24"}), principal=OF_ROLE)
    assert sums(replayed) == [
        ("session one of role deploy, through athena.amazonaws.com", 1, "upper bound"),
        ("session three of role deploy", 1, "exact"),
    ]
    assert replayed.refused[0].because == ("it depends on aws:sourceip, which no record tells",)


def test_an_instance_that_no_record_names_is_a_bound_and_another_session_is_none(log: Log) -> None:
    log.add(by_role("i-0abc1234def567890", hours_ago(5)), 4).add(by_role("web", hours_ago(5)), 3)
    arn = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:instance/i-0abc1234def567890"
    replayed = log.replay(deny(ArnEquals={"ec2:SourceInstanceARN": arn}), principal=OF_ROLE)
    assert sums(replayed) == [("session i-0abc1234def567890 of role deploy", 1, "upper bound")]


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}},
            },
        ],
    }
)


def test_a_closed_trust_refuses_users_and_services_and_spares_break_glass(log: Log) -> None:
    entry = {"eventSource": "sts.amazonaws.com", "requestParameters": {"roleArn": ROLE}}
    service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    spared = {**by_user(), "arn": f"arn:aws:iam::{ACCOUNT}:user/glass", "principalId": "AIDAGLASS"}
    log.add(by_user(), 4, "AssumeRole", **entry)
    log.add(service, 3, "AssumeRole", **entry)
    log.add(spared, 2, "AssumeRole", **entry)
    document = json.loads(TRUST)
    document["Statement"].append(
        {
            "Sid": "ContainmentX",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sts:AssumeRole",
            "Condition": {"StringNotEquals": {"aws:PrincipalArn": [spared["arn"]]}},
        }
    )
    closed = Write("trust policy", TRUST, json.dumps(document), is_document=True)
    assert sums(log.replay(closed, principal=OF_ROLE)) == [
        ("service lambda.amazonaws.com", 1, "exact"),
        (f"user ci-deploy by {LEAKED}", 1, "exact"),
    ]


def test_what_the_logs_lack_makes_every_number_a_lower_bound(log: Log) -> None:
    log.records.clear()
    log.add(by_user(), 2)
    replayed = log.replay(deny())
    assert sums(replayed) == [(f"user ci-deploy by {LEAKED}", 1, "lower bound")]
    assert NO_DATA_EVENTS in replayed.notes
    assert any("begin 13 days after" in note for note in replayed.notes)


def test_logs_without_a_call_of_that_time_tell_nothing(log: Log) -> None:
    replayed = log.replay(deny(), days=1)
    assert replayed.refused == ()
    assert replayed.until == ""
    assert replayed.notes == ("the logs hold no call of that time at all, so they tell nothing",)


def test_a_file_that_cannot_be_read_is_named(log: Log) -> None:
    log.add(by_user(), 2).replay(deny())
    (log.folder / "cut.json").write_text('{"Records": [{"eventName": "x"')
    replayed = log.replay(deny())
    assert any("cut.json" in note for note in replayed.notes)
    assert replayed.refused[0].bound == "lower bound"


def test_more_callers_than_are_shown_are_counted(log: Log) -> None:
    for number in range(15):
        log.add(by_role(f"job{number}", hours_ago(1)), 0.5)
    replayed = log.replay(deny(), principal=OF_ROLE)
    assert len(replayed.refused) == 12
    assert "by the deny also 3 calls of 3 more callers" in replayed.notes


def test_the_next_question_reads_no_log_again_and_answers_alike(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.add(by_user(), 2).add(by_user(), 300)
    first = log.replay(deny(), cache=tmp_path / "cache")
    assert sums(first) == [(f"user ci-deploy by {LEAKED}", 2, "exact")]

    def unread(job: tuple[list[str], int]) -> None:
        raise AssertionError(job)

    monkeypatch.setattr(histories, "count_files", unread)
    log.is_written = True
    again = log.replay(deny(), cache=tmp_path / "cache")
    assert again == first
    # The window is counted exactly out of what is kept.
    assert sums(log.replay(deny(), days=2, cache=tmp_path / "cache"))[0][1] == 1
