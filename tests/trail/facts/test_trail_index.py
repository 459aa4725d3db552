"""The fact index: the next question is cheap, and never answered from what is stale or damaged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from containment.errors import UnavailableError
from containment.trail import Trace, trace
from containment.trail.facts.index import Index
from containment.trail.facts.store import VERSION, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain


class Asking:
    """Asks the same question again and again, and counts the files that are read for it."""

    def __init__(self, scene: Scene, tmp_path: Path) -> None:
        self.scene, self.logs, self.index = scene, tmp_path / "logs", tmp_path / "index"
        self.logs.mkdir()
        self.read = 0

    def write(self, name: str, *calls: str) -> Path:
        self.scene.records.clear()
        for number, call in enumerate(calls):
            self.scene.call(self.scene.leaked, self.scene.user, call, 30 + number)
        return self.scene.write(self.logs, name)

    def ask(self) -> Trace:
        self.read = 0

        def count(_: int, total: int) -> None:
            self.read = total

        return trace(
            self.scene.leaked,
            since=self.scene.since,
            logs=[self.logs],
            workers=1,
            index=self.index,
            progress=count,
        )

    def calls(self) -> list[str]:
        return sorted(traced.call.name for traced in self.ask().calls)

    def segments(self) -> list[Path]:
        return sorted(self.index.rglob("*.facts"))


@pytest.fixture
def asking(scene: Scene, tmp_path: Path) -> Asking:
    asking = Asking(scene, tmp_path)
    asking.write("a.json", "ListUsers")
    asking.write("b.json", "ListRoles")
    return asking


def test_only_what_is_new_or_changed_is_read_again(asking: Asking) -> None:
    assert (asking.calls(), asking.read) == (["ListRoles", "ListUsers"], 2)
    assert (asking.calls(), asking.read) == (["ListRoles", "ListUsers"], 0)

    asking.write("c.json", "ListGroups")
    assert (asking.calls(), asking.read) == (["ListGroups", "ListRoles", "ListUsers"], 1)

    asking.write("b.json", "ListRoles", "ListUsers")
    assert len(asking.calls()) == 4
    assert asking.read == 1

    (asking.logs / "a.json").unlink()
    assert len(asking.calls()) == 3
    assert asking.read == 0


def test_a_file_of_the_same_size_and_time_with_other_content_is_read_again(
    asking: Asking,
) -> None:
    asking.ask()
    before = (asking.logs / "a.json").stat()
    path = asking.write("a.json", "ListKinds")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size

    assert (asking.calls(), asking.read) == (["ListKinds", "ListRoles"], 1)


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _cut(content: bytes) -> bytes:
    return content[:-3]


def _cut_short(content: bytes) -> bytes:
    return content[:40]


def _empty(_content: bytes) -> bytes:
    return b""


def _of_another_version(content: bytes) -> bytes:
    return content.replace(b"index ", b"index 1", 1)


def _without_entries(content: bytes) -> bytes:
    return content[:26] + b"\xff" * 40


def _noise(_content: bytes) -> bytes:
    return os.urandom(4096)


@pytest.mark.parametrize(
    "damage",
    [_cut, _cut_short, _empty, _flip, _of_another_version, _without_entries, _noise],
    ids=["cut", "cut short", "empty", "one bit", "another version", "no entries", "noise"],
)
def test_a_damaged_index_is_read_from_the_logs_again(
    asking: Asking, damage: Callable[[bytes], bytes]
) -> None:
    first = asking.calls()
    for segment in asking.segments():
        segment.write_bytes(damage(segment.read_bytes()))

    assert asking.calls() == first
    assert asking.read >= 1
    assert asking.calls() == first
    assert asking.read == 0


def test_an_index_that_is_cleared_meanwhile_is_no_crash(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = asking.calls()
    listing = Path.glob

    def cleared(folder: Path, pattern: str) -> Iterator[Path]:
        paths = list(listing(folder, pattern))
        for path in paths:
            path.unlink()
        return iter(paths)

    monkeypatch.setattr(Path, "glob", cleared)

    assert (asking.calls(), asking.read) == (first, 2)


def test_what_was_read_before_an_interruption_is_kept(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containment.trail.facts.scan._BATCH_FILES", 1)
    add = Index.add

    def interrupted(index: Index[Entry], entry: Entry) -> None:
        add(index, entry)
        raise KeyboardInterrupt

    monkeypatch.setattr(Index, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        asking.ask()
    monkeypatch.setattr(Index, "add", add)

    assert asking.calls() == ["ListRoles", "ListUsers"]
    assert asking.read == 1


def test_two_traces_at_once_both_keep_what_they_read(asking: Asking) -> None:
    asking.ask()
    entries = next(iter(asking.index.iterdir()))
    paths = [str(asking.logs / name) for name in ("a.json", "b.json")]
    segments = list(Index(entries, Entry, VERSION).unchanged(paths))
    for segment in asking.segments():
        segment.unlink()
    one, two = Index(entries, Entry, VERSION), Index(entries, Entry, VERSION)

    with one.open(), two.open():
        one.add(segments[0])
        two.add(segments[1])

    assert len(asking.segments()) == 2
    assert (asking.calls(), asking.read) == (["ListRoles", "ListUsers"], 0)


def test_what_is_read_is_kept_in_portions(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containment.trail.facts.index._SEGMENT", 1)

    asking.ask()

    assert len(asking.segments()) == 2
    assert list(asking.index.rglob("*.new")) == []
    assert (asking.calls(), asking.read) == (["ListRoles", "ListUsers"], 0)


def test_an_index_that_cannot_be_written_is_one_clear_error(asking: Asking) -> None:
    asking.index.write_text("a file, where a folder should be")

    with pytest.raises(UnavailableError, match="cannot be kept"):
        asking.ask()


def test_facts_that_do_not_fit_in_memory_are_found_on_disk(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("containment.trail.facts.store._IN_MEMORY", 1)

    assert asking.calls() == ["ListRoles", "ListUsers"]
    assert asking.calls() == ["ListRoles", "ListUsers"]


def test_no_room_for_the_facts_is_one_clear_error(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)

    with pytest.raises(UnavailableError, match="No space left on device"):
        asking.ask()
