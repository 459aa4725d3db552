from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from containment.aws.cancellation import CancelledError
from containment.errors import (
    AccessError,
    ConflictError,
    ContainmentError,
    NotContainedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    kinds,
)
from containment.lifecycle.action import UnfinishedError
from containment.messages import Call, Message, of_error
from containment.run import events, failures
from containment.run.result import Run
from tests.support.fake_engine import ROLE, STACK, USER, deny, diagnostic, summary

pytestmark = pytest.mark.plain

DENY = deny(USER)["urn"]
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to"
    " end or delete the lock file with `pulumi cancel`.\n  file:///s/1.json: created by"
    " bob@host-9 (pid 7) at 2026-11-24T11:00:00Z\n"
)


def meant(
    *event_items: dict[str, Any],
    complaint: str = "",
    verb: str = "up",
    messages: tuple[Message, ...] = (),
) -> ContainmentError:
    read = events.read(json.dumps(event) for event in event_items)
    run = Run(1, read, complaint, read.cancelled, messages)
    error = failures.error_of(run, verb=verb, stack=STACK)
    assert error is not None
    return error


@pytest.mark.parametrize("verb", ["preview", "up", "destroy", "import", "refresh"])
@pytest.mark.parametrize("call", [call for call in get_args(Call) if call])
@pytest.mark.parametrize("kind", kinds().values())
def test_every_kind_of_error_raised_in_any_call_comes_out_of_every_run_with_its_own_code(
    kind: type[ContainmentError], call: Call, verb: str
) -> None:
    raised_there = of_error(kind("what", remedy="the next step"), urn=DENY, call=call)
    error = meant(diagnostic("what; the next step", urn=DENY), verb=verb, messages=(raised_there,))

    assert type(error) is kind
    assert error.exit_code == kind.exit_code
    assert error.message.endswith("what")
    assert error.remedy == "the next step"


@pytest.mark.parametrize("call", ["Create", "Update"])
@pytest.mark.parametrize("kind", kinds().values())
def test_a_preview_and_a_run_of_one_error_end_with_one_code(
    kind: type[ContainmentError], call: Call
) -> None:
    error = kind("two versions", remedy="decide")
    foreseen = meant(messages=(of_error(error, urn=DENY, call=call, preview=True),), verb="preview")
    met = meant(messages=(of_error(error, urn=DENY, call=call),))

    assert (type(foreseen), foreseen.exit_code) == (type(met), kind.exit_code)


@pytest.mark.parametrize(
    "forged",
    [
        "no AWS credentials were found; set AWS_PROFILE",
        "x is already contained by y; decide: 'containment lift --force-ours'",
        "so the lift is not made; hold: true",
        "stack is locked; created by eve@host (pid 1) at 2026-11-24T11:00:00Z",
        '{"kind": "AccessError", "text": "forged", "call": "Check"}',
    ],
)
def test_forged_text_in_what_was_said_changes_neither_kind_nor_code(forged: str) -> None:
    raised_there = of_error(NotContainedError(forged, remedy="look"), urn=DENY, call="Create")

    assert meant(diagnostic(forged, urn=DENY), messages=(raised_there,)).exit_code == 4
    assert meant(diagnostic(forged, urn=DENY)).exit_code == 4


def test_an_error_inside_others_counts_as_what_the_reader_has_to_mend() -> None:
    lack = AccessError("not allowed", remedy="give it")
    state: Any = None
    plain = UnfinishedError("half done", remedy="again", state=state)
    barred = UnfinishedError("half done", remedy="give it", state=state, cause=lack)

    assert of_error(plain).kind == "NotContainedError"
    assert of_error(barred).kind == "AccessError"
    assert of_error(CancelledError("PutUserPolicy")).kind == "StoppedError"


@pytest.mark.parametrize(
    ("event_items", "code", "words"),
    [
        ([diagnostic("the plugin went away", urn=DENY)], 4, "ci-deploy: the plugin went away"),
        ([diagnostic("cannot delete it because it is protected", urn=DENY)], 7, "on hold"),
        ([diagnostic("update failed")], 4, "update failed"),
        ([], 4, "does not say why"),
        ([diagnostic("update canceled")], 130, "containment status"),
        ([summary(preview=True, create=3)], 7, "declined; nothing has been changed"),
    ],
)
def test_what_the_engine_itself_fails_with_has_one_error_and_its_exit_code(
    event_items: list[dict[str, Any]], code: int, words: str
) -> None:
    error = meant(*event_items)

    assert error.exit_code == code
    assert words in str(error)


@pytest.mark.parametrize(
    ("complaint", "code", "words"),
    [
        (LOCKED, 7, "see whose it is with 'containment status"),
        ("error: get stack secrets manager: incorrect passphrase", 8, "PULUMI_CONFIG_PASSPHRASE"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login", 8, "pulumi login"),
        ('error: unable to open state directory "file:///x": no such file', 9, "PULUMI_BACKEND"),
        ("error: the pulumi that was found at /x is gone; run 'make setup'", 9, "make setup"),
        (f"error: no stack named '{STACK}' found", 3, f"containment adopt {STACK}"),
        ("error: something new went wrong", 4, "something new went wrong"),
    ],
)
def test_an_engine_that_does_not_get_to_work_says_why_in_one_error(
    complaint: str, code: int, words: str
) -> None:
    error = meant(complaint=complaint)

    assert error.exit_code == code
    assert words in str(error)
    assert "error:" not in str(error)


def test_a_run_that_ended_well_is_no_failure() -> None:
    assert failures.error_of(Run(0, events.Events()), verb="up", stack=STACK) is None


def test_refusals_of_several_targets_say_that_nothing_has_changed() -> None:
    error = meant(
        messages=(
            of_error(RefusedError("x is break-glass", remedy="take it out"), call="Check"),
            of_error(RefusedError("y is root", remedy="no"), call="Check"),
        )
    )

    assert error.exit_code == 7
    assert "nothing has been changed" in error.message


def test_failures_of_several_kinds_are_not_as_declared() -> None:
    error = meant(
        diagnostic("update failed"),
        messages=(
            of_error(UnavailableError("no answer", remedy="again"), urn=DENY, call="Create"),
            of_error(NotFoundError("gone", remedy="look"), urn=deny(ROLE)["urn"], call="Create"),
        ),
    )

    assert error.exit_code == 4
    assert "DenyPolicy 111122223333/user/ci-deploy: no answer" in error.message
    assert "update failed" not in error.message


def test_a_long_list_of_failures_is_cut() -> None:
    failures = tuple(
        of_error(ConflictError(f"reason {number}", remedy="again"), urn=f"{DENY}-{number}")
        for number in range(9)
    )

    assert "and 6 more" in meant(messages=failures).message
