"""Ledgers in a test's folder, and the real engine beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

from containment.lab.testing import Lab


@pytest.fixture
def project(lab: Lab, tmp_path: Path) -> Project:
    environ = {**lab.world.responder.env(), "AWS_ENDPOINT_URL": lab.endpoint}
    return Project.make(tmp_path, environ)
