"""What the judges found wrong in the evaluator, one test each, so that it stays found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.judges.case import Case, lab_says

pytestmark = pytest.mark.plain

HOME = "111122223333"
USER = f"arn:aws:iam::{HOME}:user/ci-deploy"
BUCKET = "arn:aws:s3:::company-artifacts"


def policy(**statement: Any) -> dict[str, Any]:
    base = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [{**base, **statement}]}


CASE = Case(
    name="found",
    mix="resource",
    action="s3:ListBucket",
    target=BUCKET,
    target_account=HOME,
    kind="user",
    arn=USER,
    unique_id="AIDA1111111111111111A",
    context={"aws:MultiFactorAuthAge": "30", "aws:EpochTime": "30"},
)
NOTHING_HERE = policy(Action="sqs:*")


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", "allow"),
        ({"AWS": "*"}, "allow"),
        ({"AWS": USER}, "allow"),
        ({"AWS": f"arn:aws:iam::{HOME}:root"}, "implicit deny"),
    ],
)
def test_a_boundary_does_not_limit_what_is_granted_to_everybody(
    principal: Any, expected: str
) -> None:
    case = replace(CASE, boundary=NOTHING_HERE, resource=policy(Principal=principal))

    assert lab_says(case) == expected


def test_a_session_policy_does_not_limit_what_is_granted_to_everybody_but_to_the_role() -> None:
    role = f"arn:aws:iam::{HOME}:role/app"
    session = replace(
        CASE,
        kind="role",
        arn=f"arn:aws:sts::{HOME}:assumed-role/app/s1",
        unique_id="AROA1111111111111111A:s1",
        issuer=role,
        issuer_id="AROA1111111111111111A",
        session=NOTHING_HERE,
    )

    assert lab_says(replace(session, resource=policy(Principal="*"))) == "allow"
    assert lab_says(replace(session, resource=policy(Principal={"AWS": role}))) == "implicit deny"


@pytest.mark.parametrize(("boundary", "expected"), [(None, "allow"), (policy(), "explicit deny")])
def test_not_principal_spares_nobody_who_has_a_boundary(boundary: Any, expected: str) -> None:
    named = {"AWS": [USER, f"arn:aws:iam::{HOME}:root"]}
    denial = policy(Effect="Deny", NotPrincipal=named)

    case = replace(CASE, identity=[policy()], boundary=boundary, resource=denial)

    assert lab_says(case) == expected


def test_a_variable_in_a_numeric_condition_stands_for_nothing() -> None:
    condition = {"NumericEquals": {"aws:MultiFactorAuthAge": "${aws:EpochTime}"}}

    case = replace(CASE, identity=[policy(Condition=condition)])

    assert lab_says(case) == "implicit deny"
