from __future__ import annotations

import json

import pytest

from containment.run import events
from tests.support.fake_engine import diagnostic, summary, urn

pytestmark = pytest.mark.plain
DENY = urn("containment:index:DenyPolicy", "111122223333/role/deploy")


def log(*items: object) -> events.Events:
    return events.read(json.dumps(event) for event in items)


def test_markup_is_taken_off_what_is_shown() -> None:
    assert log(diagnostic("AWS said no", urn=DENY)).diagnostics[0].message == "AWS said no"


def test_a_message_of_the_engine_that_comes_twice_is_shown_once() -> None:
    assert len(log(diagnostic("twice"), diagnostic("twice")).diagnostics) == 1


def test_debug_lines_are_not_shown() -> None:
    assert log(diagnostic("registering", severity="debug")).diagnostics == ()


def test_an_error_at_a_resource_comes_before_the_stacks_own() -> None:
    run_events = log(diagnostic("update failed"), diagnostic("no room", urn=DENY))

    assert [item.message for item in run_events.errors] == ["no room", "update failed"]
    assert run_events.errors[0].where == "DenyPolicy 111122223333/role/deploy"


@pytest.mark.parametrize("verb", ["preview", "update", "destroy", "import"])
def test_a_run_that_was_asked_to_stop_says_so(verb: str) -> None:
    assert log(diagnostic(f"{verb} canceled")).cancelled


def test_a_log_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    lines = [json.dumps(diagnostic("first")), '{"diagnosticEvent": {"mess']

    assert [item.message for item in events.read(lines).diagnostics] == ["first"]


def test_the_summary_tells_a_preview_from_a_change() -> None:
    run_events = log(summary(preview=True, create=2))

    assert run_events.is_preview
    assert run_events.summary == {"create": 2}


def test_steps_are_those_of_our_resources_alone() -> None:
    stack = urn("pulumi:pulumi:Stack", "containment-x")
    run_events = log(
        {"resOutputsEvent": {"metadata": {"op": "create", "urn": stack}}},
        {"resOutputsEvent": {"metadata": {"op": "update", "urn": DENY, "diffs": ["live"]}}},
        {"resOpFailedEvent": {"metadata": {"op": "create", "urn": DENY}}},
    )

    assert [(step.op, step.changed, step.failed) for step in run_events.steps] == [
        ("update", ("live",), False),
        ("create", (), True),
    ]
