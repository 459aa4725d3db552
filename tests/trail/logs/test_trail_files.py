"""What lies in a folder of logs: files that are none, that cannot be read, that change."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from containment.trail import trace
from containment.trail.logs.containers import WHOLE, decode
from containment.trail.logs.inflate import Content
from containment.trail.logs.reading import read
from containment.trail.logs.records import Event
from containment.trail.outputs import tree
from tests.support.trail_forms import FORMS, report

if TYPE_CHECKING:
    from tests.support.trail_scene import Record, Scene

pytestmark = pytest.mark.plain


@pytest.fixture
def records(scene: Scene) -> list[Record]:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(key, arn, "ListBuckets", 20, created=10)
    scene.call(key, arn, "GetObject", 21, created=10, request={"bucketName": "b", "key": 'k, "q"'})
    return scene.records


def test_files_that_cannot_be_read_are_named_and_the_others_count(
    records: list[Record], scene: Scene, tmp_path: Path
) -> None:
    scene.write(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "device.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)

    assert {Path(f.path).name: (f.status, f.detail) for f in answer.files} == {
        "dangling": ("unreadable", "No such file or directory"),
        "circle": ("unreadable", "Too many levels of symbolic links"),
        "device.json": ("unreadable", "not a regular file"),
        "pipe": ("unreadable", "not a regular file"),
        "log.json": ("ok", ""),
    }
    assert len(answer.calls) == len(records)
    assert "files" in {gap.kind for gap in answer.gaps}


def test_folders_that_link_to_each_other_are_read_once(
    records: list[Record], scene: Scene, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "other").symlink_to(tmp_path)
    scene.write(tmp_path / "one")

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path, tmp_path / "two"], workers=1)

    assert [f.status for f in answer.files] == ["ok"]
    assert len(answer.calls) == len(records)


@pytest.mark.parametrize("denied", ["file", "folder"])
def test_what_may_not_be_read_is_told_and_the_others_count(
    records: list[Record],
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    denied: str,
) -> None:
    scene.write(tmp_path)
    (tmp_path / "locked").mkdir()
    secret = tmp_path / "locked" / "log.json" if denied == "file" else tmp_path / "locked"
    scene.write(tmp_path / "locked")
    may: dict[str, Any] = {"open": os.open, "scandir": os.scandir}

    def refuse(name: str) -> Any:  # permissions do not hold root, who may run the tests
        def call(path: str, *more: Any) -> Any:
            if Path(path) == secret:
                raise PermissionError(13, "Permission denied", path)
            return may[name](path, *more)

        return call

    monkeypatch.setattr(os, "open", refuse("open"))
    monkeypatch.setattr(os, "scandir", refuse("scandir"))

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)

    assert {f.path: (f.status, f.detail) for f in answer.files if f.status != "ok"} == {
        str(secret): ("unreadable", "Permission denied")
    }
    assert len(answer.calls) == len(records)


@pytest.mark.usefixtures("records")
def test_files_that_are_no_logs_are_said_to_be_none(scene: Scene, tmp_path: Path) -> None:
    scene.write(tmp_path)
    (tmp_path / "LICENSE").write_text("Apache License\nVersion 2.0")
    (tmp_path / "NOTICE.md").write_text("# Where these logs are from")
    (tmp_path / "map.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)

    assert sorted(f.status for f in answer.files) == ["not_a_log"] * 3 + ["ok"]
    assert all(len(f.sha256) == 64 for f in answer.files)
    assert any("3 file(s) not a log" in gap.what for gap in answer.gaps)
    summary = "\n".join(tree.lines(answer))
    assert "3 not a log" in summary
    assert "not read whole" not in summary


@pytest.mark.parametrize(
    ("name", "content", "status", "detail"),
    [
        ("log.json.gz", b"<Error>AccessDenied</Error>", "not_gzip", "neither JSON"),
        ("log.json", b"<Error>AccessDenied</Error>", "no_records", "neither JSON"),
        ("log.json.zst", b"\x28\xb5\x2f\xfd\x04\x00", "no_records", "zstd"),
        ("rows.parquet", b"PAR1\x15\x04", "no_records", "Parquet"),
        ("log.json.gz", gzip.compress(gzip.compress(b"{}")), "no_records", "gzip within gzip"),
    ],
    ids=["gzip promised", "JSON promised", "zstd", "Parquet", "packed twice"],
)
def test_a_file_named_like_a_log_that_is_none_is_reported(
    tmp_path: Path, name: str, content: bytes, status: str, detail: str
) -> None:
    file_report = report(tmp_path / name, content)[1]

    assert file_report.status == status
    assert detail in file_report.detail


def test_a_file_that_vanishes_between_listing_and_reading_is_reported(tmp_path: Path) -> None:
    reading = read(str(tmp_path / "gone"), WHOLE, list.clear)

    assert (reading.status, reading.detail) == ("unreadable", "No such file or directory")


@pytest.mark.usefixtures("records")
def test_a_file_that_vanishes_between_the_two_readings_is_told(
    scene: Scene, tmp_path: Path
) -> None:
    path = scene.write(tmp_path)

    answer = trace(
        scene.leaked,
        since=scene.since,
        logs=[tmp_path],
        workers=1,
        progress=lambda _index, _total: path.unlink(),
    )

    assert [c.tier for c in answer.credentials] == ["A_issued"]
    assert answer.files[0].status == "unreadable"
    assert answer.files[0].detail == "gone since it was read: No such file or directory"
    assert "files" in {gap.kind for gap in answer.gaps}


@pytest.mark.usefixtures("records")
def test_a_file_that_changes_between_the_two_readings_is_told(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path)

    def change(_index: int, _total: int) -> None:
        path.write_text("[]")

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1, progress=change)

    assert answer.files[0].status == "partly_read"
    assert answer.files[0].detail == "changed since it was read: trace again"


def test_a_file_that_grows_meanwhile_is_read_as_far_as_it_was(
    records: list[Record], tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(FORMS["JSON lines"](records) + "\n")
    size = path.stat().st_size
    events: list[Event] = []

    with path.open("rb") as file, path.open("a") as grown:
        content = Content(file, size, 1 << 20)
        for piece in content:
            grown.write('{"eventName": "Later"}\n' * 1000)
            grown.flush()
            events += decode(piece, WHOLE).events

    assert content.size == size
    assert len(events) == 3


def test_ten_thousand_small_files_are_read(scene: Scene, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    for number in range(10_000):
        content = {"Records": scene.records if number == 5_000 else []}
        (tmp_path / f"{number}.json").write_text(json.dumps(content))

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)

    assert len(answer.files) == 10_000
    assert len(answer.credentials) == 1
