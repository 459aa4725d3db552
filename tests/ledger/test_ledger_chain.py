"""A ledger's chain: whatever is done to it shows, and the entry is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containment.ledger import chain
from containment.ledger.chain import Head

pytestmark = pytest.mark.plain


def written(*entries: dict[str, object]) -> list[bytes]:
    lines: list[bytes] = []
    head = Head()
    for entry in entries:
        lines.append(chain.line(entry, head))
        head = chain.following(head, lines[-1])
    return lines


LINES = written({"kind": "a"}, {"kind": "b"}, {"kind": "c"}, {"kind": "d"})


def test_a_chain_reads_as_it_was_written() -> None:
    read = chain.read(LINES)

    assert [entry["kind"] for entry in read.entries] == ["a", "b", "c", "d"]
    assert [entry["n"] for entry in read.entries] == [1, 2, 3, 4]
    assert (read.broken, read.torn, read.head.length) == (None, (), 4)


def test_a_line_is_ascii_sorted_and_without_white_space() -> None:
    line = chain.line({"kind": "é", "after": None}, Head())

    assert line == (b'{"after":null,"kind":"\\u00e9","n":1,"prev":"' + b"0" * 64 + b'"}')


def test_a_changed_entry_is_named() -> None:
    forged = [LINES[0], LINES[1].replace(b'"b"', b'"x"'), *LINES[2:]]

    read = chain.read(forged)

    assert read.broken is not None
    assert read.broken.startswith("entry 3 follows a line with the hash ")
    assert "line 2 was changed, or 3 put there" in read.broken
    assert [entry["kind"] for entry in read.entries] == ["a", "x"]


def test_an_entry_that_was_taken_out_is_named() -> None:
    read = chain.read([LINES[0], *LINES[2:]])

    assert read.broken == (
        "entry 2 says it is entry 3: something before it was taken out or put in"
    )


def test_entries_that_changed_places_are_named() -> None:
    read = chain.read([LINES[0], LINES[2], LINES[1], LINES[3]])

    assert read.broken is not None
    assert read.broken.startswith("entry 2 says it is entry 3")


def test_an_entry_that_was_put_in_is_named() -> None:
    more = chain.line({"kind": "x"}, chain.read(LINES[:2]).head)

    read = chain.read([*LINES[:2], more, *LINES[2:]])

    assert read.broken is not None
    assert read.broken.startswith("entry 4 says it is entry 3")


def test_a_cut_tail_shows_to_whoever_remembers_the_head() -> None:
    whole = chain.read(LINES).head

    lack = chain.read(LINES[:2]).lacks(whole)

    assert lack == "it has 2 entries and had 4: 2 were cut off its end"
    assert chain.read(LINES).lacks(whole) is None
    assert chain.read([*LINES, *LINES]).lacks(whole) is None


def test_a_ledger_written_anew_shows_to_whoever_remembers_the_head() -> None:
    remembered = chain.read(LINES[:3]).head
    other = written({"kind": "a"}, {"kind": "b"}, {"kind": "x"}, {"kind": "d"})

    lack = chain.read(other).lacks(remembered)

    assert lack is not None
    assert lack.startswith("entry 3 has the hash ")


def test_a_torn_line_is_named_and_covered_by_the_chain() -> None:
    torn = LINES[1][:20]
    head = chain.following(chain.read(LINES[:1]).head, torn)
    after = chain.line({"kind": "c"}, head)

    read = chain.read([LINES[0], torn, after])
    changed = chain.read([LINES[0], torn[:-1], after])

    assert (read.torn, read.broken) == ((2,), None)
    assert [entry["n"] for entry in read.entries] == [1, 3]
    assert changed.broken is not None


ENTRIES = st.lists(
    st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=9) | st.integers()),
    min_size=1,
    max_size=8,
)


@given(ENTRIES, st.data())
def test_any_other_byte_anywhere_but_in_the_last_line_breaks_the_chain(
    entries: list[dict[str, object]], data: st.DataObject
) -> None:
    lines = written(*entries, {"kind": "last"})
    number = data.draw(st.integers(0, len(lines) - 2))
    place = data.draw(st.integers(0, len(lines[number]) - 1))
    other = data.draw(st.integers(32, 126))
    changed = bytearray(lines[number])
    changed[place] = other

    read = chain.read([*lines[:number], bytes(changed), *lines[number + 1 :]])

    assert (read.broken is None) == (bytes(changed) == lines[number])


@given(ENTRIES)
def test_what_was_put_in_comes_out(entries: list[dict[str, object]]) -> None:
    read = chain.read(written(*entries))

    assert read.broken is None
    bare = [{k: v for k, v in entry.items() if k not in {"n", "prev"}} for entry in read.entries]
    assert bare == [
        json.loads(json.dumps({k: v for k, v in entry.items() if k not in {"n", "prev"}}))
        for entry in entries
    ]
