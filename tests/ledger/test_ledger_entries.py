"""A ledger that others may append to: what was written first of a snapshot counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from containment.aws.credentials import ACCESS_KEY
from containment.clock import utc_now
from containment.ledger import entries
from containment.ledger.file_store import FileStore
from containment.ledger.journal import Journal

pytestmark = pytest.mark.plain

USER, KEY, SNAPSHOT = "AIDAEXAMPLEEXAMPLE00", "AKIAIOSFODNN7EXAMPLE", "abcdefghij"
FACET = ACCESS_KEY.facet(KEY)


def snapshot(status: str, *, unique_id: str = USER) -> dict[str, Any]:
    return {
        "kind": "snapshot",
        "snapshot_id": SNAPSHOT,
        "unique_id": unique_id,
        "principal": "arn:aws:iam::111122223333:user/ci-deploy",
        "facts": {"accessKeys": [{"accessKeyId": KEY, "status": status}]},
    }


@pytest.mark.parametrize(
    "later",
    [[snapshot("Active")], [{"kind": "release", "snapshot_id": SNAPSHOT}, snapshot("Active")]],
    ids=["at once", "after a release"],
)
def test_a_later_entry_of_the_same_snapshot_changes_nothing(later: list[dict[str, Any]]) -> None:
    ledger_entries = [snapshot("Inactive"), *later]

    assert entries.prior(ledger_entries, USER, FACET, SNAPSHOT) == "Inactive"
    assert entries.prior(ledger_entries, USER, FACET, None) == "Inactive"
    assert entries.priors(ledger_entries, USER, SNAPSHOT)[FACET] == "Inactive"
    assert [item.facts for item in entries.open_snapshots(ledger_entries)] in (
        [],
        [snapshot("Inactive")["facts"]],
    )


def test_another_principal_gets_no_prior_under_a_snapshot_that_is_not_its_own() -> None:
    ledger_entries = [snapshot("Inactive"), snapshot("Active", unique_id="AIDAEXAMPLEEXAMPLE01")]

    assert entries.prior(ledger_entries, "AIDAEXAMPLEEXAMPLE01", FACET, SNAPSHOT) is None
    assert [item.unique_id for item in entries.open_snapshots(ledger_entries)] == [USER]


def test_a_later_entry_that_says_otherwise_is_named(tmp_path: Path) -> None:
    heard: list[str] = []
    store = FileStore(tmp_path / "inc-2026-0042.jsonl")
    journal = Journal(store, "inc-2026-0042", now=utc_now, say=heard.append)
    for status in ("Inactive", "Inactive", "Active"):
        snapshot_entry = snapshot(status)
        journal.write(snapshot_entry.pop("kind"), snapshot_entry, required=True)

    concerns = journal.inspect().concerns
    assert len(concerns) == 1
    assert concerns[0].startswith("entry 3 says otherwise than entry 1 how arn:aws:iam::1111")
    assert concerns[0].endswith("somebody else wrote it, and the first one counts")
    journal.remember()
    assert len(heard) == 1
