"""Each rule refuses a fixture that breaks it and lets one pass that keeps it; no unknown passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from containment.diff import PrincipalDiff
from containment.profile import Profile
from containment.review.facts import principal_facts, protections, resembling
from policies.guardrails import (
    INCIDENT_RULES,
    WHOLE_RULES,
    Document,
    IncidentFacts,
    PrincipalFacts,
    WholeFacts,
    judge,
    judge_whole,
)

pytestmark = pytest.mark.plain

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ROLE = "arn:aws:iam::111122223333:role/app"
ALLOW = '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
DENY = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'

ONE = PrincipalFacts(ROLE, "contain", documents=(Document("inline policy x", None, DENY),))
GOOD = IncidentFacts(
    "inc-1",
    "suspected",
    "security@example.com",
    NOW + timedelta(days=1),
    NOW,
    guard="freeze",
    guard_before="off",
    guard_required=True,
    principals=(ONE,),
)
WHOLE = WholeFacts((ROLE,), ("111122223333",), 2, 1, specs=1)


def with_one(**changes: Any) -> IncidentFacts:
    return replace(GOOD, principals=(replace(ONE, **changes),))


BROKEN = [
    ("protected-principals", "refused", with_one(protections=("a break-glass principal",))),
    ("guard", "refused", replace(GOOD, guard="off")),
    ("guard", "unknown", replace(GOOD, guard=None)),
    ("guard", "flagged", replace(GOOD, guard_before="quarantine")),
    ("guard", "refused", replace(GOOD, guard_before="quarantine", hold=True)),
    ("owner-and-review-date", "refused", replace(GOOD, owner=" TBD ")),
    ("owner-and-review-date", "refused", replace(GOOD, review_by=NOW)),
    ("owner-and-review-date", "unknown", replace(GOOD, owner=None)),
    ("owner-and-review-date", "unknown", replace(GOOD, review_by=None)),
    ("no-allow", "refused", with_one(documents=(Document("x", None, ALLOW),))),
    ("no-allow", "refused", with_one(documents=(Document("x", DENY, ALLOW),))),
    ("no-allow", "unknown", with_one(documents=None)),
    ("no-allow", "unknown", with_one(documents=(Document("x", None, "no policy"),))),
    ("no-allow", "unknown", with_one(documents=(Document("x", "[", DENY),))),
    ("confirmed-before-irreversible", "refused", with_one(irreversible=("it is lost",))),
    ("confirmed-before-irreversible", "unknown", with_one(irreversible=None)),
    (
        "confirmed-before-irreversible",
        "refused",
        replace(with_one(irreversible=("it is lost",)), disposition=None),
    ),
    ("hold", "refused", replace(with_one(effect="lift"), hold=True)),
    ("hold", "refused", replace(with_one(effect="lower"), hold=True)),
    ("hold", "unknown", replace(with_one(effect="lift"), hold=None)),
    ("hold", "unknown", replace(with_one(effect=None), hold=True)),
    ("renamed-spec", "refused", replace(GOOD, renamed_from="inc-0")),
    ("look-alikes", "flagged", with_one(resembles=("arn:aws:iam::111122223333:role/App1",))),
    ("analysed", "unknown", with_one(effect=None)),
]


@pytest.mark.parametrize(("rule", "outcome", "facts"), BROKEN)
def test_a_rule_that_is_broken_or_not_known_to_be_kept_says_so(
    rule: str, outcome: str, facts: IncidentFacts
) -> None:
    findings = [one for one in judge(facts) if one.rule == rule]

    assert [one.outcome for one in findings] == [outcome]
    assert findings[0].what
    assert findings[0].remedy


KEPT = [
    GOOD,
    replace(with_one(irreversible=("it is lost",)), disposition="confirmed"),
    replace(with_one(effect="raise"), hold=True),
    with_one(effect="lift", protections=("a break-glass principal",)),
    with_one(documents=(Document("trust policy", ALLOW, f"{ALLOW[:-2]}, {DENY[14:-1]}]}}"),)),
    replace(GOOD, removed=True, owner=None, review_by=None, guard="off"),
]


@pytest.mark.parametrize("facts", KEPT)
def test_what_keeps_every_rule_passes(facts: IncidentFacts) -> None:
    assert judge(facts) == ()


def test_a_change_as_a_whole_keeps_its_limits_and_to_specs() -> None:
    assert judge_whole(WHOLE) == ()
    assert judge_whole(replace(WHOLE, specs=0, other_paths=3)) == ()
    over = replace(WHOLE, principals=("a", "b", "c"), accounts=("1", "2"), other_paths=1)
    assert [(one.rule, one.outcome) for one in judge_whole(over)] == [
        ("limits", "refused"),
        ("limits", "refused"),
        ("specs-alone", "refused"),
    ]


def test_every_rule_has_a_fixture_that_breaks_it() -> None:
    names = {rule.name for rule in INCIDENT_RULES} | {rule.name for rule in WHOLE_RULES}

    assert names == {rule for rule, _, _ in BROKEN} | {"limits", "specs-alone"}


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::111122223333:role/BreakGlass",
        "arn:aws:iam::111122223333:role/any/path/breakglass",
        "arn:aws:iam::111122223333:role/Responder",
        "arn:aws:iam::111122223333:role/Pipeline",
        "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_0123456789",
        "arn:aws:iam::111122223333:user/own",
    ],
)
def test_whom_nobody_may_deny_anything_is_known_by_any_path_and_case(arn: str) -> None:
    profile = Profile(
        role="arn:aws:iam::{account}:role/Responder",
        pipeline=("arn:aws:iam::{account}:role/Pipeline",),
        break_glass=("arn:aws:iam::{account}:role/BreakGlass",),
    )

    assert protections(arn, profile, ["arn:aws:iam::111122223333:user/x/Own"])
    assert not protections(ROLE, profile, [])


def test_what_could_not_be_read_is_unknown_to_every_rule_that_asks() -> None:
    item = PrincipalDiff(ROLE, "contain", rung="deny-all", unread=("no answer",))
    facts = principal_facts(item, Profile(), break_glass=(), others=())

    outcomes = {one.rule: one.outcome for one in judge(replace(GOOD, principals=(facts,)))}
    assert outcomes == dict.fromkeys(
        ("no-allow", "confirmed-before-irreversible", "analysed"), "unknown"
    )


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("ci-deploy", "ci-dep1oy"),
        ("ci-deploy", "ci_deploy"),
        ("ci-deploy", "ci-depl0y"),
        ("BreakGlass", "Break.Glass"),
        ("modern", "modem"),
    ],
)
def test_a_look_alike_is_named_and_the_same_principal_is_none(name: str, other: str) -> None:
    own, alike = (f"arn:aws:iam::111122223333:role/{one}" for one in (name, other))
    twin = own.replace("111122223333", "444455556666")

    assert resembling(own, [alike, own, own.lower(), twin, ROLE]) == sorted([alike, twin])
