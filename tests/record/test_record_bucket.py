"""A record beside a ledger in a bucket: locked as that one, and apart from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from containment.lab.testing import Lab
from containment.ledger import LedgerSettings, chain, open_store
from containment.record import Kind, Record, make_note, open_record
from tests.record.conftest import INCIDENT, NOW

pytestmark = pytest.mark.lab

BUCKET = "evidence-ledger"
SETTINGS = LedgerSettings(f"s3://{BUCKET}/ir", "COMPLIANCE", 30)
KEY = f"ir/incidents/{INCIDENT}/record/00000001.json"


@pytest.fixture
def owner(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bucket's owner, and as patient as a test on a busy machine has to be."""
    client = lab.client("s3", lab.world.admin)
    monkeypatch.setattr("containment.ledger.bucket_store.bucket_client", lambda: client)
    return client


@pytest.fixture
def locked(owner: Any) -> Any:
    owner.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return owner


def _record(root: Path) -> Record:
    return open_record(SETTINGS, root, INCIDENT, now=lambda: NOW)


def _note(record: Record, text: str) -> None:
    record.add(make_note(Kind.IMPACT, text, author="ana", details={}).fields())


def test_two_machines_write_one_record_whose_first_versions_count(
    locked: Any, tmp_path: Path
) -> None:
    one, other = _record(tmp_path / "one"), _record(tmp_path / "other")
    open_store(SETTINGS, tmp_path, INCIDENT).append(lambda head: chain.line({"kind": "a"}, head))
    _note(one, "none")
    _note(other, "some")
    locked.put_object(Bucket=BUCKET, Key=KEY, Body=b'{"text":"much"}')

    reading = _record(tmp_path / "third").read()

    assert (reading.verdict, [entry["text"] for entry in reading.entries]) == (
        "intact",
        ["none", "some"],
    )
    assert "overwritten" in reading.concerns[0]
    assert locked.head_object(Bucket=BUCKET, Key=KEY.replace("1.json", "2.json"))[
        "ObjectLockMode"
    ] == ("COMPLIANCE")
    assert len(open_store(SETTINGS, tmp_path, INCIDENT).lines() or ()) == 1


@pytest.mark.usefixtures("owner")
def test_a_bucket_that_is_gone_is_told_as_the_records(tmp_path: Path) -> None:
    reading = _record(tmp_path).read()

    assert reading.verdict == "unreadable"
    assert reading.why.startswith(f"the record s3://{BUCKET}/ir/incidents/{INCIDENT}/record")
    assert "NoSuchBucket" in reading.why
