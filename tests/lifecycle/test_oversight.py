"""What the profile lets be done before a review, by what the ledger says; and what is reviewed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from containment.clock import utc_now
from containment.errors import RefusedError
from containment.ledger import Ledger, LedgerSettings, open_store
from containment.ledger.journal import Journal
from containment.lifecycle.oversight import (
    UNRECORDED,
    VARIABLE,
    admission_in,
    is_emergency_lift,
    is_reviewed,
    require_admitted,
    require_lift_reviewed,
    unreviewed,
)
from containment.profile import Profile

pytestmark = pytest.mark.plain

INCIDENT = "inc-2026-0042"
SNAPSHOT = ("snapshot", {"snapshot_id": "s", "unique_id": "u", "principal": "p", "facts": {}})
UP = ("emergency", {"verb": "up", "due_at": "2026-12-02T00:00:00Z", "operator": "x"})
LIFT = ("emergency", {"verb": "lift", "due_at": "", "operator": "x"})
APPROVED_LIFT = ("approval", {"plan": "p", "actions": ["contain", "lift"]})
APPROVED = ("approval", {"plan": "p", "actions": ["contain"]})

Row = tuple[str, dict[str, Any]]
Kept = Callable[..., Journal]


def reviewed(length: int, *numbers: int) -> Row:
    return "reviewed", {"of": list(numbers), "head": {"length": length, "sha256": "0" * 64}}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Return a ledger in a folder that holds these entries."""

    def make(*rows: Row) -> Journal:
        settings = LedgerSettings(str(tmp_path / "ledger"))
        ledger = Ledger(lambda one: open_store(settings, tmp_path, one), now=utc_now, say=print)
        journal = ledger.journal_of(INCIDENT)
        for kind, fields in rows:
            journal.write(kind, fields, required=True)
        return journal

    return make


def profile(required: Literal["lift", "all"] | None) -> Profile:
    return Profile(review_required=required)


@pytest.mark.parametrize(
    ("rows", "waiting"),
    [
        ((), []),
        ((SNAPSHOT,), []),
        ((UP, SNAPSHOT), [1]),
        ((UP, SNAPSHOT, reviewed(2, 1)), []),
        ((UP, reviewed(1, 1), UP), [3]),
        ((UP, reviewed(1)), [1]),
        ((reviewed(0, 2), UP), [2]),
    ],
)
def test_an_emergency_is_open_until_a_later_review_names_it(
    kept: Kept, rows: tuple[Row, ...], waiting: list[int]
) -> None:
    _, chain = kept(*rows).read()

    assert [one.number for one in unreviewed(chain.entries)] == waiting


def test_a_review_without_a_time_that_can_be_read_is_overdue(kept: Kept) -> None:
    _, chain = kept(UP, LIFT).read()
    in_time, never = unreviewed(chain.entries)

    assert not in_time.is_overdue(datetime(2026, 12, 1, tzinfo=UTC))
    assert in_time.is_overdue(datetime(2026, 12, 3, tzinfo=UTC))
    assert never.is_overdue(datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), False),
        ((SNAPSHOT,), False),
        ((SNAPSHOT, reviewed(1)), True),
        ((SNAPSHOT, reviewed(1), SNAPSHOT), False),
        # Written after the review was made, before it was on record.
        ((SNAPSHOT, SNAPSHOT, reviewed(1)), False),
        ((UP, SNAPSHOT, reviewed(2)), False),
        ((UP, SNAPSHOT, reviewed(2, 1)), True),
    ],
)
def test_a_review_is_of_what_the_ledger_held_when_it_was_made(
    kept: Kept, rows: tuple[Row, ...], *, expected: bool
) -> None:
    _, chain = kept(*rows).read()

    assert is_reviewed(chain.entries) is expected


@pytest.mark.parametrize(
    ("required", "rows", "admission", "refused"),
    [
        (None, (SNAPSHOT,), None, False),
        ("lift", (SNAPSHOT,), None, True),
        ("all", (SNAPSHOT,), None, True),
        ("lift", (SNAPSHOT, reviewed(1)), None, False),
        ("lift", (SNAPSHOT, LIFT), 2, False),
        ("lift", (SNAPSHOT, LIFT), 1, True),
        ("lift", (SNAPSHOT, LIFT), None, True),
        ("lift", (SNAPSHOT, UP), 2, True),
        ("lift", (SNAPSHOT, APPROVED_LIFT), 2, False),
        ("lift", (SNAPSHOT, APPROVED), 2, True),
        # One entry lets one run begin, and no later one.
        ("lift", (SNAPSHOT, APPROVED_LIFT, UP), 2, True),
        ("lift", (), UNRECORDED, True),
    ],
)
def test_a_lift_takes_the_review_that_the_profile_asks_for(
    kept: Kept,
    required: Literal["lift", "all"] | None,
    rows: tuple[Row, ...],
    admission: int | None,
    *,
    refused: bool,
) -> None:
    def lift() -> None:
        require_lift_reviewed(profile(required), kept(*rows), admission, INCIDENT)

    if refused:
        with pytest.raises(RefusedError, match=f"containment review {INCIDENT} --applied"):
            lift()
    else:
        lift()


@pytest.mark.parametrize(
    ("required", "rows", "admission", "refused"),
    [
        (None, (), None, False),
        ("lift", (), None, False),
        ("all", (), None, True),
        ("all", (UP,), 1, False),
        ("all", (APPROVED,), 1, False),
        ("all", (UP,), None, True),
        ("all", (UP, APPROVED), 1, True),
        ("all", (SNAPSHOT,), 1, True),
        ("all", (SNAPSHOT,), UNRECORDED, False),
    ],
)
def test_a_run_begins_by_an_approval_or_an_emergency_where_the_profile_asks_for_one(
    kept: Kept,
    required: Literal["lift", "all"] | None,
    rows: tuple[Row, ...],
    admission: int | None,
    *,
    refused: bool,
) -> None:
    def begin() -> None:
        require_admitted(profile(required), kept(*rows), admission)

    if refused:
        with pytest.raises(RefusedError, match="containment up --emergency REASON"):
            begin()
    else:
        begin()


def test_a_broken_ledger_keeps_nobody_from_containing_and_gives_nobody_back(
    kept: Kept, tmp_path: Path
) -> None:
    kept(SNAPSHOT, UP, reviewed(2, 2))
    file = tmp_path / "ledger" / f"{INCIDENT}.jsonl"
    file.write_text(file.read_text().replace('"operator":"x"', '"operator":"y"'))

    require_admitted(profile("all"), kept(), 2)
    with pytest.raises(RefusedError, match="the ledger is broken"):
        require_lift_reviewed(profile("lift"), kept(), None, INCIDENT)
    assert is_emergency_lift(kept(), 2)


@pytest.mark.parametrize(
    ("rows", "admission", "expected"),
    [
        ((), None, False),
        ((LIFT,), 1, True),
        ((UP,), 1, True),
        ((), UNRECORDED, True),
        ((APPROVED_LIFT,), 1, False),
    ],
)
def test_a_run_that_nobody_approved_gives_no_leaked_credential_back(
    kept: Kept, rows: tuple[Row, ...], admission: int | None, *, expected: bool
) -> None:
    assert is_emergency_lift(kept(*rows), admission) is expected


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("0", 0), ("", None), ("-1", None), ("x", None), ("\u0661", None)],
)
def test_the_environment_names_an_entry_or_none(text: str, number: int | None) -> None:
    assert admission_in({VARIABLE: text}) == number
