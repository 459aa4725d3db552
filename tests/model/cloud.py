"""The lab in this very process: no socket, no wall clock, and every call a place to stop at.

Clients are those that the provider makes, with everything botocore does before the wire: signing,
retries, the stop switch. What they would send goes to the gate as a WSGI request. Waiting moves
the lab's clock and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from types import SimpleNamespace
from typing import Any, Self
from unittest import mock
from urllib.parse import parse_qs

import botocore.endpoint
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.retries import quota

from containment.aws import clients, consistency, sign_ins
from containment.facets import capture, credentials
from containment.lab.http import control
from containment.lab.http.gate import Gate
from containment.lab.scenario.company import company
from containment.lab.scenario.world import Credentials, World
from containment.lab.state import moto_state
from containment.lab.testing import Lab
from containment.ledger import journal
from containment.lifecycle import workplace
from tests.model.clock import SimulatedClock
from tests.support.direct_calls import answer_of

ENDPOINT = "http://127.0.0.1:4566"
# A call to AWS takes time; two processes that follow each other never share a millisecond.
_CALL_S = 0.02


@dataclass
class Line:
    """One pair of clients on loan to one provider process."""

    clients: clients.Clients
    http: list[Wire]
    stop: StopSwitch
    quotas: list[quota.RetryQuota]
    owner: Any = None


class StopSwitch(Event):
    """The event that a provider sets on Cancel, by way of clients that outlive it."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled: Event = Event()

    def is_set(self) -> bool:
        return self.cancelled.is_set()


class Wire:
    """What botocore takes for its HTTP session."""

    def __init__(self, cloud: Cloud, owner: Callable[[], Any]) -> None:
        self._cloud, self._owner = cloud, owner

    def send(self, request: Any) -> AWSResponse:
        """Hand *request* to the gate, with a place to stop before and after it."""
        owner, operation = self._owner(), _operation(request)
        if owner is not None:
            owner.before_call(operation)
        answer = self._cloud.handle(request)
        if owner is not None:
            owner.after_call(operation)
        if answer is None:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Cloud:
    """One lab and the company in it."""

    gate: Gate
    clock: SimulatedClock
    lab: Lab
    world: World
    sleeper: Any = None
    idle: list[Line] = field(default_factory=list)
    _clients: dict[tuple[str, Credentials], Any] = field(default_factory=dict)

    def reset(self) -> None:
        """Start over with a fresh company, enforcement on."""
        control.reset(self.gate)
        self.world = company(self.gate.sessions, seed=42)
        self.gate.enforcing = True

    def handle(self, request: Any) -> AWSResponse | None:
        """Return the gate's answer, or None where it cut the line."""
        self.clock.advance(_CALL_S)
        return answer_of(self.gate, request)

    def connect(self, *, cancelled: Any, **_: Any) -> clients.Clients:
        """Lend a pair of clients with the responder's credentials to whom *cancelled* belongs."""
        owner = cancelled.owner
        line = self.idle.pop() if self.idle else self._line()
        line.owner, line.stop.cancelled = owner, cancelled
        for each in line.quotas:
            full: Any = each
            full._available_capacity = full._max_capacity
        owner.lines.append(line)
        return line.clients

    def give_back(self, owner: Any) -> None:
        """Take back what *owner* had on loan."""
        for line in owner.lines:
            line.owner = None
            self.idle.append(line)
        owner.lines.clear()

    def client(self, service: str, credentials: Credentials) -> Any:
        """Return a client of the test's own, for anybody; making one takes longer than a call."""
        if (service, credentials) not in self._clients:
            made = self.lab.client(service, credentials)
            made._endpoint.http_session = Wire(self, lambda: None)
            self._clients[service, credentials] = made
        return self._clients[service, credentials]

    @property
    def responder(self) -> clients.Clients:
        """The product's own clients, to look with."""
        if not self.idle:
            self.idle.append(self._line())
        return self.idle[0].clients

    @property
    def mutations(self) -> int:
        """How many calls have changed something, or would have."""
        return self.gate.status.mutations_by_action.total()

    def _line(self) -> Line:
        stop = StopSwitch()
        quotas: list[quota.RetryQuota] = []

        class Noted(quota.RetryQuota):
            def __init__(self, *args: Any, **more: Any) -> None:
                super().__init__(*args, **more)
                quotas.append(self)

        environ = {
            **self.world.responder.env(),
            "AWS_ENDPOINT_URL": ENDPOINT,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with mock.patch.dict(os.environ, environ), mock.patch.object(quota, "RetryQuota", Noted):
            made = clients.connect(incident="inc-2026-0042", cancelled=stop)
            asked = (made.iam, made.sts, *made.sign_ins())
        line = Line(made, [], stop, quotas)
        for each in asked:
            wired: Any = each
            wire = Wire(self, lambda: line.owner)
            wired._endpoint.http_session = wire
            line.http.append(wire)
        return line


class OneByOne:
    """An executor that is done as soon as it is asked."""

    def __init__(self, **_: Any) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 -- as an executor does
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Any], *many: Any) -> Iterator[Any]:
        return map(work, *many)


class _AtOnce:
    """A thread that has ended when it has started."""

    def __init__(self, target: Callable[[], None], **_: Any) -> None:
        self._target = target

    def start(self) -> None:
        self._target()


def _operation(request: Any) -> str:
    body = request.body or b""
    text = body.decode() if isinstance(body, bytes) else str(body)
    return str(parse_qs(text).get("Action", [request.method])[0])


class _Time:
    """The time module as botocore sees it, but for waiting."""

    def __init__(self, real: Any, sleep: Callable[[float], None]) -> None:
        self._real, self.sleep = real, sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def simulated() -> Iterator[Cloud]:
    """Run a lab in this process for the length of a block, on a clock of its own.

    Wherever the product or botocore would wait, the cloud's *sleeper* is told.
    """
    clock = SimulatedClock()
    moto_state.prepare()
    gate = Gate(control=control.answer)
    lab = Lab(SimpleNamespace(endpoint=ENDPOINT, gate=gate))  # type: ignore[arg-type]
    waits: Mapping[str, Any] = consistency.eventually.__kwdefaults__ or {}
    with mock.patch.object(moto_state, "clock", clock):
        control.reset(gate)
        cloud = Cloud(gate, clock, lab, company(gate.sessions, seed=42))

        def wait(seconds: float) -> None:
            (cloud.sleeper.sleep if cloud.sleeper else clock.advance)(seconds)

        gate.enforcing = True
        with (
            mock.patch.object(consistency.eventually, "__kwdefaults__", {**waits, "sleep": wait}),
            mock.patch.object(
                botocore.endpoint,
                "time",
                _Time(botocore.endpoint.time, wait),  # type: ignore[attr-defined]
            ),
            mock.patch.object(workplace, "utc_now", clock),
            mock.patch.object(workplace, "connect", cloud.connect),
            # Reads side by side are reads one after the other, in an order that can be repeated.
            mock.patch.object(capture, "ThreadPoolExecutor", OneByOne),
            mock.patch.object(credentials, "ThreadPoolExecutor", OneByOne),
            mock.patch.object(sign_ins, "ThreadPoolExecutor", OneByOne),
            # The file that a ledger is in here does not hang.
            mock.patch.object(journal, "Thread", _AtOnce),
            # What the lab records and delivers is not asked about here, and half of its time.
            mock.patch.object(gate.trail, "note", return_value=None),
        ):
            yield cloud
        control.reset(gate)
