"""The command line in this process, and the emulated company it may be pointed at."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from containment.facets import marks
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from policies import render, text
from tests.support.fake_engine import STACK, USER, FakeEngine, deny, summary

GOOD = """\
incident: inc-2026-0042
title: ci-deploy access key pushed to a public repository
compromised_at: 2026-01-23T21:14:00Z
compromised_at_source: GitHub secret scanning alert 17
cause: exposed-in-source
owner: security-oncall@example.com
review_by: 2999-11-25T09:00:00Z
targets:
  - user: arn:aws:iam::111122223333:user/ci/ci-deploy
    leaked: [AKIAIOSFODNN7EXAMPLE]
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture
def containment(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run ``containment`` with these arguments."""

    def command(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is where the command is run."""
    (tmp_path / "stacks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def served(lab_process: Lab) -> Lab:
    """A lab with the company in it, for tests that change nothing there: seeded once a module."""
    lab_process.reseed()
    return lab_process


@pytest.fixture
def sign_in(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[[Credentials], None]:
    """Make these the credentials of the environment, and the lab its AWS."""

    def use(credentials: Credentials) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
        for name, value in credentials.env().items():
            monkeypatch.setenv(name, value)

    use(lab.world.admin)
    return use


@pytest.fixture
def engine(project: Path, served: Lab, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    (project / "stacks" / f"{STACK}.yaml").write_text(GOOD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.endpoint)
    for name, value in served.world.admin.env().items():
        monkeypatch.setenv(name, value)
    fake = FakeEngine.install(project)
    monkeypatch.setenv("PATH", f"{fake.program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PULUMI_HOME", str(project / "home"))
    fake.answer("up", out="Updating\n", events=[summary(create=3)])
    fake.answer("destroy", out="Destroying\n", events=[summary(delete=3)])
    return fake


@pytest.fixture
def live_deny(served: Lab) -> Iterator[dict[str, Any]]:
    """A deny that is live on a user of the lab, as a state has it."""
    iam = served.client("iam", served.world.admin)
    name = f"containment-{STACK}"
    unique_id = iam.get_user(UserName="ci-deploy")["User"]["UserId"]
    document = render("deny-all", sid=marks.mark(STACK, "s" * 10, 7).sid)
    iam.put_user_policy(UserName="ci-deploy", PolicyName=name, PolicyDocument=text(document))
    yield deny(USER, principalId=unique_id, scope="all", issuedBefore=None)
    iam.delete_user_policy(UserName="ci-deploy", PolicyName=name)
