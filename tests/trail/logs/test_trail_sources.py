"""Logs that are not on this machine: S3 prefixes and LookupEvents."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from containment.errors import AccessError, NotFoundError, SpecError
from containment.trail import trace
from containment.trail.logs.lookup import lookup
from containment.trail.logs.s3_logs import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.trail_scene import Scene

pytestmark = pytest.mark.plain

PLACE = "org/AWSLogs/o-abc/111122223333/CloudTrail/us-east-1/2026/11/23/"
NAME = "111122223333_CloudTrail_us-east-1_20261123T{}Z_abc.json.gz"


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class Bucket:
    """Answers as an S3 client does, and counts what is fetched."""

    def __init__(self, objects: dict[str, bytes], error: Exception | None = None) -> None:
        self.objects = objects
        self.error = error
        self.fetched: list[str] = []
        self.listed: list[str] = []
        self.denied: set[str] = set()
        self.meanwhile: dict[str, bytes] = {}  # written after the listing
        self.conditional = True
        self.lost = 0  # bytes that do not come

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        if self.error:
            raise self.error
        prefix, after = asked["Prefix"], asked.get("StartAfter", "")
        names = sorted(n for n in self.objects if n.startswith(prefix) and n > after)
        if "Delimiter" in asked:
            deeper = [n for n in names if "/" in n[len(prefix) :]]
            cut = {prefix + n[len(prefix) :].split("/")[0] + "/" for n in deeper}
            names = [n for n in names if n not in deeper]
            yield {"CommonPrefixes": [{"Prefix": name} for name in sorted(cut)]}
        self.listed += names
        yield {
            "Contents": [
                {"Key": n, "Size": len(self.objects[n]), "ETag": etag(self.objects[n])}
                for n in names
            ]
        }
        self.objects |= self.meanwhile
        yield {}

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self.fetched.append(asked["Key"])
        if asked["Key"] in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        content = self.objects[asked["Key"]]
        if self.conditional and asked.get("IfMatch", etag(content)) != etag(content):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        body = io.BytesIO(content[: len(content) - self.lost])
        return {"Body": body, "ETag": etag(content), "ContentLength": len(content)}


def packed(scene: Scene) -> bytes:
    return gzip.compress(json.dumps({"Records": scene.records}).encode())


def test_a_prefix_is_fetched_once_and_only_from_t0_on(scene: Scene, tmp_path: Path) -> None:
    scene.assume(scene.leaked, scene.user, "app", 10)
    early, late = PLACE + NAME.format("0900"), PLACE + NAME.format("2120")
    digest = PLACE.replace("CloudTrail", "CloudTrail-Digest") + "x.json.gz"
    bucket = Bucket({early: packed(scene), late: packed(scene), digest: b"x"})

    first = fetch(bucket, "s3://logs/org/AWSLogs/", tmp_path, scene.since)
    fetch(bucket, "s3://logs/org/AWSLogs/", tmp_path, scene.since)
    answer = trace(scene.leaked, since=scene.since, logs=[first.folder], workers=1)

    assert bucket.fetched == [late]
    assert first.failed == ()
    assert len(answer.credentials) == 1


def test_an_object_that_does_not_come_is_told_among_the_files(scene: Scene, tmp_path: Path) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    good, bad = PLACE + NAME.format("2120"), PLACE + NAME.format("2125")
    bucket = Bucket({good: packed(scene), bad: b"x"})
    bucket.denied.add(bad)

    got = fetch(bucket, "s3://logs/org", tmp_path, scene.since)
    answer = trace(scene.leaked, since=scene.since, logs=[got.folder], workers=1, unread=got.failed)

    assert {f.path: f.status for f in answer.files if f.status != "ok"} == {
        f"s3://logs/{bad}": "unreadable",
    }
    assert any(gap.kind == "files" for gap in answer.gaps)


@pytest.mark.parametrize("prefix", ["", "org/", "org", "org/AWSLogs/", PLACE[:-11]])
def test_old_days_of_a_trail_are_not_even_listed(scene: Scene, tmp_path: Path, prefix: str) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    late = PLACE + NAME.format("2120")
    old = [
        PLACE.replace("2026/11/23", f"20{year}/01/0{day}") + NAME.format("0900")
        for year in range(20, 26)
        for day in range(1, 9)
    ]
    bucket = Bucket({late: packed(scene), "readme.txt": b"x"} | dict.fromkeys(old, b"x"))

    fetch(bucket, f"s3://logs/{prefix}", tmp_path, scene.since)

    assert late in bucket.fetched
    assert not set(old) & set(bucket.listed)


def test_an_hour_before_t0_counts_also_when_it_was_the_day_before(
    scene: Scene, tmp_path: Path
) -> None:
    place = PLACE.replace("11/23", "11/22")
    name = NAME.replace("20261123", "20261122").format("2330")
    bucket = Bucket({place + name: packed(scene)})

    fetch(bucket, "s3://logs/org/AWSLogs/", tmp_path, "2026-11-23T00:10:00Z")

    assert bucket.fetched == [place + name]


class Breaking(io.BytesIO):
    """A body that ends in the middle of a transfer."""

    def read(self, _: int | None = -1) -> bytes:
        if self.tell():
            raise ReadTimeoutError(endpoint_url="https://s3.amazonaws.com")
        return super().read(4)


def test_what_comes_by_half_is_told_and_leaves_nothing_behind(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket({PLACE + NAME.format("2120"): packed(scene)})
    monkeypatch.setattr(
        bucket, "get_object", lambda **_: {"Body": Breaking(packed(scene))}, raising=True
    )

    got = fetch(bucket, "s3://logs/org/", tmp_path, scene.since)

    assert [report.status for report in got.failed] == ["unreadable"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


ODD = {
    "a doubled slash": PLACE.rstrip("/") + "//" + NAME.format("2120"),
    "a dot": PLACE + "./" + NAME.format("2120"),
    "two dots": PLACE + "x/../" + NAME.format("2120"),
    "capitals": PLACE.replace("us-east-1/", "US-EAST-1/") + NAME.format("2120"),
    "percent": PLACE.replace("/2026", "%2F2026") + NAME.format("2120"),
    "below a file": PLACE + NAME.format("2120") + "/below",
    "longer than a file name": PLACE + "n" * 600 + NAME.format("2120"),
    "out of the folder": "org/AWSLogs/../../../../" + NAME.format("2120"),
    "a control character": PLACE + "\x01\n" + NAME.format("2120"),
}


@pytest.mark.parametrize("kind", ODD)
def test_two_keys_are_two_files_whatever_the_keys_are(
    scene: Scene, tmp_path: Path, kind: str
) -> None:
    """A log of the same size beside the true one, under a key that looks like the same path."""
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    true = packed(scene)
    empty = b'{"Records":[]}'.ljust(len(true))
    bucket = Bucket({PLACE + NAME.format("2120"): true, ODD[kind]: empty})

    for _ in range(2):
        got = fetch(bucket, "s3://logs/org", tmp_path / "cache", scene.since)
        answer = trace(scene.leaked, since=scene.since, logs=[got.folder], workers=1)

        assert got.failed == ()
        assert len(answer.calls) == 1
        assert len(answer.files) == 2
        assert {path.name for path in tmp_path.iterdir()} == {"cache"}
    assert len(bucket.fetched) == 2


@pytest.mark.parametrize("conditional", [True, False])
def test_an_object_that_changes_between_listing_and_reading_is_told(
    scene: Scene, tmp_path: Path, *, conditional: bool
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    key, other = PLACE + NAME.format("2120"), PLACE + NAME.format("2125")
    bucket = Bucket({key: packed(scene), other: packed(scene)})
    bucket.meanwhile = {key: b'{"Records":[]}'.ljust(len(packed(scene)))}
    bucket.conditional = conditional

    got = fetch(bucket, "s3://logs/org", tmp_path, scene.since)

    assert [(report.path, report.status) for report in got.failed] == [
        (f"s3://logs/{key}", "unreadable")
    ]
    assert "between listing and reading" in got.failed[0].detail
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


def test_an_object_that_differs_from_what_was_listed_is_told(scene: Scene, tmp_path: Path) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    bucket = Bucket({PLACE + NAME.format("2120"): packed(scene)})
    bucket.lost = 3

    got = fetch(bucket, "s3://logs/org", tmp_path, scene.since)

    assert [report.status for report in got.failed] == ["unreadable"]
    assert "3 bytes fewer than were listed" in got.failed[0].detail
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_object_written_again_with_the_same_size_is_fetched_again_and_told(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    key = PLACE + NAME.format("2120")
    bucket = Bucket({key: b'{"Records":[]}'.ljust(len(packed(scene)))})
    fetch(bucket, "s3://logs/org", tmp_path, scene.since)
    bucket.objects[key] = packed(scene)

    got = fetch(bucket, "s3://logs/org", tmp_path, scene.since)
    answer = trace(scene.leaked, since=scene.since, logs=[got.folder], workers=1, unread=got.failed)

    assert len(answer.calls) == 1
    assert [(report.path, report.status) for report in got.failed] == [
        (f"s3://logs/{key}", "partly_read")
    ]
    assert "another content than before" in got.failed[0].detail
    assert any(key in gap.what for gap in answer.gaps)


@pytest.mark.parametrize(
    ("url", "problem", "error"),
    [
        ("s3://", None, SpecError),
        ("s3://logs/none", None, NotFoundError),
        ("s3://logs", ClientError({"Error": {"Code": "NoSuchBucket"}}, "List"), NotFoundError),
        ("s3://logs", ClientError({"Error": {"Code": "AccessDenied"}}, "List"), AccessError),
        ("s3://logs", NoCredentialsError(), AccessError),
    ],
)
def test_a_prefix_that_cannot_be_used_is_one_clear_error(
    scene: Scene, tmp_path: Path, url: str, problem: Exception | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        fetch(Bucket({"x": b"x"}, problem), url, tmp_path, scene.since)


class Region:
    """Answers LookupEvents in pages of one event."""

    def __init__(self, records: list[dict[str, Any]], fails_at: int | None = None) -> None:
        self.records = records
        self.fails_at = fails_at

    def lookup_events(self, **asked: Any) -> dict[str, Any]:
        offset = int(asked.get("NextToken", 0))
        if offset == self.fails_at:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "LookupEvents")
        page: dict[str, Any] = {"Events": [{"CloudTrailEvent": json.dumps(self.records[offset])}]}
        return page | ({"NextToken": str(offset + 1)} if offset + 1 < len(self.records) else {})


def test_every_region_is_asked_page_by_page_and_one_that_fails_is_told(
    scene: Scene, tmp_path: Path
) -> None:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(key, arn, "ListBuckets", 20, created=10)
    waits: list[float] = []
    clients = {"us-east-1": Region(scene.records), "eu-central-1": Region(scene.records, 1)}

    files, failed = lookup(clients, scene.since, tmp_path, pause=waits.append)
    answer = trace(scene.leaked, since=scene.since, logs=files, workers=1, unread=failed)

    assert len(answer.calls) == 2
    assert waits == [0.5, 0.5]
    assert [report.path for report in failed] == ["LookupEvents eu-central-1"]
