"""What may be done on whose word: the rule cell by cell, in code, docs and docstring alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from containment.lifecycle import authority
from containment.lifecycle.authority import Act, Role, Verdict, Word, sources, table, verdict

pytestmark = pytest.mark.plain

ROOT = Path(__file__).parents[2]
STALE = "paste what containment.lifecycle.authority.table() returns"
NAMED, OTHER = Role(named=True), Role(named=False)
PROTECTED = Role(named=True, protected=True)
DENY: Act = "deny at a lift"
TAKE: Act = "take ours away"
GIVE: Act = "give back"

# Expected by hand: for each set of words deny, take away and give back, for whom the spec names and
# then for whom it does not.
EXPECTED: dict[tuple[Word, ...], tuple[str, str]] = {
    ("state",): ("done asked asked", "never never never"),
    ("state", "file ledger"): ("done asked asked", "never never never"),
    ("mark",): ("done asked never", "never never never"),
    ("claim",): ("done asked asked", "never never never"),
    ("state", "claim"): ("done asked done", "never never never"),
    ("state", "mark"): ("done done asked", "done done asked"),
    ("state", "mark", "claim"): ("done done done", "done done done"),
    ("state", "locked ledger"): ("done asked done", "never never never"),
    ("claim", "locked ledger"): ("done asked done", "never never never"),
    ("state", "decision"): ("done done done", "never never never"),
    ("state", "mark", "decision"): ("done done done", "done done done"),
}


@pytest.mark.parametrize("words", EXPECTED, ids=" + ".join)
@pytest.mark.parametrize("role", [NAMED, OTHER], ids=["named", "not named"])
def test_each_cell_of_the_authority_table_has_its_expected_verdict(
    words: tuple[Word, ...], role: Role
) -> None:
    expected = EXPECTED[words][0 if role.named else 1].split()

    acts: tuple[Act, ...] = (DENY, TAKE, GIVE)
    assert [verdict(act, role, words) for act in acts] == expected


@pytest.mark.parametrize("words", EXPECTED, ids=" + ".join)
def test_whom_the_profile_protects_is_denied_nothing_and_given_back_as_others_are(
    words: tuple[Word, ...],
) -> None:
    assert verdict(DENY, PROTECTED, words) == "never"
    assert verdict("contain", PROTECTED, words) == "never"
    assert verdict(GIVE, PROTECTED, words) == verdict(GIVE, NAMED, words)
    assert verdict(TAKE, PROTECTED, words) == verdict(TAKE, NAMED, words)


@pytest.mark.parametrize(("role", "expected"), [(NAMED, "done"), (OTHER, "never")])
def test_nobody_is_contained_but_by_the_spec(role: Role, expected: Verdict) -> None:
    for words in EXPECTED:
        assert verdict("contain", role, words) == expected


def test_two_files_of_one_editor_are_one_source() -> None:
    assert sources(["state", "file ledger"]) == {"state"}
    assert sources(["claim", "mark"]) == {"account"}
    assert sources(["decision"]) == frozenset()


def test_a_further_source_never_lessens_what_may_be_done() -> None:
    order = ("never", "asked", "done")
    for words in EXPECTED:
        for more in EXPECTED:
            for role in (NAMED, OTHER):
                for act in (TAKE, GIVE):
                    less = verdict(act, role, words)
                    assert order.index(verdict(act, role, {*words, *more})) >= order.index(less)


def test_the_table_is_in_the_docs_and_in_the_docstring() -> None:
    assert table() in (ROOT / "docs" / "authority.md").read_text(encoding="utf-8"), STALE
    assert table() in (authority.__doc__ or ""), STALE
    assert len(table().splitlines()) == 2 + len(EXPECTED)
