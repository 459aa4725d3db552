"""The real engine against the lab, a project folder a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

from containment.lab.testing import Lab


@pytest.fixture
def project(lab: Lab, tmp_path: Path, empty_project: Project) -> Project:
    environ = {**lab.world.responder.env(), "AWS_ENDPOINT_URL": lab.endpoint}
    return Project.make(tmp_path, environ, like=empty_project)
