"""What is asked where somebody sits there, and what their answer does."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from containment.lab.testing import Lab
from tests.cli.conftest import GOOD
from tests.support.fake_engine import STACK, USER, FakeEngine, deny, snapshot

pytestmark = pytest.mark.lab
CONTAINMENT = Path(sys.executable).parent / "containment"
DENY = deny(USER)["urn"]


@pytest.fixture
def engine(project: Path) -> FakeEngine:
    (project / "stacks" / f"{STACK}.yaml").write_text(GOOD)
    fake = FakeEngine.install(project)
    fake.exports(snapshot(USER), deny(USER))
    fake.answer("destroy --stack")
    fake.answer("up")
    return fake


def on_terminal(engine: FakeEngine, lab: Lab, *arguments: str, typed: bytes) -> tuple[int, str]:
    """Run a verb on a terminal of its own, type, and return its exit code and what it showed."""
    controller, terminal = pty.openpty()
    environ = {**os.environ, **lab.world.admin.env(), "AWS_ENDPOINT_URL": lab.endpoint}
    environ["PATH"] = f"{engine.program.parent}:{environ['PATH']}"
    environ["PULUMI_HOME"] = str(engine.project / "home")
    process = subprocess.Popen(
        [CONTAINMENT, *arguments],
        cwd=engine.project,
        env={**environ, "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    os.write(controller, typed)
    shown = b""
    try:
        while more := os.read(controller, 4096):
            shown += more
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(controller)
    return process.wait(timeout=30), shown.decode()


def test_a_lift_shows_what_comes_back_and_asks(engine: FakeEngine, served: Lab) -> None:
    code, shown = on_terminal(engine, served, "lift", typed=b"y\n")

    assert code == 0
    assert shown.index("user ci/ci-deploy") < shown.index(f"Lift {STACK}?")
    assert "lifted" in shown
    assert ["destroy", "--stack", STACK, "--yes", "--skip-preview"] in [
        asked[:5] for asked in engine.asked
    ]


def test_answering_no_changes_nothing(engine: FakeEngine, served: Lab) -> None:
    code, shown = on_terminal(engine, served, "lift", typed=b"n\n")

    assert code == 7
    assert "declined; nothing has been changed" in shown
    assert not [asked for asked in engine.asked if asked[:2] == ["destroy", "--stack"]]


def test_an_up_shows_what_changes_and_asks(engine: FakeEngine, served: Lab) -> None:
    code, shown = on_terminal(engine, served, "up", typed=b"n\n")

    assert code == 7
    assert shown.index("user ci/ci-deploy") < shown.index(f"Apply {STACK}?")
    assert engine.ran("up") is None


def test_an_up_that_was_agreed_to_is_applied(engine: FakeEngine, served: Lab) -> None:
    on_terminal(engine, served, "up", typed=b"y\n")
    asked = engine.ran("up")

    assert asked is not None
    assert {"--yes", "--non-interactive"} <= set(asked)


def test_with_yes_nobody_is_asked(engine: FakeEngine, served: Lab) -> None:
    code, shown = on_terminal(engine, served, "lift", "--yes", typed=b"")

    assert code == 0
    assert f"Lift {STACK}?" not in shown
