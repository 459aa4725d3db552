"""A ledger in a file: many writers, torn lines, full disks and places that cannot be written."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from containment.ledger import chain
from containment.ledger.chain import Head
from containment.ledger.file_store import FileStore
from containment.ledger.store import LedgerUnavailableError

pytestmark = pytest.mark.plain


def add(store: FileStore, **entry: object) -> Head:
    return store.append(lambda after: chain.line(entry, after))


def read(path: Path) -> chain.Chain:
    return chain.read(FileStore(path).lines() or ())


def test_a_ledger_that_nobody_wrote_is_none(tmp_path: Path) -> None:
    assert FileStore(tmp_path / "ledger" / "x.jsonl").lines() is None
    assert not (tmp_path / "ledger").exists()


def test_a_ledger_file_is_readable_for_its_owner_alone(tmp_path: Path) -> None:
    add(FileStore(tmp_path / "ledger" / "x.jsonl"), kind="a")

    assert (tmp_path / "ledger" / "x.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_a_crash_cut_off_is_named_and_breaks_nothing_that_follows(
    tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "x.jsonl"
    add(FileStore(path), kind="a")
    add(FileStore(path), kind="b")
    path.write_bytes(path.read_bytes()[: -1 - cut])
    before = path.read_bytes()

    head = add(FileStore(path), kind="c")

    reading = read(path)
    assert path.read_bytes().startswith(before)
    assert (reading.broken, reading.torn, head.length) == (None, (2,), 3)
    assert [entry["kind"] for entry in reading.entries] == ["a", "c"]


def test_a_line_that_only_lost_its_end_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    add(FileStore(path), kind="a")
    path.write_bytes(path.read_bytes()[:-1])

    add(FileStore(path), kind="b")

    assert [entry["kind"] for entry in read(path).entries] == ["a", "b"]
    assert read(path).torn == ()


def test_a_folder_that_cannot_be_written_is_said_with_a_way_out(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir(mode=0o555)
    store = FileStore(folder / "x.jsonl")
    root = os.geteuid() == 0  # root may write anywhere
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(LedgerUnavailableError, match="Permission denied") as refused:
            add(store, kind="a")
    finally:
        if root:
            os.seteuid(0)

    assert "name another 'ledger' in containment.yaml" in refused.value.remedy


@pytest.mark.parametrize("place", ["/dev/full", "/dev/null"])
def test_what_is_no_file_is_no_ledger(place: str) -> None:
    with pytest.raises(LedgerUnavailableError, match="is no regular file"):
        add(FileStore(Path(place)), kind="a")


def test_a_writer_that_was_stopped_with_the_lock_stops_nobody_for_long(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    add(FileStore(path), kind="a")
    with path.open("rb") as locked_file:
        fcntl.flock(locked_file, fcntl.LOCK_EX)
        with pytest.raises(LedgerUnavailableError, match="another process has held it"):
            add(FileStore(path), kind="b")

    assert add(FileStore(path), kind="c").length == 2


def test_a_file_that_was_put_in_its_place_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    store = FileStore(path)
    add(store, kind="a")
    add(store, kind="b")
    other = tmp_path / "y.jsonl"
    add(FileStore(other), kind="x")
    other.rename(path)

    add(store, kind="y")

    assert [entry["kind"] for entry in read(path).entries] == ["x", "y"]
    assert read(path).broken is None


def test_a_line_and_the_name_of_a_new_file_outlive_a_crash_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/dev/fd/{descriptor}").resolve().name)
        real(descriptor)

    monkeypatch.setattr("containment.ledger.file_store.os.fsync", fsync)
    store = FileStore(tmp_path / "ledger" / "x.jsonl")

    add(store, kind="a")
    add(store, kind="b")

    assert synced == ["x.jsonl", "ledger", "x.jsonl"]


def test_a_ledger_that_is_a_link_is_neither_written_nor_read(tmp_path: Path) -> None:
    precious = tmp_path / "profile"
    precious.write_text("alias ll='ls -l'\n")
    link = tmp_path / "inc.jsonl"
    link.symlink_to(precious)
    twice = tmp_path / "twice.jsonl"
    twice.hardlink_to(precious)
    behind = tmp_path / "project"
    behind.mkdir()
    (behind / "ledger").symlink_to(tmp_path)

    for store in (
        FileStore(link),
        FileStore(twice),
        FileStore(behind / "ledger" / "new.jsonl", within=behind),
    ):
        with pytest.raises(LedgerUnavailableError, match=r"link|another name"):
            add(store, kind="x")
    with pytest.raises(LedgerUnavailableError, match="link"):
        FileStore(link).lines()

    assert precious.read_text() == "alias ll='ls -l'\n"
    assert not (tmp_path / "new.jsonl").exists()


@pytest.mark.parametrize(
    "content", ["alias ll='ls -l'\n", '{"Version": "2012-10-17"}\n', "\n", "x"]
)
def test_a_file_that_does_not_begin_as_a_ledger_is_not_added_to(
    tmp_path: Path, content: str
) -> None:
    other = tmp_path / "inc.jsonl"
    other.write_text(content)

    with pytest.raises(LedgerUnavailableError, match="something else than a ledger"):
        add(FileStore(other), kind="x")

    assert other.read_text() == content


def test_a_ledger_whose_folders_are_not_there_is_begun_below_the_project(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "a" / "b" / "inc.jsonl", within=tmp_path)
    assert store.lines() is None

    add(store, kind="x")

    assert read(tmp_path / "a" / "b" / "inc.jsonl").broken is None
