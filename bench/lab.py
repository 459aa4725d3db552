"""What the lab costs: start, seeding, requests a second with everything on, memory, a decision.

usage: lab.py [REQUESTS A CLIENT]
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from containment.lab import runtime
from containment.lab.iam.evaluate import Layers, Request, decide
from containment.lab.iam.policies import compile_policy
from containment.lab.iam.principals import Identity

CLIENTS, PRINCIPALS = 8, 1000
_DENY_OLD = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*",'
    ' "Resource": "arn:aws:s3:::data/${aws:username}/*"}, {"Effect": "Deny", "Action": "*",'
    ' "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01"}}}]}'
)


def main() -> None:
    """Print one figure a line."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        lab = runtime.start_detached(Path(directory), 0)
        show("lab: start to first answer, s", time.perf_counter() - began)
        try:
            measure(lab, number)
        finally:
            runtime.stop(lab)
    show("lab: one decision, us", microseconds_a_decision())


def measure(lab: runtime.RunningLab, number: int) -> None:
    """Load a seeded organisation whose trail is logging."""
    began = time.perf_counter()
    world = lab.control("seed", {"world": "organisation", "principals": PRINCIPALS})
    show(f"lab: seed {PRINCIPALS} principals, s", time.perf_counter() - began)
    keys = (world["admin"]["access_key_id"], world["admin"]["secret_access_key"])
    client(lab.endpoint, keys, "s3").create_bucket(Bucket="bench-trail")
    trail = client(lab.endpoint, keys, "cloudtrail")
    trail.create_trail(Name="bench", S3BucketName="bench-trail", IsMultiRegionTrail=True)
    trail.start_logging(Name="bench")
    with multiprocessing.Pool(CLIENTS) as pool:
        work = [(lab.endpoint, keys, number)] * CLIENTS
        slowest = max(pool.starmap(ask, work))
    show(f"lab: requests/s, {CLIENTS} clients, enforcing and recording", CLIENTS * number / slowest)
    status = Path(f"/proc/{lab.pid}/status")
    if status.exists():
        resident = status.read_text().split("VmRSS:")[1].split()[0]
        show("lab: memory, MB", int(resident) / 1024)


def client(endpoint: str, keys: tuple[str, str], service: str) -> Any:
    """Return a client of the lab."""
    connect: Any = boto3.client
    return connect(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
    )


def ask(endpoint: str, keys: tuple[str, str], number: int) -> float:
    """Make calls one after the other and return how long they took."""
    iam = client(endpoint, keys, "iam")
    iam.get_user(UserName="alice")
    began = time.perf_counter()
    for _ in range(number):
        iam.get_user(UserName="alice")
    return time.perf_counter() - began


def microseconds_a_decision(number: int = 20_000) -> float:
    """Time the evaluator alone, on a policy with a variable and a date."""
    arn = "arn:aws:iam::111122223333:user/alice"
    request = Request(
        action="s3:GetObject",
        resource="arn:aws:s3:::data/alice/report.csv",
        resource_account="111122223333",
        caller=Identity("111122223333", frozenset({arn})),
        context={"aws:username": "alice", "aws:tokenissuetime": "2026-06-01T00:00:00Z"},
    )
    policy = compile_policy(_DENY_OLD)
    layers = Layers(identity=[policy], boundary=policy, service_control=[[policy], [policy]])
    began = time.perf_counter()
    for _ in range(number):
        decide(request, layers)
    return (time.perf_counter() - began) / number * 1e6


def show(what: str, figure: float) -> None:
    """Print one figure."""
    print(f"{what:<55} {figure:8.2f}")


if __name__ == "__main__":
    main()
