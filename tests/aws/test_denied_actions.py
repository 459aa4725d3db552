"""What the caller lacks, as far as a simulation can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from containment.aws.caller import denied_actions

pytestmark = pytest.mark.plain

ME = "arn:aws:iam::111122223333:user/me"
TARGET = "arn:aws:iam::111122223333:user/ci/ci-deploy"
OTHER = "arn:aws:iam::111122223333:user/ci/release-bot"
Denied = dict[str, list[str]]


def result(action: str, decision: str, **more: Any) -> dict[str, Any]:
    return {"EvalActionName": action, "EvalDecision": decision, **more}


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Denied | None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    def ask(*results: dict[str, Any], denied: bool = False) -> Denied | None:
        iam = boto3.client("iam")
        with Stubber(iam) as stub:
            if denied:
                stub.add_client_error("simulate_principal_policy", "AccessDenied")
            else:
                stub.add_response("simulate_principal_policy", {"EvaluationResults": list(results)})
            return denied_actions(iam, ME, ["iam:GetUser"], [TARGET, OTHER])

    return ask


def test_what_is_not_allowed_is_listed(simulated: Callable[..., Denied | None]) -> None:
    denied = simulated(
        result("iam:PutUserPolicy", "implicitDeny"),
        result("iam:GetUser", "allowed"),
        result("iam:TagUser", "explicitDeny"),
    )

    assert denied is not None
    assert denied[TARGET] == ["iam:PutUserPolicy", "iam:TagUser"]


def test_one_simulation_answers_for_each_target_apart(
    simulated: Callable[..., Denied | None],
) -> None:
    answers = {
        "by pairs": [
            result("iam:TagUser", "implicitDeny", EvalResourceName=TARGET),
            result("iam:TagUser", "allowed", EvalResourceName=OTHER),
        ],
        "by action": [
            result(
                "iam:TagUser",
                "implicitDeny",
                ResourceSpecificResults=[
                    {"EvalResourceName": TARGET, "EvalResourceDecision": "implicitDeny"},
                    {"EvalResourceName": OTHER, "EvalResourceDecision": "allowed"},
                ],
            )
        ],
    }

    for form, results in answers.items():
        assert simulated(*results) == {TARGET: ["iam:TagUser"], OTHER: []}, form


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
    simulated: Callable[..., Denied | None], more: dict[str, Any]
) -> None:
    denied = simulated(result("iam:GetUser", "implicitDeny", **more))
    assert denied is not None
    assert denied[TARGET] == []


def test_a_caller_that_may_not_simulate_is_not_judged(
    simulated: Callable[..., Denied | None],
) -> None:
    assert simulated(denied=True) is None
