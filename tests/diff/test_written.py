"""What was written is told once a thing, from how it was to how it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from containment.diff import as_written, written
from containment.messages import MadeChange
from tests.support.diff_scenes import CLOSED, DENY, MARKUP, TRUST, USER

pytestmark = pytest.mark.plain

POLICY = MadeChange(USER, "inline policy containment-inc-2026-0042", None, DENY)
KEY = MadeChange(USER, "access key AKIAIOSFODNN7EXAMPLE", "Active", "Inactive")


def rows(*made: MadeChange) -> list[tuple[str, str, str, str]]:
    return [
        (change.sign, change.subject, change.summary, change.reason)
        for changes in written(made).values()
        for change in changes
    ]


def test_several_writes_of_one_thing_are_one_change() -> None:
    again = replace(POLICY, before=DENY, after=DENY.replace('"S"', '"T"'))
    (change,) = written([POLICY, KEY, again])[USER][:1]

    assert {line.sign for line in change.lines} == {"+"}
    assert any('"Sid": "T"' in line.text for line in change.lines)


def test_what_was_put_and_taken_away_again_is_no_change() -> None:
    assert written([KEY, replace(KEY, before="Inactive", after="Active")]) == {}


def test_a_closed_trust_policy_is_shown_line_by_line() -> None:
    (change,) = written([MadeChange(USER, "trust policy", TRUST, CLOSED)])[USER]

    assert change.sign == "~"
    assert {line.sign for line in change.lines} == {" ", "+"}


def test_a_swap_is_what_came_and_what_went() -> None:
    assert rows(
        MadeChange(USER, "attachment arn:aws:iam::aws:policy/Mine", "attached", "detached"),
        MadeChange(USER, "attachment arn:aws:iam::aws:policy/AWSDenyAll", "detached", "attached"),
    ) == [
        ("-", "attachment arn:aws:iam::aws:policy/Mine", "attached -> none", ""),
        ("+", "attachment arn:aws:iam::aws:policy/AWSDenyAll", "none -> attached", ""),
    ]


def test_what_nobody_read_and_what_nobody_answered_is_said_so() -> None:
    (row,) = rows(replace(KEY, before=None, read=False, certain=False))

    assert row[0] == "~"
    assert row[2] == "unknown -> Inactive"
    assert "not read" in row[3]
    assert "may not be there" in row[3]


def test_a_hostile_name_acts_on_no_terminal_and_every_line_fits_it() -> None:
    made = MadeChange(USER, f"inline policy {MARKUP}", None, DENY)

    lines = as_written(written([made]), 60)

    assert all(line.text.isprintable() and len(line.text) <= 60 for line in lines)
