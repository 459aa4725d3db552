"""A record in a folder, and the profile's default place for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from containment.ledger import LedgerSettings
from containment.record import Record, open_record

INCIDENT = "inc-2026-0042"
NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
OpenRecord = Callable[[], Record]


@pytest.fixture
def opened(tmp_path: Path) -> OpenRecord:
    """Open the record as another process would."""
    return lambda: open_record(LedgerSettings(), tmp_path, INCIDENT, now=lambda: NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "incidents" / INCIDENT / "record.jsonl"
