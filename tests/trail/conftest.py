from __future__ import annotations

from pathlib import Path

import pytest
from trail_scene import Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def samples() -> Path:
    return Path(__file__).parent / "samples"
