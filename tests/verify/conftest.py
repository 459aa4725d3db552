"""An incident applied on the lab, and verified as the responder does, on no clock but the lab's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from containment.actions import ACTIONS
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.clock import utc_now
from containment.lab.testing import Lab
from containment.lifecycle.context import Context
from containment.lifecycle.workplace import Settings, Workplace
from containment.run.state import Recorded, StackState
from containment.spec import load
from containment.verify.evidence import Evidence
from containment.verify.verification import Pace, Verification, verify
from tests.support.applied import Applied
from tests.support.project import spec
from tests.support.workbench import INCIDENT, Bench


@dataclass
class Scene:
    """One incident that is applied; *between* happens between the two readings."""

    bench: Bench
    applied: Applied
    between: list[Callable[[], object]] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    @property
    def lab(self) -> Lab:
        return self.bench.lab

    @property
    def iam(self) -> Any:
        return self.bench.admin()

    @property
    def state(self) -> StackState:
        return StackState(
            tuple(
                Recorded(f"urn:pulumi:{INCIDENT}::containment::{number}", type(action), state)
                for number, (action, state) in enumerate(self.applied.states)
            )
        )

    def verify(self, *, stop: bool = False, **levels: Any) -> Verification:
        def wait(_seconds: float) -> bool:
            while self.between:
                self.between.pop(0)()
            return stop

        return verify(
            INCIDENT,
            spec=load(self.bench.directory / "stacks" / f"{INCIDENT}.yaml"),
            state=self.state,
            workplace=Workplace(
                self.bench.directory,
                ACTIONS,
                INCIDENT,
                settings=Settings.resolve(self.bench.directory, {}, "nothing"),
            ),
            pace=Pace(wait, self.progress.append),
            **levels,
        )


Contain = Callable[..., Scene]


@pytest.fixture
def contain(direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Contain:
    """Apply a spec of these targets as the responder, and return the scene."""

    def make(*targets: str, **more: str) -> Scene:
        for name, value in direct_lab.world.responder.env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", direct_lab.endpoint)
        cancelled = Event()
        clients = connect(incident=INCIDENT, cancelled=cancelled)
        caller = identify(clients.sts)
        context = Context(
            clients=clients,
            who=lambda: caller,
            now=utc_now,
            directory=tmp_path,
            actions=ACTIONS,
            say=lambda *_: None,
        )
        bench = Bench(direct_lab, context, cancelled, tmp_path)
        return Scene(bench, Applied.up(bench, spec(*targets, **more)))

    return make


def words_of(evidence: Iterable[Evidence]) -> str:
    return "\n".join(
        f"{item.level} {item.outcome} {item.subject}: {item.what}" for item in evidence
    )
