"""The simulation that the tests of this folder play in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model.cloud import Cloud, simulated


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with simulated() as made:
        yield made
        status = made.gate.status
        assert (status.unrouted, status.evaluator_errors) == (0, 0)
