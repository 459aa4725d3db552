"""A journal: what doubt about it means for containing, for lifting and for what it is worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from containment.clock import utc_now
from containment.errors import RefusedError
from containment.ledger import Remembered, chain
from containment.ledger.chain import Head
from containment.ledger.journal import Journal
from containment.ledger.places import LedgerSettings, open_store
from containment.ledger.store import LedgerUnavailableError
from tests.ledger.conftest import Kept
from tests.support.project import STACK

pytestmark = pytest.mark.plain


class Wedged:
    """A place that answers after a while, or never; its calls are counted."""

    location = "wedged"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0

    def lines(self) -> Sequence[bytes] | None:
        self.calls += 1
        time.sleep(self.seconds)
        raise LedgerUnavailableError("gone", remedy="wait")

    def append(self, make: Callable[[Head], bytes]) -> Head:
        del make
        self.lines()
        return Head()

    def concerns(self) -> list[str]:
        return []

    def locked(self) -> bool:
        return False


def journal_of(store: Wedged) -> tuple[Journal, list[str]]:
    messages: list[str] = []
    return Journal(store, STACK, now=utc_now, say=messages.append), messages


def write(kept: Kept, *kinds: str) -> Remembered:
    journal = kept.ledger().journal_of(STACK)
    for kind in kinds:
        journal.write(kind, {}, required=False)
    return Remembered(journal.location, journal.inspect().head)


def test_a_place_that_does_not_answer_holds_up_the_first_entry_alone() -> None:
    store = Wedged(30)
    journal, messages = journal_of(store)

    numbers = [journal.write("intent", {}, required=False) for _ in range(20)]

    assert numbers == [None] * 20
    assert store.calls == 1
    assert len(messages) == 1
    assert "does not answer within 2 s: containing goes on without a record" in messages[0]


def test_a_place_that_hung_once_is_not_waited_for_again_to_be_read() -> None:
    store = Wedged(30)
    journal, _ = journal_of(store)

    journal.write("intent", {}, required=False)

    assert journal.inspect().verdict == "unreadable"
    assert store.calls == 1


def test_a_place_that_could_not_be_read_is_not_asked_again_to_be_written() -> None:
    store = Wedged(0)
    journal, _ = journal_of(store)

    assert journal.inspect().verdict == "unreadable"
    assert journal.write("intent", {}, required=False) is None
    assert store.calls == 1


def test_what_has_to_be_on_record_is_refused_where_it_cannot_be() -> None:
    journal, _ = journal_of(Wedged(0))

    with pytest.raises(RefusedError, match="so the lift is not made") as refused:
        journal.write("intent", {}, required=True)

    assert "then 'pulumi up' before 'pulumi destroy'" in refused.value.remedy


def test_entries_that_were_missed_are_counted_in_the_next_one(kept: Kept) -> None:
    kept.folder.joinpath("ledger").write_text("in the way")
    journal = kept.ledger().journal_of(STACK)
    for _ in range(3):
        journal.write("intent", {}, required=False)
    kept.folder.joinpath("ledger").unlink()

    journal.write("release", {}, required=True)
    journal.write("release", {}, required=True)

    assert [entry.get("missed") for entry in kept.entries()] == [3, None]


def test_an_intact_ledger_is_evidence_and_its_head_is_remembered(kept: Kept) -> None:
    remembered = write(kept, "a", "b")
    write(kept, "c")
    journal = kept.ledger().journal_of(STACK)

    journal.expect(remembered)

    assert journal.inspect().verdict == "intact"
    assert journal.evidence() is not None
    assert journal.remember() == Remembered(f"ledger/{STACK}.jsonl", journal.inspect().head)
    assert kept.messages == []


def test_a_cut_ledger_is_named_is_no_evidence_and_the_longer_head_stands(kept: Kept) -> None:
    remembered = write(kept, "a", "b", "c")
    kept.file.write_text("".join(f"{line}\n" for line in kept.lines()[:1]))
    journal = kept.ledger().journal_of(STACK)
    journal.expect(remembered)

    assert journal.remember() == remembered
    assert journal.remember() == remembered

    assert journal.inspect().verdict == "cut"
    assert journal.evidence() is None
    assert len(kept.messages) == 1
    assert "it has 1 entries and had 3: 2 were cut off its end" in kept.messages[0]
    assert "a lift relies on the state and the claims alone" in kept.messages[0]


def test_of_several_heads_that_the_state_remembers_the_longest_counts(kept: Kept) -> None:
    early = write(kept, "a")
    late = write(kept, "b", "c")
    kept.file.write_text("".join(f"{line}\n" for line in kept.lines()[:2]))
    journal = kept.ledger().journal_of(STACK)

    journal.expect(late)
    journal.expect(early)

    assert journal.inspect().verdict == "cut"


def test_a_ledger_cut_and_written_on_is_still_no_evidence(kept: Kept) -> None:
    remembered = write(kept, "a", "b", "c")
    kept.file.write_text("".join(f"{line}\n" for line in kept.lines()[:1]))
    write(kept, "x", "y", "z")
    journal = kept.ledger().journal_of(STACK)
    journal.expect(remembered)

    assert journal.inspect().verdict == "cut"
    assert "entry 3 has the hash" in journal.inspect().why
    assert journal.evidence() is None


def test_a_broken_ledger_is_named_is_no_evidence_and_is_written_on(kept: Kept) -> None:
    remembered = write(kept, "a", "b", "c")
    kept.file.write_text(kept.file.read_text().replace('"kind":"b"', '"kind":"x"'))
    journal = kept.ledger().journal_of(STACK)
    journal.expect(remembered)

    assert journal.inspect().verdict == "broken"
    assert "line 2 was changed, or 3 put there" in journal.inspect().why
    assert journal.evidence() is None
    assert journal.write("intent", {}, required=False) == 4


def test_a_ledger_that_is_not_here_is_said_once_and_the_next_names_it(
    kept: Kept, tmp_path: Path
) -> None:
    remembered = write(kept, "a", "b")
    elsewhere = Kept(tmp_path / "checkout")
    journal = elsewhere.ledger().journal_of(STACK)
    journal.expect(remembered)

    assert journal.remember() == remembered
    assert journal.inspect().verdict == "missing"
    assert journal.write("intent", {}, required=True) == 2

    assert elsewhere.kinds() == ["continued", "intent"]
    assert elsewhere.entries()[0]["of"] == {
        "location": f"ledger/{STACK}.jsonl",
        "length": 2,
        "head": remembered.head.sha256,
    }
    assert journal.inspect().verdict == "elsewhere"
    assert journal.evidence() is None
    assert journal.remember() == remembered
    assert "is on the machine that wrote it, or was deleted" in elsewhere.messages[0]


def test_a_ledger_that_nobody_has_begun_is_no_error(kept: Kept) -> None:
    journal = kept.ledger().journal_of(STACK)

    assert (journal.inspect().verdict, journal.inspect().why) == ("missing", "")
    assert journal.remember() is None
    assert kept.messages == []


def test_a_ledger_that_is_not_believed_answers_nothing(kept: Kept) -> None:
    write(kept, "a")
    journal = Journal(
        open_store(LedgerSettings(), kept.folder, STACK),
        STACK,
        now=utc_now,
        say=kept.messages.append,
        believed=False,
    )

    assert journal.inspect().verdict == "intact"
    assert journal.evidence() is None


@pytest.mark.parametrize(
    ("place", "file"),
    [("ledger", "ledger/x.jsonl"), ("kept/", "kept/x.jsonl"), ("a/b.jsonl", "a/b.jsonl")],
)
def test_a_path_is_a_folder_unless_it_ends_like_a_ledger(
    tmp_path: Path, place: str, file: str
) -> None:
    store = open_store(LedgerSettings(place), tmp_path, "x")
    store.append(lambda _after: b"{}")

    assert (tmp_path / file).read_bytes() == b"{}\n"
    assert store.location == file


@pytest.mark.parametrize("incident", ["../x", "a/b", "..", "/etc/x"])
def test_a_name_that_leads_elsewhere_has_no_ledger(tmp_path: Path, incident: str) -> None:
    store = open_store(LedgerSettings(), tmp_path / "project", incident)

    store.append(lambda _after: b"{}")

    assert store.lines() is None
    assert list(tmp_path.iterdir()) == []


def test_incidents_that_share_a_file_are_told_what_is_their_own(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "ledger/all.jsonl")
    ledger = kept.ledger()
    for incident in ("inc-1", "inc-2"):
        ledger.journal_of(incident).write("snapshot", {"of": incident}, required=True)

    evidence = ledger.journal_of("inc-2").evidence()

    assert evidence is not None
    assert [entry["of"] for entry in evidence.entries] == ["inc-2"]
    assert (evidence.head.length, evidence.broken) == (2, None)


_STRANGE: list[dict[str, object]] = [
    {"kind": 5},
    {"kind": ["snapshot"]},
    {"kind": "snapshot", "facts": 5},
    {"kind": "snapshot", "facts": ["x"]},
    {"kind": "snapshot", "facts": {"accessKeys": [5]}},
    {"kind": "snapshot", "facts": {"accessKeys": [{"status": "Active"}]}},
    {"kind": "snapshot", "facts": {"captured": {"x": 5}}},
    {"kind": "snapshot", "facts": {"attachedPolicies": 5}},
    {"kind": "snapshot", "snapshot_id": ["x"]},
    {"kind": "terms", "lift": "false-positive"},
    {"kind": "intent", "facet": {}, "before": []},
    {"kind": "outcome", "of": "x"},
    {"kind": "kept", "keys": 5},
    {"kind": "continued", "of": 5},
]


@pytest.mark.parametrize("strange", _STRANGE, ids=str)
def test_an_entry_that_we_never_write_is_named_and_the_others_count(
    kept: Kept, strange: dict[str, object]
) -> None:
    """Whoever writes the file would else end every run that reads it."""
    honest = {"kind": "snapshot", "unique_id": "AIDAEXAMPLEEXAMPLE00", "snapshot_id": "0123456789"}
    head, lines = Head(), list[bytes]()
    for entry in ({**honest, "facts": {}}, {"unique_id": "x", **strange}):
        lines.append(chain.line({"incident": STACK, **entry}, head))
        head = chain.following(head, lines[-1])
    kept.file.parent.mkdir(parents=True, exist_ok=True)
    kept.file.write_bytes(b"\n".join(lines) + b"\n")
    journal = kept.ledger().journal_of(STACK)

    inspection = journal.inspect()

    assert inspection.verdict == "intact"
    assert "entry 2 is none that we write, and is passed over" in inspection.concerns
    assert [item.snapshot_id for item in kept.ledger().open_snapshots(STACK)] == ["0123456789"]


def test_a_line_of_lists_in_lists_is_no_entry() -> None:
    assert chain.parse(b'{"a":' + b"[" * 200_000) is None
