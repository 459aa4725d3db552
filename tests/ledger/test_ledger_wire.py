"""The ledger's settings as the engine hands them to the provider."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi.runtime.proto import provider_pb2
from wire import plugin, struct

pytestmark = pytest.mark.wire


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ledger": "elsewhere"}, []),
        ({"ledger": "s3://b", "ledgerObjectLock": "COMPLIANCE", "ledgerRetentionDays": 30}, []),
        ({"ledger": "ftp://x"}, [("ledger", "is no place for a ledger")]),
        ({"ledgers": "x"}, [("ledgers", "is no setting here; there are ledger, ledgerObjectLock")]),
        (
            {"ledger": "s3://b", "ledgerObjectLock": "X", "ledgerRetentionDays": 30},
            [("ledgerObjectLock", "'X' is no mode; write GOVERNANCE or COMPLIANCE")],
        ),
    ],
)
def test_a_setting_is_taken_or_refused_by_name(
    tmp_path: Path, settings: dict[str, object], said: list[tuple[str, str]]
) -> None:
    with plugin({}, tmp_path) as provider:
        answer = provider.stub.CheckConfig(provider_pb2.CheckRequest(news=struct(settings)))

    found = [(failure.property, failure.reason) for failure in answer.failures]
    assert [name for name, _ in found] == [name for name, _ in said]
    assert all(text in reason for (_, reason), (_, text) in zip(found, said, strict=True))
