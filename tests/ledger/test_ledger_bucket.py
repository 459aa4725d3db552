"""A ledger in a bucket: one object an entry, put where none is, read by its first version."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from containment.clock import utc_now
from containment.lab.testing import Lab
from containment.ledger import chain
from containment.ledger.bucket_store import BucketStore
from containment.ledger.chain import Head
from containment.ledger.journal import Journal
from containment.ledger.store import LedgerUnavailableError
from tests.support.project import STACK

pytestmark = pytest.mark.lab

BUCKET = "evidence-ledger"
PREFIX = f"ir/{STACK}"


@pytest.fixture
def s3(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bucket's owner, and as patient as a test on a busy machine has to be."""
    client = lab.client("s3", lab.world.admin)
    monkeypatch.setattr("containment.ledger.bucket_store.bucket_client", lambda: client)
    return client


@pytest.fixture
def locked(s3: Any) -> Any:
    s3.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    return s3


def store(**more: Any) -> BucketStore:
    return BucketStore(BUCKET, PREFIX, **more)


def add(kept: BucketStore, **entry: object) -> Head:
    return kept.append(lambda after: chain.line(entry, after))


def read() -> chain.Chain:
    return chain.read(store().lines() or ())


def test_entries_are_objects_in_order_and_anyone_can_go_on(locked: Any) -> None:
    assert store().lines() is None
    add(store(), kind="a")
    one = store()
    add(one, kind="b")
    add(store(), kind="c")
    add(one, kind="d")

    keys = [item["Key"] for item in locked.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys == [f"{PREFIX}/{number:08d}.json" for number in (1, 2, 3, 4)]
    assert [entry["kind"] for entry in read().entries] == ["a", "b", "c", "d"]
    assert read().broken is None
    assert store().location == f"s3://{BUCKET}/{PREFIX}"


@pytest.mark.usefixtures("locked")
def test_16_writers_at_once_lose_nothing() -> None:
    def write(who: int) -> None:
        kept = store()
        for _ in range(4):
            add(kept, who=who)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    reading = read()
    assert (reading.broken, reading.head.length) == (None, 64)
    assert Counter(entry["who"] for entry in reading.entries) == dict.fromkeys(range(16), 4)


def test_an_entry_is_locked_for_as_long_as_is_set(locked: Any) -> None:
    add(store(mode="COMPLIANCE", days=30), kind="a")

    head = locked.head_object(Bucket=BUCKET, Key=f"{PREFIX}/00000001.json")
    assert head["ObjectLockMode"] == "COMPLIANCE"
    ends = head["ObjectLockRetainUntilDate"]
    assert timedelta(days=29) < ends - datetime.now(UTC) <= timedelta(days=30)
    assert store(mode="COMPLIANCE", days=30).concerns() == []


def test_an_entry_that_was_overwritten_or_hidden_counts_as_it_was_first(locked: Any) -> None:
    kept = store(mode="GOVERNANCE", days=30)
    for kind in ("a", "b", "c"):
        add(kept, kind=kind)
    locked.put_object(Bucket=BUCKET, Key=f"{PREFIX}/00000002.json", Body=b'{"kind":"x"}')
    locked.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/00000003.json")

    again = store(mode="GOVERNANCE", days=30)
    lines = again.lines()

    assert lines is not None
    assert [json.loads(line)["kind"] for line in lines] == ["a", "b", "c"]
    assert again.concerns() == [
        f"{PREFIX}/00000002.json was overwritten or hidden; its first version counts",
        f"{PREFIX}/00000003.json was overwritten or hidden; its first version counts",
    ]
    assert add(again, kind="d").length == 4
    assert read().broken is None


def test_an_entry_that_was_taken_out_is_named(s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    kept = store()
    for kind in ("a", "b", "c"):
        add(kept, kind=kind)
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/00000002.json")

    assert read().broken == (
        "entry 2 says it is entry 3: something before it was taken out or put in"
    )


def test_a_bucket_without_object_lock_is_written_and_named(s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    kept = store(mode="GOVERNANCE", days=30)

    add(kept, kind="a")

    assert read().head.length == 1
    (concern,) = kept.concerns()
    assert f"{BUCKET} has no object lock: whoever may delete its objects can take" in concern


def test_object_lock_without_retention_is_named(locked: Any) -> None:
    assert "no retention is set" in store().concerns()[0]
    locked.put_object_lock_configuration(
        Bucket=BUCKET,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
        },
    )
    assert store().concerns() == []


def test_what_is_wrong_with_the_place_is_said_once_something_is_contained(s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    messages: list[str] = []
    journal = Journal(store(), STACK, now=utc_now, say=messages.append)

    journal.write("snapshot", {}, required=False)
    journal.write("intent", {}, required=False)
    assert messages == []
    journal.write("outcome", {}, required=False)
    journal.write("outcome", {}, required=False)

    assert len(messages) == 1
    assert "has no object lock" in messages[0]


@pytest.mark.parametrize(
    "act",
    [lambda: add(store(), kind="a"), lambda: store().lines()],
    ids=["append", "lines"],
)
def test_a_bucket_that_is_not_there_is_said_with_a_way_out(
    s3: Any, act: Callable[[], object]
) -> None:
    del s3
    with pytest.raises(LedgerUnavailableError, match="NoSuchBucket") as refused:
        act()

    assert "name another 'ledger' in containment.yaml" in refused.value.remedy


def test_a_bucket_that_nobody_answers_for_costs_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    messages: list[str] = []
    journal = Journal(store(), STACK, now=utc_now, say=messages.append)

    assert [journal.write("intent", {}, required=False) for _ in range(5)] == [None] * 5
    assert len(messages) == 1
    assert f"the ledger s3://{BUCKET}/{PREFIX} cannot be written" in messages[0]


def test_other_objects_beside_it_are_no_entries(locked: Any) -> None:
    add(store(), kind="a")
    locked.put_object(Bucket=BUCKET, Key=f"{PREFIX}/README.md", Body=b"hello")
    locked.put_object(Bucket=BUCKET, Key=f"{PREFIX}-2/00000009.json", Body=b"hello")

    assert read().head.length == 1
    assert add(store(), kind="b").length == 2
