# ruff: noqa: E501 -- a table of damages reads best with one a line
"""Every form in which CloudTrail records arrive, and every way in which a file can be bad."""

from __future__ import annotations

import gzip
import io
import json
import random
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containment.errors import NotFoundError, SpecError
from containment.trail import Trace, trace
from containment.trail.logs.containers import WHOLE, decode
from containment.trail.logs.inflate import Content
from containment.trail.logs.slices import Slices
from tests.support.trail_forms import report

if TYPE_CHECKING:
    from tests.support.trail_scene import Record, Scene

pytestmark = pytest.mark.plain


@pytest.fixture
def records(scene: Scene) -> list[Record]:
    key, arn = scene.assume(scene.leaked, scene.user, "app", 10)
    scene.call(key, arn, "ListBuckets", 20, created=10)
    scene.call(key, arn, "GetObject", 21, created=10, request={"bucketName": "b", "key": 'k, "q"'})
    return scene.records


def call_rows(answer: Trace) -> list[tuple[str, str, str, str]]:
    return [(t.credential, t.call.event_id, t.call.time, t.call.klass) for t in answer.calls]


BAD: dict[str, tuple[Any, str, int]] = {
    "empty": (lambda _: b"", "no_records", 0),
    "cut gzip": (lambda c: gzip.compress(c)[:-20], "truncated", 1),
    "cut in the second member": (lambda c: gzip.compress(c) + gzip.compress(c)[:30], "truncated", 3),
    "damaged gzip": (lambda c: gzip.compress(c)[:12] + b"\xff" * 30, "truncated", 0),
    "cut JSON": (lambda c: c[: len(c) * 2 // 3], "truncated", 1),
    "no JSON": (lambda _: b"hello, world", "not_a_log", 0),
    "an image": (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not_a_log", 0),
    "a digest": (lambda _: b'{"awsAccountId":"1","logFiles":[{"s3Object":"x"}]}', "no_records", 0),
    "an empty list": (lambda _: b'{"Records":[]}', "ok", 0),
    "Latin-1": (lambda c: c.replace(b"ci-deploy", b"ci-d\xe9ploy"), "partly_read", 3),
    "UTF-16": (lambda c: c.decode().encode("utf-16"), "ok", 3),
    "UTF-8 with a mark": (lambda c: b"\xef\xbb\xbf" + c, "ok", 3),
    "padded with zeros": (lambda c: gzip.compress(c) + bytes(512), "ok", 3),
    "stray bytes behind": (lambda c: gzip.compress(c) + b"xyz", "partly_read", 3),
    "one record of wrong types": (
        lambda c: c.replace(b'"eventSource": "sts.amazonaws.com"', b'"eventSource": 5'),
        "ok",
        3,
    ),
    "one record that is none": (lambda c: c.replace(b"[{", b"[7, {", 1), "partly_read", 3),
    "nested too deeply": (
        lambda c: c.replace(b"[{", b'[{"eventName":"x","requestParameters":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_000 + b"}, {", 1),
        "partly_read",
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_reported_and_what_is_readable_counts(
    records: list[Record], tmp_path: Path, kind: str
) -> None:
    spoil, status, least = BAD[kind]

    events, file_report = report(tmp_path / "log", spoil(json.dumps({"Records": records}).encode()))

    assert file_report.status == status, file_report.detail
    assert len(events) >= least
    assert len(file_report.sha256) == 64
    assert status == "ok" or file_report.detail


def test_a_decompression_bomb_is_bounded(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    tracemalloc.start()

    _, file_report = report(tmp_path / "log", bomb, largest=1 << 22)

    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert file_report.status == "too_large"


def test_a_decompression_bomb_of_many_members_is_bounded() -> None:
    member = gzip.compress(bytes(1 << 20))

    content = Content(io.BytesIO(member * 200), 1 << 30, 1 << 22)

    assert sum(map(len, content)) == 1 << 22
    assert "larger" in content.fault


def test_files_delivered_before_t0_are_not_read_and_that_is_said(
    scene: Scene, tmp_path: Path
) -> None:
    scene.call(scene.leaked, scene.user, "ListUsers", 1)
    place = "AWSLogs/o-abc/111122223333/CloudTrail/us-east-1/2026/11"
    for day, hour in (("22", "0900"), ("23", "2055"), ("23", "2120"), ("24", "0300")):
        folder = tmp_path / place / day
        folder.mkdir(parents=True, exist_ok=True)
        scene.write(folder, f"111122223333_CloudTrail_us-east-1_202611{day}T{hour}Z_abc.json.gz")

    answer = trace(scene.leaked, since=scene.since, logs=[tmp_path], workers=1)

    assert sorted(f.status for f in answer.files) == ["ok", "ok", "ok", "pruned"]
    assert answer.origin.event_count == 1
    assert any("no file between" in gap.what for gap in answer.gaps)


def test_equal_ids_with_other_content_are_two_records(scene: Scene, tmp_path: Path) -> None:
    for bucket in ("one", "two"):
        request = {"bucketName": bucket}
        scene.call(
            scene.leaked, scene.user, "GetObject", 1, request=request, eventID="e", requestID="r"
        )
    scene.records.append(scene.records[0])

    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)

    assert answer.origin.event_count == 2


@pytest.mark.parametrize(
    ("seed", "since", "error"),
    [
        ("hello", "2026-11-23T21:14:00Z", SpecError),
        ("arn:aws:s3:::bucket", "2026-11-23T21:14:00Z", SpecError),
        ("AKIAIOSFODNN7EXAMPLE", "yesterday", SpecError),
    ],
)
def test_a_seed_or_time_that_is_none_is_one_clear_error(
    scene: Scene, tmp_path: Path, seed: str, since: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        trace(seed, since=since, logs=[scene.write(tmp_path)], workers=1)


def test_logs_that_are_not_there_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        trace("AKIAIOSFODNN7EXAMPLE", since="2026-11-23T21:14:00Z", logs=[tmp_path / "no"])
    with pytest.raises(NotFoundError):
        trace("AKIAIOSFODNN7EXAMPLE", since="2026-11-23T21:14:00Z", logs=[tmp_path])


def test_a_sign_in_counts_although_it_has_no_key_and_no_call_follows(
    scene: Scene, tmp_path: Path
) -> None:
    made = scene.make_user(scene.leaked, scene.user, "late", 5)
    scene.call(
        scene.leaked,
        scene.user,
        "CreateLoginProfile",
        6,
        request={"userName": "late"},
        response={"loginProfile": {"userName": "late"}},
    )
    scene.sign_in(made, 20)

    answer = trace(scene.leaked, since=scene.since, logs=[scene.write(tmp_path)], workers=1)

    assert [traced.call.name for traced in answer.calls] == [
        "CreateUser",
        "CreateLoginProfile",
        "ConsoleLogin",
    ]


SAMPLE = json.dumps({
    "Records": [
        {"eventName": "AssumeRole", "eventTime": "2026-11-23T21:14:00Z", "userIdentity": {"arn": "a"}}
    ] * 3
}).encode()  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 12), cut=st.integers(0, len(SAMPLE)))
def test_no_damage_to_a_file_raises(seed: int, flips: int, cut: int) -> None:
    dice = random.Random(seed)  # noqa: S311 -- a test's dice
    damaged = bytearray(SAMPLE)
    for _ in range(flips):
        damaged[dice.randrange(len(damaged))] = dice.randrange(256)
    for content in (bytes(damaged), SAMPLE[:cut], gzip.compress(bytes(damaged))[:cut]):
        list(Slices(Content(io.BytesIO(content), len(content), 1 << 20)))
        decode(content, WHOLE)


@settings(max_examples=200, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["Records", "Events", "detail", "eventName", "userIdentity", "CloudTrailEvent",
                         "QueryResultRows", "arn", "eventname", "useridentity", "message", "accessKeyId"]),
        inner, max_size=4,
    ),
    max_leaves=20,
))  # fmt: skip
def test_no_shape_of_json_raises(tree: Any) -> None:
    decode(json.dumps(tree).encode(), WHOLE)
