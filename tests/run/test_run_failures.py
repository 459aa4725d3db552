from __future__ import annotations

import json
from typing import Any

import pytest

from containment.errors import ContainmentError
from containment.run import events, failures
from containment.run.engine import Run
from tests.support.fake_engine import ROLE, STACK, USER, deny, said, snapshot, summary

pytestmark = pytest.mark.plain

DENY = deny(USER)["urn"]
SNAPSHOT = snapshot(USER)["urn"]
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to"
    " end or delete the lock file with `pulumi cancel`.\n  file:///s/1.json: created by"
    " bob@host-9 (pid 7) at 2026-11-24T11:00:00Z\n"
)


def refused(reason: str) -> dict[str, Any]:
    """Return a refusal as the engine wraps it."""
    return said(
        f"containment:index:PrincipalSnapshot resource 'x': property principal value {{x}} has a"
        f" problem: {reason}",
        at=SNAPSHOT,
    )


def meant(*found: dict[str, Any], complaint: str = "", verb: str = "up") -> ContainmentError:
    read = events.read(json.dumps(event) for event in found)
    error = failures.of(Run(1, read, complaint, read.cancelled), verb=verb, stack=STACK)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        ([refused("x is the principal you are acting as; use another")], 7, "; use another"),
        ([refused("no AWS credentials were found; set AWS_PROFILE")], 8, "; set AWS_PROFILE"),
        ([refused("the credentials in use (arn:x) lack iam:GetUser; give them")], 8, "lack"),
        ([refused("asking who is calling: no answer (x); check the network")], 9, "no answer"),
        ([refused("this stack was applied at a and the credentials are for b; set")], 5, "set"),
        (
            [said("Preview failed: user x is already contained by y; adopt it", at=SNAPSHOT)],
            5,
            "it",
        ),
        ([said("the deny was written and does not show; run it again", at=DENY)], 4, "run it"),
        ([said("1 error occurred:\n\t* not shown; again", at=DENY)], 4, "ci-deploy: not shown"),
        ([said("update failed")], 4, "update failed"),
        ([], 4, "does not say why"),
        ([said("update canceled")], 130, "containment status"),
        ([summary(preview=True, create=3)], 7, "declined; nothing has been changed"),
    ],
)
def test_a_failure_in_the_engines_words_has_one_error_and_its_exit_code(
    found: list[dict[str, Any]], code: int, words: str
) -> None:
    error = meant(*found)

    assert error.exit_code == code
    assert words in str(error)


@pytest.mark.parametrize(
    ("complaint", "code", "words"),
    [
        (LOCKED, 7, "ask bob"),
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
    assert failures.of(Run(0, events.Events()), verb="up", stack=STACK) is None


def test_the_message_and_its_next_step_are_told_apart() -> None:
    error = meant(said("one; two; look again", at=DENY))

    assert error.message == "DenyPolicy 111122223333/user/ci-deploy: one; two"
    assert error.remedy == "look again"


def test_refusals_of_several_targets_say_that_nothing_has_changed() -> None:
    error = meant(refused("x is break-glass; take it out"), refused("y is root; no"))

    assert error.exit_code == 7
    assert "nothing has been changed" in error.message


def test_failures_of_several_kinds_are_not_as_declared() -> None:
    error = meant(
        said("no answer (x); try again", at=DENY),
        said("no room; free some", at=deny(ROLE)["urn"]),
        said("update failed"),
    )

    assert error.exit_code == 4
    assert "DenyPolicy 111122223333/user/ci-deploy: no answer" in error.message
    assert "update failed" not in error.message


def test_a_long_list_of_failures_is_cut() -> None:
    found = [said(f"reason {number}; again", at=f"{DENY}-{number}") for number in range(9)]

    assert "and 6 more" in meant(*found).message
