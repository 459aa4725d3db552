"""Run the lab's behaviour matrix against ministack as well: a second emulator, others' work.

The cases know an endpoint and boto3 only, so the same ones run against both.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from containment.lab.scenario.world import Credentials
from containment.lab.testing import lab_server
from tests.lab.matrix.bench import (
    MANAGEMENT,
    Bench,
    Keys,
    allow,
    bootstrap,
    every_case,
    policy,
    run,
)
from tools.judges.asking import PYTHON
from tools.judges.ministack_differences import reason

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT: Keys = ("test", "test")
PATIENCE = 30.0


def compare() -> list[str]:
    """Print how many cases each emulator gets right; return what ministack newly gets wrong."""
    with lab_server(world=None) as lab:
        keys = bootstrap(lambda service, keys: lab.client(service, Credentials(*keys)))
        lab.enforce()
        own_failures = _wrong(Bench(lab.endpoint, *keys))
    with _ministack() as bench:
        other_failures = _wrong(bench)
    number = len(every_case())
    right = number - len(own_failures)
    print(f"\nThe behaviour matrix: the lab {right} of {number} as AWS documents,")
    print(f"ministack {number - len(other_failures)} of {number}; its known differences:")
    reasons = Counter(filter(None, map(reason, other_failures)))
    for why, times in reasons.most_common():
        print(f"{times:7,}  {why}")
    return [f"the lab: {name}: {how}" for name, how in own_failures.items()] + [
        f"ministack: {name}: {how}; it is in no list"
        for name, how in other_failures.items()
        if not reason(name)
    ]


def _wrong(bench: Bench) -> dict[str, str]:
    """Return the cases that do not come out as AWS documents, and how they do."""
    wrong = {}
    for one in every_case():
        try:
            got, detail = run(one, bench)
        except Exception as error:  # noqa: BLE001 - an emulator may answer anything
            got, detail = "no sensible answer", repr(error)
        if got != one.expect:
            wrong[one.name] = f"{got} where AWS documents {one.expect} ({detail[:80]})"
    return wrong


@contextmanager
def _ministack() -> Generator[Bench]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ministack-") as folder:
        server = subprocess.Popen(
            [str(PYTHON), "-m", "ministack"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "TMPDIR": folder,
                "AUTH": "true",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "MINISTACK_ACCOUNT_ID": MANAGEMENT,
                "LOG_LEVEL": "ERROR",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_it_answers(port, server)
            yield _bench(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(PATIENCE)


def _bench(endpoint: str) -> Bench:
    """Make the two administrators; its organisation is there from the start."""
    clients = Bench(endpoint, ROOT, ROOT, "")
    created = clients.client("organizations", ROOT).create_account(
        Email="m@example.com", AccountName="member"
    )
    member = str(created["CreateAccountStatus"]["AccountId"])
    admin = _administrator(clients.iam)
    # An account number as the key id stands for that account's root user.
    return Bench(endpoint, admin, _administrator(clients.client("iam", (member, "test"))), member)


def _administrator(iam: Any) -> Keys:
    iam.create_user(UserName="admin")
    iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=policy(allow("*")))
    key = iam.create_access_key(UserName="admin")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _until_it_answers(port: int, server: subprocess.Popen[bytes]) -> None:
    waited_until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < waited_until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    message = "ministack does not answer; remove the judges' folder in the cache, and run it again"
    raise SystemExit(f"error: {message}")
