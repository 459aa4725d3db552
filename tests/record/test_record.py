"""A record holds what was noted, in order; what was changed in it is named and never believed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from containment.errors import ConflictError, ContainmentError, SpecError, UnavailableError
from containment.ledger import LedgerSettings, open_record_store
from containment.ledger.store import Nowhere
from containment.record import Kind, Record, make_note, open_record
from containment.record.notes import require_reason, t0_moments
from containment.record.secrets import holds_secret
from tests.record.conftest import INCIDENT, NOW, OpenRecord

pytestmark = pytest.mark.plain

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def _fill(record: Record, texts: tuple[str, ...] = ("a", "b", "c")) -> None:
    for text in texts:
        record.add(make_note(Kind.IMPACT, text, author="ana", details={}).fields())


def test_entries_are_kept_in_order_with_author_and_time(opened: OpenRecord, file: Path) -> None:
    assert opened().read().verdict == "none"
    _fill(opened())

    reading = opened().read()

    assert (reading.verdict, reading.head.length) == ("intact", 3)
    assert [one["text"] for one in reading.entries] == ["a", "b", "c"]
    first = reading.entries[0]
    assert (first["author"], first["at"], first["n"]) == ("ana", "2026-11-23T22:00:00Z", 1)
    assert first["prev"] == "0" * 64
    assert reading.location == f"incidents/{INCIDENT}/record.jsonl"
    assert file.stat().st_mode & 0o077 == 0


def _edit(lines: list[str]) -> None:
    lines[1] = lines[1].replace('"text":"b"', '"text":"x"')


def _take_out(lines: list[str]) -> None:
    del lines[1]


def _cut(lines: list[str]) -> None:
    del lines[-1]


def _empty(lines: list[str]) -> None:
    lines.clear()


def _edit_last(lines: list[str]) -> None:
    lines[2] = lines[2].replace('"text":"c"', '"text":"x"')


def _spoil_last(lines: list[str]) -> None:
    lines[2] = "spoiled"


@pytest.mark.parametrize(
    ("change", "verdict", "why"),
    [
        (_edit, "broken", "line 2 was changed"),
        (_take_out, "broken", "entry 2 says it is entry 3"),
        (_cut, "cut", "1 were cut off its end"),
        (_empty, "cut", "it has 0 entries and had 1"),
        (_edit_last, "cut", "entry 3 has the hash"),
        (_spoil_last, "cut", "entry 3 has the hash"),
    ],
)
def test_a_changed_record_is_named_concluded_from_and_added_to_by_nobody(
    opened: OpenRecord, file: Path, change: Any, verdict: str, why: str
) -> None:
    _fill(opened())
    lines = file.read_text().splitlines()
    change(lines)
    file.write_text("".join(f"{line}\n" for line in lines))
    before = file.read_bytes()

    reading = opened().read()

    assert (reading.verdict, reading.entries, reading.is_evidence) == (verdict, (), False)
    assert why in reading.why
    with pytest.raises(ConflictError, match=re.escape(why)):
        _fill(opened(), ("d",))
    assert file.read_bytes() == before


def test_a_record_of_another_incident_is_not_taken_for_this_ones(
    opened: OpenRecord, file: Path, tmp_path: Path
) -> None:
    other = open_record(LedgerSettings(), tmp_path, "inc-2026-0001", now=lambda: NOW)
    _fill(other)
    file.parent.mkdir(parents=True)
    file.write_bytes((tmp_path / "incidents/inc-2026-0001/record.jsonl").read_bytes())

    reading = opened().read()

    assert reading.verdict == "broken"
    assert reading.why == "entry 1 is of another incident: inc-2026-0001"


def test_a_record_whose_file_is_gone_is_missed(opened: OpenRecord, file: Path) -> None:
    _fill(opened())
    file.unlink()

    assert opened().read().verdict == "cut"


def test_a_torn_write_is_ended_and_no_entry_is_lost(opened: OpenRecord, file: Path) -> None:
    _fill(opened())
    with file.open("ab") as record:
        record.write(b'{"at":"2026-')

    _fill(opened(), ("d",))

    assert [one["text"] for one in opened().read().entries] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("name", ["incidents", INCIDENT, "record.jsonl", "record.heads"])
def test_no_link_is_followed(opened: OpenRecord, file: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    places = {path.name: path for path in (file, file.parent, file.parent.parent)}
    place = places.get(name, file.parent / "record.heads")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside if "." not in name else outside / "there")

    assert opened().read().verdict == "unreadable"
    with pytest.raises(UnavailableError, match="link"):
        _fill(opened())
    assert list(outside.iterdir()) == []


def test_a_pipe_in_the_records_place_holds_nobody_up(opened: OpenRecord, file: Path) -> None:
    file.parent.mkdir(parents=True)
    os.mkfifo(file.parent / "record.heads")

    assert opened().read().verdict == "unreadable"


@pytest.mark.parametrize("name", ["../x", "a/b/c", ".", "", "INC", "inc\n1"])
def test_no_record_is_named_by_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError):
        open_record(LedgerSettings(), tmp_path, name, now=lambda: NOW)


@pytest.mark.parametrize(
    ("kind", "text", "details", "why"),
    [
        (Kind.T0, "2026-11-23T21:14:00Z", {}, "an entry of kind t0 has no source"),
        (Kind.T0, "2026-11-23T21:14:00", {"source": "x"}, "says no time zone"),
        (Kind.T0, "yesterday", {"source": "x"}, "is not a time"),
        (Kind.CAUSE, "bad luck", {}, "no cause that is known here"),
        (Kind.LESSON, "rotate", {}, "has no owner"),
        (Kind.VERDICT, "it was us", {}, "has no positive"),
        (Kind.VERDICT, "it was us", {"positive": "false-positive"}, "has no of"),
        (Kind.IMPACT, "none", {"applies": "no"}, "takes no applies"),
        (Kind.MESSAGE, "hello", {}, "has no to"),
        (Kind.IMPACT, "none", {"owner": "ana"}, "takes no owner"),
        (Kind.IMPACT, " \n", {}, "the impact says nothing"),
        (Kind.IMPACT, "x" * 4001, {}, "4001 characters"),
        (Kind.IMPACT, f"they have {SECRET}.", {}, "looks like a secret"),
        (Kind.MESSAGE, "hello", {"to": "-----BEGIN RSA PRIVATE KEY-----"}, "looks like a secret"),
    ],
)
def test_what_an_entry_may_not_say_is_refused(
    kind: Kind, text: str, details: dict[str, str], why: str
) -> None:
    with pytest.raises(ContainmentError, match=re.escape(why)) as refusal:
        make_note(kind, text, author="ana", details=details)
    assert SECRET not in str(refusal.value)


def test_ids_and_hashes_are_no_secrets() -> None:
    for text in (
        "AKIAIOSFODNN7EXAMPLE",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "arn:aws:iam::111122223333:user/ci/a-user-with-a-name-of-any-length-you-like",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "https://example.com/Incidents/2026/Some/Long/Path/Of/A/Ticket",
    ):
        assert not holds_secret(text), text
    for text in (f"key={SECRET}\n", "ghp_" + "a1B2" * 9, "IQoJb3JpZ2luX2Vj" + "aB3/" * 40):
        assert holds_secret(text), text


def test_t0_changes_only_with_a_reason_and_no_earlier_one_is_lost(opened: OpenRecord) -> None:
    def noted(moment: str, **more: str) -> None:
        note = make_note(Kind.T0, moment, author="ana", details={"source": "finding", **more})
        require_reason(note, opened().read().entries)
        opened().add(note.fields())

    noted("2026-11-23T21:14:00Z")
    noted("2026-11-23T22:14:00+01:00")
    with pytest.raises(SpecError, match="has no reason"):
        noted("2026-11-20T21:14:00Z")
    noted("2026-11-20T21:14:00Z", reason="an older commit shows it")

    moments = [moment.isoformat() for moment in t0_moments(opened().read().entries)]
    assert moments == [
        "2026-11-23T21:14:00+00:00",
        "2026-11-23T21:14:00+00:00",
        "2026-11-20T21:14:00+00:00",
    ]


def test_the_record_is_in_the_ledgers_bucket_where_that_is_in_one(tmp_path: Path) -> None:
    store = open_record_store(LedgerSettings("s3://evidence/ir"), tmp_path, INCIDENT)

    assert store.location == f"s3://evidence/ir/incidents/{INCIDENT}/record"


def test_heads_behind_a_linked_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "incidents").symlink_to(tmp_path / "elsewhere")
    record = Record(Nowhere(), INCIDENT, tmp_path, now=lambda: NOW)
    place = tmp_path / "elsewhere" / INCIDENT
    place.mkdir()
    (place / "record.heads").write_text(f"7 {'a' * 64}\n")

    assert record.read().verdict == "unreadable"


def test_hostile_text_is_kept_as_it_is_in_ascii(opened: OpenRecord, file: Path) -> None:
    hostile = "\x1b[2J::error::\u202e</td>\r\n<{%reset%}>"
    _fill(opened(), (hostile,))

    assert opened().read().entries[0]["text"] == hostile
    assert json.loads(file.read_bytes())["text"] == hostile
    assert file.read_bytes().isascii()
    assert b"\x1b" not in file.read_bytes()
