"""A file is read in slices, so that memory does not grow with it; the records stay the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from containment.trail.logs.slices import Slices
from tests.support.trail_forms import FORMS, report

if TYPE_CHECKING:
    from tests.support.trail_scene import Record, Scene

pytestmark = pytest.mark.plain


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have files cut as if a few hundred bytes were many."""
    monkeypatch.setattr("containment.trail.logs.slices.LEAST", 700)
    monkeypatch.setattr("containment.trail.logs.slices.MOST", 1 << 16)
    monkeypatch.setattr("containment.trail.logs.inflate._FED", 64)
    monkeypatch.setattr("containment.trail.logs.inflate._PLAIN", 100)


@pytest.fixture
def many(scene: Scene) -> list[Record]:
    for number in range(40):
        scene.call(
            scene.leaked,
            scene.user,
            "PutItem",
            number,
            request={"note": 'a, {"eventVersion": "ü"}'},
        )
    return scene.records


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize(
    ("form", "packed"), [("an S3 object", "gzip"), *((form, "plain") for form in FORMS)]
)
def test_a_file_cut_into_slices_gives_what_it_gives_whole(
    many: list[Record], tmp_path: Path, form: str, packed: str
) -> None:
    content = FORMS[form](many).encode()

    events, file_report = report(
        tmp_path / "log", gzip.compress(content) if packed == "gzip" else content
    )

    assert (file_report.status, file_report.detail) == ("ok", "")
    assert [event.event_id for event in events] == [record["eventID"] for record in many]
    assert [event.who.access_key_id for event in events] == [
        record["userIdentity"]["accessKeyId"] for record in many
    ]


@pytest.mark.usefixtures("thin")
def test_a_file_is_cut_into_slices_at_all(many: list[Record]) -> None:
    content = json.dumps({"Records": many}).encode()

    slices = list(Slices([content[i : i + 100] for i in range(0, len(content), 100)]))

    assert len(slices) > 20
    assert [record for one in slices for record in json.loads(one.document)["Records"]] == many
    assert [one.final for one in slices] == [False] * (len(slices) - 1) + [True]


@pytest.mark.usefixtures("thin")
def test_records_inside_a_record_are_not_taken_for_records(
    many: list[Record], scene: Scene, tmp_path: Path
) -> None:
    inner = [dict(record, eventName="Forged") for record in many]
    scene.call(scene.leaked, scene.user, "PutEvents", 50, request={"entries": inner})
    scene.call(scene.leaked, scene.user, "ListUsers", 51)

    events, file_report = report(tmp_path / "log", json.dumps({"Records": scene.records}).encode())

    assert file_report.status == "ok"
    assert [event.event_name for event in events] == ["PutItem"] * 40 + ["PutEvents", "ListUsers"]


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize(
    ("spoil", "status", "least"),
    [
        (lambda c: c[: len(c) * 2 // 3], "truncated", 25),
        (lambda c: gzip.compress(c)[:-20], "truncated", 35),
        (lambda c: c.replace(b"PutItem", b"\x80utItem", 1), "partly_read", 40),
        (lambda c: c.replace(b'"eventTime": ', b'"eventTime": ?', 1), "partly_read", 39),
        (lambda c: c + b"hello", "partly_read", 40),
        (lambda c: b"\xff\xfe" + c.decode().encode("utf-16-le"), "ok", 40),
        (lambda c: c.decode().encode("utf-16-be"), "ok", 40),
        (lambda c: b"  \n" + c + b"\n\0\0", "ok", 40),
        (lambda c: c + c, "ok", 80),
        (lambda c: c + b"\n" + c, "ok", 80),
        (lambda c: gzip.compress(c) + gzip.compress(c), "ok", 80),
    ],
    ids=[
        "cut JSON",
        "cut gzip",
        "bad UTF-8",
        "bad JSON",
        "text behind",
        "UTF-16 with a mark",
        "UTF-16 without",
        "blanks around",
        "twice",
        "twice with a line between",
        "two members",
    ],
)
def test_a_bad_file_cut_into_slices_still_gives_what_is_readable(
    many: list[Record], tmp_path: Path, spoil: Any, status: str, least: int
) -> None:
    events, file_report = report(tmp_path / "log", spoil(json.dumps({"Records": many}).encode()))

    assert file_report.status == status, file_report.detail
    assert len(events) >= least
    assert len(events) <= 80


@pytest.mark.parametrize("between", ["", "\n", " "])
def test_documents_one_behind_the_other_are_all_read(
    many: list[Record], tmp_path: Path, between: str
) -> None:
    objects = between.join(json.dumps({"Records": [record]}) for record in many)
    bare_records = between.join(map(json.dumps, many))

    for content in (objects, bare_records):
        events, file_report = report(tmp_path / "log", content.encode())

        assert (file_report.status, len(events)) == ("ok", 40)
