"""The ledger's settings as the engine hands them to the provider."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.support.wire import plugin, struct

pytestmark = pytest.mark.wire


@pytest.mark.parametrize(
    ("settings", "refusals"),
    [
        ({"ledger": "elsewhere"}, []),
        ({"ledger": "s3://b", "ledgerObjectLock": "COMPLIANCE", "ledgerRetentionDays": 30}, []),
        ({"ledgers": "x"}, [("ledgers", "is no setting here; there are ledger, ledgerObjectLock")]),
    ],
)
def test_each_ledger_setting_is_taken_or_refused_by_name(
    tmp_path: Path, settings: dict[str, object], refusals: list[tuple[str, str]]
) -> None:
    # Where a ledger is, the profile alone decides: nothing of these is opened.
    with plugin({}, tmp_path) as provider:
        answer = provider.stub.CheckConfig(provider_pb2.CheckRequest(news=struct(settings)))

    failures = [(failure.property, failure.reason) for failure in answer.failures]
    assert [name for name, _ in failures] == [name for name, _ in refusals]
    assert all(text in reason for (_, reason), (_, text) in zip(failures, refusals, strict=True))
