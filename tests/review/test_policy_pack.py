"""The guardrails as a policy pack: a stack that each rule lets pass, and one that it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containment.review.policy_pack import ASKED, violations
from policies.guardrails import INCIDENT_RULES, WHOLE_RULES, Rule
from tests.support.project import STACK, spec

pytestmark = pytest.mark.plain

NOW = datetime(2026, 12, 1, tzinfo=UTC)
APP = "arn:aws:iam::111122223333:role/app"


class NotKnownError(Exception):
    """What stands for an input that a preview does not know."""


class Inputs(dict[str, Any]):
    """Inputs of which some are not known."""

    def get(self, key: str, default: Any = None) -> Any:
        value = super().get(key, default)
        if value is NotKnownError:
            raise NotKnownError(key)
        return value


@dataclass(frozen=True)
class Resource:
    """A resource as a pack is handed it."""

    props: Inputs
    resource_type: str = "containment:index:DenyPolicy"
    name: str = "111122223333/role/app"


@dataclass
class Stack:
    """A project with one stack."""

    folder: Path
    resources: list[Resource] = field(default_factory=list[Resource])

    def violations(self, rule: str) -> list[str]:
        return [
            f"{one.outcome}: {one.what}"
            for one in violations(rule, self.resources, self.folder, NOW, NotKnownError)
        ]


def deny(principal: object = APP, incident: object = STACK) -> Resource:
    return Resource(Inputs(principal=principal, incident=incident))


def guard(mode: object) -> Resource:
    inputs = Inputs(incident=STACK, mode=mode, account="111122223333")
    return Resource(inputs, "containment:index:GuardPolicy", "guard")


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / f"{STACK}.yaml").write_text(spec(f"role: {APP}"))
    return Stack(tmp_path, [deny()])


def test_the_pack_asks_rules_of_a_review_by_their_names() -> None:
    rules: tuple[Rule[Any], ...] = (*INCIDENT_RULES, *WHOLE_RULES)

    assert {rule.name for rule in rules} >= ASKED


@pytest.mark.parametrize("rule", sorted(ASKED))
def test_a_containment_that_every_rule_lets_pass_passes(stack: Stack, rule: str) -> None:
    assert stack.violations(rule) == []
    stack.resources = [Resource(Inputs(), "aws:s3:Bucket", "other")]
    assert stack.violations(rule) == []


@pytest.mark.parametrize(
    ("rule", "profile", "resources", "words"),
    [
        ("protected-principals", f"break_glass: ['{APP}']\n", [deny()], "refused: "),
        ("guard", "guard_required: true\n", [deny()], "refused: the profile asks for a guard"),
        ("guard", "guard_required: true\n", [deny(), guard(NotKnownError)], "unknown: whether"),
        ("owner-and-review-date", "", [deny(incident=NotKnownError)], "unknown: who owns it"),
        ("owner-and-review-date", "", [deny(incident="inc-2026-0099")], "unknown: who owns it"),
        ("analysed", "", [deny(NotKnownError)], "unknown: what happens to 111122223333/role/app"),
        ("limits", "review: {principals: 1}\n", [deny(), deny(f"{APP}-2")], "refused: 2 princ"),
        ("limits", "review: {principals: 1}\n", [deny(), deny(NotKnownError)], "refused: 2 prin"),
        ("look-alikes", f"pipeline: ['{APP}-']\n", [deny()], "flagged: "),
        ("limits", "colour: red\n", [deny()], "unknown: the profile cannot be used"),
    ],
)
def test_what_breaks_a_rule_or_is_not_known_is_a_violation(
    stack: Stack, rule: str, profile: str, resources: list[Resource], words: str
) -> None:
    if profile:
        (stack.folder / "containment.yaml").write_text(profile)
    stack.resources = resources

    (finding,) = stack.violations(rule)

    assert finding.startswith(words)


def test_a_guard_that_the_profile_asks_for_passes(stack: Stack) -> None:
    (stack.folder / "containment.yaml").write_text("guard_required: true\n")
    stack.resources = [deny(), guard("freeze")]

    assert stack.violations("guard") == []


def test_a_review_date_that_has_passed_is_refused(stack: Stack) -> None:
    late = spec(f"role: {APP}").replace("2026-12-24", "2026-11-30")
    (stack.folder / "stacks" / f"{STACK}.yaml").write_text(late)

    (finding,) = stack.violations("owner-and-review-date")

    assert finding.startswith("refused: its review date has passed")
