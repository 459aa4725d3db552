"""Calls of the lab that come from an address of one's choosing."""

from __future__ import annotations

from typing import Any

from containment.lab.scenario.world import Credentials
from tests.support.workbench import Bench


def client_at(bench: Bench, credentials: Credentials, address: str) -> Any:
    """Return a client of S3 whose calls come from *address*."""
    client = bench.lab.client("s3", credentials)

    def stamp(request: Any, **_: object) -> None:
        request.headers["x-lab-source-ip"] = address

    client.meta.events.register("before-sign.s3", stamp)
    return client
