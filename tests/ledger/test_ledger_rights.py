"""What a ledger in a bucket needs is what the responder's policy allows, no more and no less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.ledger import LedgerSettings, chain
from containment.ledger.bucket_store import BucketStore
from containment.ledger.store import LedgerUnavailableError
from containment.profile import Profile
from containment.responder import policy
from tests.support.project import STACK

pytestmark = pytest.mark.lab

BUCKET = "evidence-ledger"
KEPT = LedgerSettings(f"s3://{BUCKET}/ir", "GOVERNANCE", 30)
NEEDED = sorted(
    BucketStore.on_entries | BucketStore.to_lock | BucketStore.on_listing | BucketStore.on_bucket
)


@pytest.fixture
def keeper(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A user who may do what the policy says of the ledger, without the named actions."""
    owner = lab.client("s3", lab.world.admin)
    owner.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    iam = lab.client("iam", lab.world.admin)
    iam.create_user(UserName="keeper")
    key = iam.create_access_key(UserName="keeper")["AccessKey"]
    client = lab.client("s3", Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
    monkeypatch.setattr("containment.ledger.bucket_store.bucket_client", lambda: client)

    def allow(without: str = "") -> None:
        document = policy(lab.world.account, "contain", profile=Profile(ledger=KEPT))
        kept = [each for each in document["Statement"] if "Ledger" in each["Sid"]]
        for statement in kept:
            statement["Action"] = [each for each in statement["Action"] if each != without]
        document["Statement"] = [each for each in kept if each["Action"]]
        iam.put_user_policy(
            UserName="keeper", PolicyName="ledger", PolicyDocument=json.dumps(document)
        )

    return allow


def keep(incident: str = STACK) -> list[str]:
    """Write, lose a race for a place, read what was written, and look at the lock."""
    prefix = f"{KEPT.prefix}/{incident}"
    stores = [BucketStore(BUCKET, prefix, KEPT.object_lock, KEPT.retention_days) for _ in range(3)]
    for store in stores[:2]:
        store.append(lambda after: chain.line({"kind": "a"}, after))
    stores[0].append(lambda after: chain.line({"kind": "b"}, after))
    assert stores[2].lines() is not None
    return stores[2].concerns()


def test_the_printed_permissions_keep_a_ledger_under_the_prefix_and_no_other(keeper: Any) -> None:
    keeper()

    assert keep() == []
    with pytest.raises(LedgerUnavailableError, match="AccessDenied"):
        BucketStore(BUCKET, "elsewhere").lines()


@pytest.mark.parametrize("action", sorted(set(NEEDED) - BucketStore.on_bucket))
def test_each_printed_permission_is_needed_to_keep_a_ledger(keeper: Any, action: str) -> None:
    keeper(action)

    with pytest.raises(LedgerUnavailableError, match="AccessDenied"):
        keep()


@pytest.mark.parametrize("action", sorted(BucketStore.on_bucket))
def test_without_a_look_at_the_lock_that_is_a_concern(keeper: Any, action: str) -> None:
    keeper(action)

    (concern,) = keep()
    assert f"nobody can tell whether {BUCKET} has object lock" in concern
