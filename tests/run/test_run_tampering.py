"""Who changed a principal, out of CloudTrail's records; and which other programs manage it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.identities import parse_principal
from containment.run.other_programs import managing_programs
from containment.run.tampering import Deeds, History, own_requests

pytestmark = pytest.mark.plain

USER = parse_principal("arn:aws:iam::111122223333:user/ci/bot")
ROLE = parse_principal("arn:aws:iam::111122223333:role/app")
SINCE = datetime(2026, 12, 1, tzinfo=UTC)


def record(event: str, **more: Any) -> dict[str, Any]:
    return {
        "eventName": event,
        "eventTime": "2026-12-01T00:01:00Z",
        "recipientAccountId": "111122223333",
        "requestID": "theirs",
        "requestParameters": {"userName": "bot"},
        "sourceIPAddress": "203.0.113.7",
        "userIdentity": {
            "arn": "arn:aws:iam::111122223333:user/mallory",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "userName": "mallory",
        },
        **more,
    }


class Trail:
    """CloudTrail's history with these records, a page each; or one that refuses."""

    def __init__(self, *records: Any, refuses: bool = False, endless: bool = False) -> None:
        self.records, self.refuses, self.endless = records, refuses, endless

    def lookup_events(self, **asked: Any) -> dict[str, Any]:
        if self.refuses:
            error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
            raise ClientError(error, "LookupEvents")  # type: ignore[arg-type]
        (attribute,) = asked["LookupAttributes"]
        assert attribute["AttributeKey"] == "EventName"
        of_name = [
            one
            for one in self.records
            if not isinstance(one, dict) or one["eventName"] == attribute["AttributeValue"]
        ]
        start = int(asked.get("NextToken", "0"))
        answer: dict[str, Any] = {
            "Events": [
                {"CloudTrailEvent": one if isinstance(one, str) else json.dumps(one)}
                for one in of_name[start : start + 1]
            ]
        }
        if self.endless or start + 1 < len(of_name):
            answer["NextToken"] = str(start + 1)
        return answer


def deeds(trail: Trail, word: str = "DenyPolicy", who: Any = USER, own: Any = ("ours",)) -> Deeds:
    return History(trail, SINCE, own, pause=lambda _s: None).deeds(who, [word])


def test_a_change_is_told_with_who_made_it_by_which_credential_and_from_where() -> None:
    named = deeds(Trail("no json", "[]", record("DeleteUserPolicy")))

    (deed,) = named.deeds
    assert str(deed) == (
        "2026-12-01T00:01:00Z DeleteUserPolicy by arn:aws:iam::111122223333:user/mallory"
        " with AKIAIOSFODNN7EXAMPLE from 203.0.113.7"
    )
    assert named.unread == ""


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"requestID": "ours"}, id="our own, by the ledger"),
        pytest.param({"errorCode": "AccessDenied"}, id="refused"),
        pytest.param({"requestParameters": {"userName": "other"}}, id="of somebody else"),
        pytest.param({"recipientAccountId": "999988887777"}, id="of another account"),
    ],
)
def test_what_changed_nothing_of_it_is_left_out(more: dict[str, Any]) -> None:
    assert deeds(Trail(record("DeleteUserPolicy", **more))).deeds == ()


def test_a_forged_user_agent_makes_nothing_ours() -> None:
    agent = {"userAgent": "containment/0.1 incident/inc-1"}

    assert len(deeds(Trail(record("DeleteUserPolicy", **agent))).deeds) == 1


def test_a_key_that_its_own_user_sets_active_is_theirs() -> None:
    own = {"requestParameters": {"accessKeyId": "AKIA", "status": "Active"}}
    identity = {"arn": USER.arn, "userName": "bot"}

    made = deeds(
        Trail(record("UpdateAccessKey", userIdentity=identity, **own)), "InactiveCredentials"
    )

    assert [deed.actor for deed in made.deeds] == [USER.arn]


def test_a_role_is_asked_about_by_its_own_events() -> None:
    trail = Trail(record("UpdateAssumeRolePolicy", requestParameters={"roleName": "app"}))

    assert len(deeds(trail, "ClosedTrustPolicy", ROLE).deeds) == 1
    assert deeds(trail, "ClosedTrustPolicy", USER).deeds == ()


def test_what_could_not_be_asked_is_told_and_so_is_what_has_no_end() -> None:
    assert "AccessDenied" in deeds(Trail(refuses=True)).unread
    assert "more than 1,000 records" in deeds(Trail(endless=True)).unread


def test_the_ledger_tells_our_own_requests() -> None:
    entries: list[Any] = [{"kind": "outcome", "request_id": "a"}, {"kind": "intent"}]

    assert own_requests(entries) == {"a"}


@pytest.mark.parametrize(
    ("tags", "programs"),
    [
        ({"aws:cloudformation:stack-name": "x"}, ["CloudFormation"]),
        ({"ManagedBy": "Terraform"}, ["Terraform"]),
        ({"managed-by": "aws-cdk"}, ["CDK"]),
        ({"terraform": "true", "Terraform": "yes"}, ["Terraform"]),
        ({"pulumi:project": "p", "created_by": "opentofu"}, ["OpenTofu", "Pulumi"]),
        ({"terraform": "false", "Owner": "terraform", "tool": "hammer"}, []),
        ({"containment:inc-1": "x", "Name": "cdk"}, []),
    ],
)
def test_tags_tell_which_other_program_manages_a_principal(
    tags: dict[str, str], programs: list[str]
) -> None:
    assert sorted(one.name for one in managing_programs(tags)) == programs
