"""Two plans of one change are the same plan: else every approval of a lift or a guard were void."""

from __future__ import annotations

import pytest

from containment.review.approval import Plan, plan_of
from containment.review.change import ProposedChange, SpecChange
from containment.review.judging import Judge
from tests.actions.test_golden_runs import Story
from tests.review.test_golden_reviews import BASE, HEAD, NOW, Court, changed, new
from tests.support.project import spec
from tests.support.workbench import Bench

pytestmark = pytest.mark.lab

GUARDED = b"guard_required: true\n"


def plan(court: Court, one: SpecChange) -> Plan:
    change = ProposedChange(BASE, HEAD, (one,), files={"containment.yaml": GUARDED})
    judge = Judge(court.bench.directory, lambda _profile: court.states.get, now=lambda: NOW)
    return plan_of(
        judge.review(change),
        change,
        root=court.bench.directory,
        state_of=lambda _stack: "",
        planned_at="",
        expires_at="",
    )


def test_a_plan_made_anew_of_what_has_not_changed_is_the_same(bench: Bench) -> None:
    story, court = Story(bench), Court(bench)
    text = story.spec()
    assert {"contain", "guard"} <= set(plan(court, new(text)).incidents[0].actions)
    assert plan(court, new(text)) == plan(court, new(text))

    court.states["inc-2026-0042"] = story.up(text)
    lift = changed(text, spec(f"role: '{bench.lab.world.deploy_role}'"))
    first = plan(court, lift)
    bench.lab.advance(90)
    assert "lift" in first.incidents[0].actions
    assert plan(court, lift) == first
    bench.admin().attach_user_policy(
        UserName="ci-deploy", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll"
    )
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName="containment-inc-2026-0042")
    assert plan(court, lift) != first
