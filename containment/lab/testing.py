"""A lab for tests: served from a thread of the test's own process, on a free loopback port."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config

from containment.aws.sign_ins import keep_to_endpoint
from containment.lab.http import control
from containment.lab.http.server import LabServer, running
from containment.lab.scenario.company import company
from containment.lab.state import moto_state

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime
    from pathlib import Path

    from containment.lab.http.gate import Gate
    from containment.lab.scenario.world import Credentials, World
    from containment.lab.state.facts import Facts

_CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    s3={"addressing_style": "path"},
    connect_timeout=5,
    read_timeout=30,
    parameter_validation=False,
)


class Lab:
    """A running lab and the world in it."""

    def __init__(self, server: LabServer) -> None:
        self._server = server
        self._world: World | None = None

    @property
    def endpoint(self) -> str:
        """The URL to point AWS clients at."""
        return self._server.endpoint

    @property
    def gate(self) -> Gate:
        """What answers its requests, in this process."""
        return self._server.gate

    @property
    def world(self) -> World:
        """The seeded company."""
        if self._world is None:
            raise LookupError("this lab has no seeded world; use lab_server()")
        return self._world

    def reset(self) -> None:
        """Empty the world; enforcement is off afterwards."""
        control.reset(self.gate)
        self._world = None

    def reseed(self, *, seed: int | None = None) -> World:
        """Start over with a fresh company, enforcement on; the same *seed*, the same secrets."""
        self.reset()
        gate = self.gate
        with gate.lock:
            self._world = company(gate.sessions, seed=seed)
            gate.enforcing = True
        return self._world

    def enforce(self) -> None:
        """Turn enforcement on."""
        self.gate.enforcing = True

    def advance(self, seconds: float) -> None:
        """Move the lab's clock forward."""
        moto_state.clock.advance(seconds)

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put fault and lag rules in force; without any, end them all."""
        gate = self.gate
        with gate.lock:
            gate.faults.replace(rules)
            if not rules:
                gate.facts.clear()

    def enforced(self) -> Facts:
        """Return what answers how the enforcing side sees a user, a role, a policy."""
        return self._server.gate.facts

    def delivers_after(self, seconds: float) -> None:
        """Say how long records take to reach a trail's bucket and the event history."""
        self.gate.trail.delivery.delay_s = seconds

    def now(self) -> datetime:
        """Return the lab's time."""
        return moto_state.clock()

    def status(self) -> dict[str, Any]:
        """Return what GET /_lab/status shows."""
        return control.status(self.gate)

    @contextmanager
    def unanswered(self) -> Generator[list[str]]:
        """Let calls go unanswered for the length of a block, on purpose; the list tells which."""
        status = self.gate.status
        noted, status.noted_in = status.noted_in, None
        messages: list[str] = []
        try:
            yield messages
        finally:
            messages += status.errors
            status.errors, status.unrouted, status.evaluator_errors = [], 0, 0
            status.noted_in = noted

    def client(self, service: str, credentials: Credentials, *, region: str = "us-east-1") -> Any:
        """Return a boto3 client of the lab."""
        connect: Any = boto3.client  # noqa: TID251 -- the lab's own clients
        client = connect(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            config=_CONFIG,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
        )
        if service == "signin":
            keep_to_endpoint(client)
        return client


@contextmanager
def lab_server(
    *,
    world: Literal["company"] | None = "company",
    seed: int | None = None,
    port: int = 0,
    noted_in: Path | None = None,
) -> Generator[Lab]:
    """Serve a lab for the length of a block, with a company and enforcing unless *world* is None.

    The same *seed* gives the same ids and secrets; without one they are random.
    """
    with running(port, noted_in=noted_in) as server:
        lab = Lab(server)
        if world is not None:
            lab.reseed(seed=seed)
        yield lab
