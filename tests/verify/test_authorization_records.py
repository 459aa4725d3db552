"""V4+: whose statement AWS says denied, in the shapes of botocore's model of the IAM Toolbox."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from containment.facets import marks
from containment.trail.facts.fact import Caller
from containment.verify.authorization_records import AuthorizationRecords
from containment.verify.evidence import Evidence
from containment.verify.log_reading import LoggedCall
from policies import render
from tests.verify.conftest import words_of

pytestmark = pytest.mark.plain

INCIDENT = "inc-2026-0042"
USER = "arn:aws:iam::111122223333:user/ci/ci-deploy"
SID = marks.mark(INCIDENT, "s" * 10, 7).sid
OTHERS = marks.mark("inc-2026-0043", "s" * 10, 7).sid
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
MESSAGE = (
    f"User: {USER} is not authorized to perform: iam:ListUsers with an explicit deny in an"
    " identity-based policy. For more details, call the GetRequestAuthorizationDetails API with the"
    " following authorization id: 4f7kq2m9"
)


@dataclass
class ToolboxAnswers:
    """Answers one record, in two pages, and counts how often it was asked."""

    sid: str = SID
    kind: str = "IDENTITY_BASED_POLICY"
    uri: str = "inline-1"
    effect: str = "EXPLICIT_DENY"
    document: Any = None
    error: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    def get_request_authorization_details(self, **request: str) -> dict[str, Any]:
        self.asked.append(dict(request))
        if self.error:
            raise ClientError({"Error": {"Code": self.error}}, "GetRequestAuthorizationDetails")
        policies = [{"uri": self.uri, "type": self.kind}]
        if "nextToken" not in request:
            return {"policies": policies, "evaluations": [], "nextToken": "more"}
        statement = {"sid": self.sid, "evaluatedEffect": "DENY"}
        allowing = {"sid": SID, "evaluatedEffect": "ALLOW"}
        check = {
            "checkType": "PRINCIPAL",
            "evaluatedEffect": self.effect,
            "matchedPolicies": [
                {"uri": self.uri, "matchedStatements": [allowing, statement]},
            ],
        }
        return {"evaluations": [{"evaluatedEffect": self.effect, "checks": [check]}]}

    def get_request_authorization_policy(self, **request: str) -> dict[str, Any]:
        assert request == {"authorizationId": "4f7kq2m9", "policyUri": self.uri}
        return {"policyDocument": self.document or render("deny-all", sid=self.sid)}


def refused(message: str = MESSAGE, **more: Any) -> LoggedCall:
    caller = Caller("ASIAIOSFODNN7EXAMPLE", USER, "AIDAEXAMPLE", "111122223333", "IAMUser")
    call = LoggedCall(
        time="2026-11-23T21:40:00Z",
        place=("111122223333", "us-east-1"),
        name="ListUsers",
        source="iam.amazonaws.com",
        event_id="e",
        caller=caller,
        issuer_arn="",
        source_ip="203.0.113.7",
        succeeded=False,
        error="AccessDenied",
        message=message,
    )
    return replace(call, **more)


def harvested(toolbox: ToolboxAnswers, *calls: LoggedCall, deny_all: bool = False) -> Any:
    records = AuthorizationRecords(lambda _: toolbox, INCIDENT, deny_all=deny_all)
    return records.harvest(calls or [refused()])


def shown(evidence: list[Evidence]) -> set[str]:
    return {one.artefact for one in evidence if one.outcome == "holds"}


def test_a_denial_by_our_statement_shows_its_kind_of_artefact() -> None:
    (evidence,) = harvested(ToolboxAnswers())

    assert (evidence.level, evidence.outcome, evidence.artefact) == ("V4+", "holds", "DenyPolicy")
    assert "authorization 4f7kq2m9" in evidence.what
    assert SID in evidence.what


CLOSED = {
    "Sid": SID,
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"],
}


@pytest.mark.parametrize(
    ("kind", "document", "artefact"),
    [
        ("PERMISSIONS_BOUNDARY", None, "DenyPolicy"),
        ("SERVICE_CONTROL_POLICY", None, "GuardPolicy"),
        ("RESOURCE_BASED_POLICY", {"Statement": [CLOSED]}, "ClosedTrustPolicy"),
    ],
)
def test_the_type_of_policy_tells_the_artefact(kind: str, document: Any, artefact: str) -> None:
    assert shown(harvested(ToolboxAnswers(kind=kind, document=document))) == {artefact}


@pytest.mark.parametrize(
    "toolbox",
    [
        ToolboxAnswers(sid="Quarantine"),
        ToolboxAnswers(sid=OTHERS),
        ToolboxAnswers(effect="IMPLICIT_DENY"),
        ToolboxAnswers(kind="SESSION_POLICY"),
        ToolboxAnswers(
            document={
                "Statement": [
                    {"Sid": SID, "Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*"}
                ]
            }
        ),
        ToolboxAnswers(uri=DENY_ALL, sid="Deny"),
    ],
    ids=["another's", "another incident's", "implicit", "session", "a copied Sid", "not swapped"],
)
def test_a_denial_that_is_not_ours_shows_nothing_and_is_told(toolbox: ToolboxAnswers) -> None:
    evidence = harvested(toolbox)

    assert shown(evidence) == set()
    assert {one.outcome for one in evidence} == {"note"}


def test_where_aws_deny_all_holds_a_member_its_denial_is_ours() -> None:
    toolbox = ToolboxAnswers(uri=DENY_ALL, sid="Deny")

    assert shown(harvested(toolbox, deny_all=True)) == {"DenyPolicy"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("ResourceNotFoundException", "comes after a while"),
        ("AccessDeniedException", "may not be read"),
        ("InternalServerException", "could not be read: InternalServerException"),
    ],
)
def test_no_record_leaves_it_open_and_is_asked_for_again(error: str, words: str) -> None:
    toolbox = ToolboxAnswers(error=error)
    records = AuthorizationRecords(lambda _: toolbox, INCIDENT, deny_all=False)

    evidence = records.harvest([refused()])
    assert {one.outcome for one in evidence} == {"open"}
    assert words in words_of(evidence)

    toolbox.error = ""
    assert shown(records.harvest([refused()])) == {"DenyPolicy"}
    asked = len(toolbox.asked)
    assert shown(records.harvest([refused()])) == {"DenyPolicy"}
    assert len(toolbox.asked) == asked


@pytest.mark.parametrize(
    "call",
    [
        refused("AccessDenied"),
        refused(succeeded=True, error=""),
        refused("authorization id: ../../etc/passwd"),
    ],
)
def test_a_call_without_an_authorization_id_is_not_asked_about(call: LoggedCall) -> None:
    toolbox = ToolboxAnswers()

    assert harvested(toolbox, call) == []
    assert toolbox.asked == []


def test_an_attacker_who_is_refused_a_thousand_times_is_asked_about_twenty() -> None:
    toolbox = ToolboxAnswers(error="ResourceNotFoundException")
    calls = [refused(f"authorization id: {number}x") for number in range(1000)]

    harvested(toolbox, *calls)

    assert len(toolbox.asked) == 20
    assert toolbox.asked[0]["authorizationId"] == "999x"
