"""One lab a worker: a world of its own for each test that asks, one shared world for the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from containment.lab.scenario.world import World
    from containment.lab.testing import Lab


@pytest.fixture(scope="session")
def served(lab_process: Lab) -> Lab:
    """The lab of the whole session; whoever uses it brings a world."""
    return lab_process


@pytest.fixture
def lab(served: Lab) -> Iterator[Lab]:
    """A freshly seeded company, and no call that the lab could not answer."""
    served.reseed(seed=42)
    yield served
    status = served.status()
    assert status["unrouted"] == 0, status["errors"]
    assert status["evaluator_errors"] == 0, status["errors"]


@pytest.fixture
def world(lab: Lab) -> World:
    return lab.world
