"""Actions run against the lab as the responder; what they call is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from containment.actions import ACTIONS
from containment.aws.caller import identify
from containment.aws.clients import connect
from containment.clock import utc_now
from containment.diff import building
from containment.lab.scenario.world import Credentials
from containment.lab.testing import Lab
from containment.lifecycle.context import Context
from tests.support.workbench import INCIDENT, Bench


@pytest.fixture
def bench_for(
    direct_lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Bench]:
    lab = direct_lab

    def make(credentials: Credentials | None = None) -> Bench:
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        for name, value in (credentials or lab.world.responder).env().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint)
        cancelled = Event()
        clients = connect(incident=INCIDENT, cancelled=cancelled)
        caller = identify(clients.sts)
        bench: Bench

        def note(event_name: str, **_: object) -> None:
            called, operation = event_name.split(".")[1:]
            bench.calls.append(f"{called}:{operation}")

        clients.iam.meta.events.register("before-call.iam", note)
        for client in clients.sign_ins():
            client.meta.events.register("before-call.signin", note)
        context = Context(
            clients=clients,
            who=lambda: caller,
            now=utc_now,
            directory=tmp_path,
            actions=ACTIONS,
            say=lambda severity, message: bench.messages.append((severity, message)),
        )
        bench = Bench(lab, context, cancelled, tmp_path)
        return bench

    return make


@pytest.fixture
def bench(bench_for: Callable[..., Bench]) -> Iterator[Bench]:
    made = bench_for()
    yield made
    declared = set().union(*(action.permissions for action in ACTIONS), building.PERMISSIONS)
    assert set(made.calls) <= declared
