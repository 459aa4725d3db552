"""What the caller lacks, as far as a simulation can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from containment.aws.caller import Caller, denied_actions, principal_of

pytestmark = pytest.mark.plain

ME = "arn:aws:iam::111122223333:user/me"
TARGET = "arn:aws:iam::111122223333:user/ci/ci-deploy"


def result(action: str, decision: str, **more: Any) -> dict[str, Any]:
    return {"EvalActionName": action, "EvalDecision": decision, **more}


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str] | None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    def ask(*results: dict[str, Any], denied: bool = False) -> list[str] | None:
        iam = boto3.client("iam")
        caller = Caller(ME, "111122223333", principal_of(ME), datetime(2026, 11, 24, tzinfo=UTC))
        with Stubber(iam) as stub:
            if denied:
                stub.add_client_error("simulate_principal_policy", "AccessDenied")
            else:
                stub.add_response("simulate_principal_policy", {"EvaluationResults": list(results)})
            return denied_actions(iam, caller.principal, ["iam:GetUser"], TARGET)

    return ask


def test_what_is_not_allowed_is_listed(simulated: Callable[..., list[str] | None]) -> None:
    found = simulated(
        result("iam:PutUserPolicy", "implicitDeny"),
        result("iam:GetUser", "allowed"),
        result("iam:TagUser", "explicitDeny"),
    )

    assert found == ["iam:PutUserPolicy", "iam:TagUser"]


@pytest.mark.parametrize(
    "more",
    [
        {"MissingContextValues": ["aws:MultiFactorAuthPresent"]},
        {
            "ResourceSpecificResults": [
                {
                    "EvalResourceName": TARGET,
                    "EvalResourceDecision": "implicitDeny",
                    "MissingContextValues": ["aws:SourceIp"],
                }
            ]
        },
    ],
)
def test_an_answer_that_hangs_on_what_a_simulation_cannot_know_is_no_answer(
    simulated: Callable[..., list[str] | None], more: dict[str, Any]
) -> None:
    assert simulated(result("iam:GetUser", "implicitDeny", **more)) == []


def test_a_caller_that_may_not_simulate_is_not_judged(
    simulated: Callable[..., list[str] | None],
) -> None:
    assert simulated(denied=True) is None
