"""A preview with recorded calls: what it says in each form, and where they come from."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from containment.aws import trail_source
from containment.clock import isoformat, utc_now
from containment.lab.testing import Lab
from tests.cli.conftest import Command
from tests.support.fake_engine import STACK, USER, FakeEngine, summary

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("ready")]

LEAKED = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture
def ready(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engine.exports()
    engine.answer("preview", events=[summary(preview=True)])
    return engine


@pytest.fixture
def records(served: Lab) -> list[dict[str, Any]]:
    """Calls of the leaked user: one of the pipeline's own key, and three of the leaked one."""
    iam = served.client("iam", served.world.admin)
    unique_id = iam.get_user(UserName="ci-deploy")["User"]["UserId"]
    keys = [served.world.leaked.access_key_id, LEAKED, LEAKED, LEAKED]
    return [
        {
            "eventName": "ListBuckets",
            "eventTime": isoformat(utc_now() - timedelta(hours=number + 1)),
            "eventSource": "s3.amazonaws.com",
            "awsRegion": "us-east-1",
            "sourceIPAddress": "198.51.100.7",
            "eventID": f"id-{number}",
            "recipientAccountId": served.world.account,
            "userIdentity": {
                "type": "IAMUser",
                "principalId": unique_id,
                "arn": USER,
                "accountId": served.world.account,
                "accessKeyId": key,
            },
        }
        for number, key in enumerate(keys)
    ]


def test_a_preview_tells_what_would_have_been_refused_of_whom_and_what_of_the_attacker(
    containment: Command, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    log = tmp_path / "log.json"
    log.write_text(json.dumps({"Records": records}))
    ran = containment("preview", STACK, "--logs", log)

    assert ran.code == 0
    own = records[0]["userIdentity"]["accessKeyId"]
    assert f"would refuse   1 call of user ci-deploy by {own}, the last one 1 h ago" in ran.out
    assert f"attacker's own 3 calls of user ci-deploy by {LEAKED}, the last one 2 h ago" in ran.out
    assert "not recorded   the logs begin 13 days after the time asked for" in ran.out
    for form in ("markdown", "html"):
        assert "1 call of user ci-deploy" in containment(
            "preview", STACK, "--logs", log, "--format", form
        ).out.replace("&#39;", "'")
    document = containment("preview", STACK, "--logs", log, "--json").json
    (principal,) = document["diff"]["principals"]
    rows = [
        (row["by"], row["calls"], row["attackers"], row["bound"])
        for row in principal["replayed"]["refused"]
    ]
    assert ("deny", 1, False, "lower bound") in rows
    assert ("deny", 3, True, "lower bound") in rows


def test_a_preview_asks_event_history_and_keeps_to_its_pages(
    containment: Command,
    records: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class History:
        """Answers one record a page, for ever."""

        asked = 0

        def lookup_events(self, **_asked: object) -> dict[str, Any]:
            self.asked += 1
            event = {**records[self.asked % 4], "eventID": f"id-{self.asked}"}
            return {"Events": [{"CloudTrailEvent": json.dumps(event)}], "NextToken": "more"}

    history = History()
    monkeypatch.setattr(trail_source, "cloudtrail_clients", lambda: {"us-east-1": history})
    monkeypatch.setattr("containment.trail.logs.lookup._PAUSE_S", 0)
    ran = containment("preview", STACK, "--replay")

    assert ran.code == 0
    assert history.asked == 40
    assert "10 calls of user ci-deploy" in ran.out
    assert "LookupEvents_us-east-1" not in ran.out
    assert "the latest 40 pages alone were asked for" in ran.out


def test_a_preview_without_logs_looks_at_no_record(containment: Command) -> None:
    ran = containment("preview", STACK)
    assert "would refuse" not in ran.out
    assert containment("preview", "--json").json["diff"]["principals"][0]["replayed"] is None


def test_two_sources_or_none_that_is_there_are_an_error(
    containment: Command, tmp_path: Path
) -> None:
    both = containment("preview", STACK, "--logs", tmp_path, "--replay")
    assert (both.code, "two sources of the same calls" in both.err) == (2, True)
    missing = containment("preview", STACK, "--logs", tmp_path / "nowhere")
    assert missing.code != 0
    assert "nowhere" in missing.err
