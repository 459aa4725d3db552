"""What every test may rely on: no real credentials, no real endpoint, no terminal colours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from containment.lab.testing import Lab, lab_server


@pytest.fixture(autouse=True)
def no_ambient_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    empty = tmp_path_factory.getbasetemp() / "no-aws-config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def lab_process() -> Iterator[Lab]:
    """Serve one lab for all tests of this process; it can hold one world at a time."""
    with lab_server(seed=None) as lab:
        yield lab


@pytest.fixture
def lab(lab_process: Lab) -> Iterator[Lab]:
    """A freshly seeded company, enforcement on; afterwards nothing may have gone by unjudged."""
    lab_process.reseed()
    yield lab_process
    status = lab_process.status()
    assert (status["unrouted"], status["evaluator_errors"]) == (0, 0)
