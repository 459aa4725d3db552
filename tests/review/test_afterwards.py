"""What the ledger has for whoever reviews afterwards: all since the last review, and by whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.errors import NotFoundError, RefusedError
from containment.review.approval.afterwards import done_already
from tests.lifecycle.test_oversight import INCIDENT, SNAPSHOT, UP, Kept, Row, kept, reviewed

__all__ = ["kept"]

pytestmark = pytest.mark.plain

ARN = "arn:aws:iam::111122223333:user/bot"
ALICE, BOB = (f"arn:aws:sts::111122223333:assumed-role/Responder/{name}" for name in ("a", "b"))


def change(facet: str, operator: str = ALICE) -> Row:
    fields = {"principal": ARN, "operation": "PutUserPolicy", "facet": facet, "operator": operator}
    return "intent", fields


def ended(number: int, result: str) -> Row:
    return "outcome", {"of": number, "result": result}


def test_a_review_afterwards_is_of_every_change_since_the_last_one(kept: Kept) -> None:
    early = (UP, change("deny"), ended(2, "done"), reviewed(3, 1))
    journal = kept(*early, change("trust", BOB), ended(5, "refused"), change("keys"))

    record = done_already(journal, INCIDENT)

    assert record.changes == (
        (ARN, "PutUserPolicy trust", "refused"),
        (ARN, "PutUserPolicy keys", "unknown"),
    )
    assert (record.numbers, record.head.length) == ((), 7)
    assert record.operators == {ALICE, BOB}


def test_who_declared_an_emergency_applied_it_as_well(kept: Kept) -> None:
    record = done_already(kept(UP, change("deny", BOB)), INCIDENT)

    assert record.numbers == (1,)
    assert record.operators == {"x", BOB}


@pytest.mark.parametrize("rows", [(), (SNAPSHOT,), (UP, change("deny"), reviewed(2, 1))])
def test_where_nothing_was_done_there_is_nothing_to_review(
    kept: Kept, rows: tuple[Row, ...]
) -> None:
    expected = NotFoundError if rows else RefusedError
    with pytest.raises(expected):
        done_already(kept(*rows), INCIDENT)


def test_nobody_signs_for_a_ledger_that_was_altered(kept: Kept, tmp_path: Path) -> None:
    kept(UP, change("deny"))
    file = tmp_path / "ledger" / f"{INCIDENT}.jsonl"
    file.write_text(file.read_text().replace('"operator":"x"', '"operator":"y"'))

    with pytest.raises(RefusedError, match="what was done cannot be told"):
        done_already(kept(), INCIDENT)
