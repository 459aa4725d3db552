from __future__ import annotations

from pathlib import Path

import pytest

from containment.lab.testing import Lab
from tests.support.trail_lake import Lake
from tests.support.trail_scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def lake(lab: Lab) -> Lake:
    return Lake(lab)


@pytest.fixture
def samples() -> Path:
    return Path(__file__).parent / "samples"
