"""Every template renders, stays within its quota, and no value leaves its string."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containment.facets.marks import mark
from policies import TemplateError, literal, names, render, text

pytestmark = pytest.mark.plain

SID = mark("inc-2026-0042", "abcdefghij", 1_795_518_338_966).sid
WHEN = "2026-11-24T11:07:38Z"
MATCHES = [
    {"operator": "StringEquals", "key": "aws:userid", "values": ["AROAEXAMPLE:i-0abc"]},
    {"operator": "IpAddress", "key": "aws:SourceIp", "values": ["203.0.113.7"]},
]
VALUES: dict[str, dict[str, Any]] = {
    "deny-all": {"sid": SID},
    "deny-issued-before": {"sid": SID, "issued_before": WHEN},
    "deny-sessions": {"sid": SID, "matches": MATCHES},
    "release-fence": {"sid": SID, "issued_before": WHEN, "until": WHEN},
    "release-fence-sessions": {
        "sid": SID,
        "issued_before": WHEN,
        "until": WHEN,
        "matches": MATCHES,
    },
    "closed-trust": {"sid": SID, "break_glass": ["arn:aws:iam::111122223333:role/BreakGlass"]},
    "responder-guard": {
        "reads": ["organizations:ListPolicies"],
        "making": ["organizations:CreatePolicy"],
        "changes": ["organizations:UpdatePolicy"],
        "policies": "arn:aws:organizations::111122223333:policy/o-*/service_control_policy/p-*",
        "attachments": ["organizations:AttachPolicy"],
        "accounts": "arn:aws:organizations::111122223333:account/o-*/*",
    },
    "responder-verify": {"reads": ["cloudtrail:LookupEvents"]},
    "guard": {
        "sid": SID,
        "mode": "freeze",
        "changes": ["iam:C*"],
        "exempt": ["arn:aws:iam::111122223333:role/Responder"],
        "exempt_roles": ["arn:aws:iam::111122223333:role/Responder"],
        "entering": ["arn:aws:iam::111122223333:user/oncall"],
        "denied": ["AIDAEXAMPLE"],
        "revoked": ["AROAEXAMPLE:*"],
        "issued_before": WHEN,
    },
    "responder": {
        "protected": ["arn:aws:iam::111122223333:role/ir/Lifter"],
        "deny_all": "arn:aws:iam::aws:policy/AWSDenyAll",
        "with_deny_all": ["iam:AttachUserPolicy"],
        "bounding": ["iam:PutUserPermissionsBoundary"],
        "on_principals": ["iam:GetUser"],
        "principals": ["arn:aws:iam::111122223333:user/*"],
        "on_everything": ["iam:ListUsers"],
        "ledgers": [
            {
                "bucket": "arn:aws:s3:::evidence",
                "keys": "ir/*",
                "on_entries": ["s3:PutObject"],
                "on_listing": ["s3:ListBucketVersions"],
                "on_bucket": ["s3:GetBucketObjectLockConfiguration"],
            }
        ],
    },
}


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = document.get("Statement", [document])
    return listed


def test_every_policy_template_has_a_test_case() -> None:
    assert set(names()) == set(VALUES)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_sids_are_unique_letters_and_digits(name: str) -> None:
    sids = [statement["Sid"] for statement in statements(render(name, **VALUES[name]))]

    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


@pytest.mark.parametrize(
    "name", sorted(set(VALUES) - {"responder", "responder-guard", "responder-verify"})
)
def test_a_deny_never_allows_and_leaves_a_user_room(name: str) -> None:
    document = render(name, **VALUES[name])

    assert all(statement["Effect"] == "Deny" for statement in statements(document))
    assert len(text(document)) < 1_024  # of a user's 2,048


def test_the_fence_carries_its_end_in_the_same_condition() -> None:
    document = render("release-fence", **VALUES["release-fence"])

    condition = statements(document)[0]["Condition"]
    assert set(condition["DateLessThan"]) == {"aws:TokenIssueTime", "aws:CurrentTime"}


@pytest.mark.parametrize("given_values", [{}, {"sid": SID, "more": 1}])
def test_other_values_than_the_template_takes_are_refused(given_values: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match=r"takes \['sid'\]"):
        render("deny-all", **given_values)


def test_an_unknown_template_names_those_there_are() -> None:
    with pytest.raises(TemplateError, match="closed-trust, deny-all"):
        render("nothing")


@given(st.text())
def test_a_hostile_value_stays_in_its_string(value: str) -> None:
    match = {"operator": "StringEquals", "key": "aws:userid", "values": [value]}

    document = render("deny-sessions", sid=SID, matches=[match])

    assert len(statements(document)) == 1
    user_id = statements(document)[0]["Condition"]["StringEquals"]["aws:userid"][0]
    assert user_id.replace("${$}", "$") == value
    assert "${aws:" not in user_id


def test_what_is_sent_has_no_white_space_to_count() -> None:
    assert json.loads(text(render("deny-all", sid=SID)))["Version"] == "2012-10-17"
    assert " " not in text(render("deny-all", sid=SID))


def test_a_variable_is_read_as_the_text_that_it_is() -> None:
    assert literal("user/${aws:username}/$x") == "user/${$}{aws:username}/${$}x"
    assert literal(["a*", "$"]) == ["a*", "${$}"]
