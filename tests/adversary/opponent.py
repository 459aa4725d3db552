"""The attacker as a process of its own: python -m tests.adversary.opponent, told all on stdin.

Says "ready" once they are in, looks twice a second until stdin ends, and prints what AWS let
through.
"""

from __future__ import annotations

import json
import select
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from containment.lab.scenario.world import Credentials
from tests.adversary.attacker import Attacker

_LOOK_S = 0.5


class Machine:
    """The attacker's machine: clients of one endpoint, and the clock on the wall."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, credentials: Credentials) -> Any:
        key = (service, credentials.access_key_id)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self._endpoint,
                region_name="us-east-1",
                config=Config(
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    connect_timeout=5,
                    read_timeout=10,
                ),
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token or None,
            )
        return self._clients[key]

    def now(self) -> datetime:
        return datetime.now(UTC)

    def refreshed(self, token: Credentials) -> Credentials | None:
        request = urllib.request.Request(
            f"{self._endpoint}/_lab/renew",
            json.dumps({"access_key_id": token.access_key_id}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                keys = json.load(answer)
        except urllib.error.HTTPError:
            return None
        return Credentials(keys["access_key_id"], keys["secret_access_key"], keys["session_token"])


def main() -> None:
    """Fight until whoever started this closes stdin."""
    asked = json.loads(sys.stdin.readline())
    attacker = Attacker(
        Machine(asked["endpoint"]),
        Credentials(**asked["leaked"]),
        seed=asked["seed"],
        left_out=frozenset(asked["left_out"]),
    )
    attacker.settle_in(Credentials(**asked["signed_in"]))
    _say("ready")
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        attacker.look()
        time.sleep(max(0.0, _LOOK_S - (time.monotonic() - began)))
    successes = [(one.moment.timestamp(), one.label, one.operation) for one in attacker.successes]
    made = [one.name for one in attacker.made if one.what in {"user", "role"}]
    _say(json.dumps({"successes": successes, "made": made, "looks": attacker.looks}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
