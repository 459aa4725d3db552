"""What the lab costs with 1,000 users: start, requests a second with everything on, memory.

usage: lab.py [REQUESTS A CLIENT]
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from containment.iam_policy.evaluate import Layers, Request, decide
from containment.iam_policy.policies import compile_policy
from containment.iam_policy.principals import Identity
from containment.lab import runtime

CLIENTS, USERS = 8, 1000
# What is promised: requests a second at least, all else at most.
PROMISED = {
    "start to first answer, s": 1.0,
    "memory, MB": 400.0,
    "one decision, us": 50.0,
    "requests/s": 250.0,
}
_ASKS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetUser",'
    ' "Resource": "arn:aws:iam::*:user/load/*"}, {"Effect": "Deny", "Action": "*",'
    ' "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01"}}}]}'
)
_DENY_OLD = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*",'
    ' "Resource": "arn:aws:s3:::data/${aws:username}/*"}, {"Effect": "Deny", "Action": "*",'
    ' "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01"}}}]}'
)


def main() -> int:
    """Print one figure a line; return 1 if a promise is not kept."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        lab = runtime.start_detached(Path(directory), 0)
        figures["start to first answer, s"] = time.perf_counter() - began
        try:
            figures |= measure(lab, number)
        finally:
            runtime.stop(lab)
    figures["one decision, us"] = microseconds_a_decision()
    kept = [show(what, figure) for what, figure in figures.items()]
    return 0 if all(kept) else 1


def measure(lab: runtime.RunningLab, number: int) -> dict[str, float]:
    """Load one account of 1,000 users whose trail is logging; each client is a user of its own."""
    figures: dict[str, float] = {}
    began = time.perf_counter()
    lab.control("seed", {"world": "organisation", "principals": USERS})
    figures[f"seed {USERS} principals in three accounts, s"] = time.perf_counter() - began
    world = lab.control("seed", {"world": "company"})
    keys = (world["admin"]["access_key_id"], world["admin"]["secret_access_key"])
    client(lab.endpoint, keys, "s3").create_bucket(Bucket="bench-trail")
    trail = client(lab.endpoint, keys, "cloudtrail")
    trail.create_trail(Name="bench", S3BucketName="bench-trail", IsMultiRegionTrail=True)
    trail.start_logging(Name="bench")
    with multiprocessing.Pool(CLIENTS) as pool:
        began = time.perf_counter()
        shares = [(lab.endpoint, keys, range(n, USERS, CLIENTS)) for n in range(CLIENTS)]
        counts = pool.starmap(populate, shares)
        figures[f"{3 * USERS} calls that make {USERS} users of one account, s"] = (
            time.perf_counter() - began
        )
        work = [(lab.endpoint, one, number) for one in counts]
        before = processor_seconds(lab.pid)
        slowest = max(pool.starmap(ask, work))
    figures["requests/s"] = CLIENTS * number / slowest
    spent = processor_seconds(lab.pid) - before
    if spent:
        figures["requests in a second of its processor time"] = CLIENTS * number / spent
    status = Path(f"/proc/{lab.pid}/status")
    if status.exists():
        figures["memory, MB"] = int(status.read_text().split("VmRSS:")[1].split()[0]) / 1024
    return figures


def processor_seconds(pid: int) -> float:
    """Return what a process has spent of the processor, which neighbours do not change; or 0."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def populate(endpoint: str, keys: tuple[str, str], share: range) -> tuple[str, str]:
    """Make a share of the users, each with a policy and a key; return the last one's key."""
    iam = client(endpoint, keys, "iam")
    made: Any = {}
    for number in share:
        iam.create_user(UserName=f"user-{number}", Path="/load/")
        iam.put_user_policy(UserName=f"user-{number}", PolicyName="p", PolicyDocument=_ASKS)
        made = iam.create_access_key(UserName=f"user-{number}")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


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
    iam.get_user(UserName="user-0")
    began = time.perf_counter()
    for one in range(number):
        iam.get_user(UserName=f"user-{one * 7 % USERS}")
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


def show(what: str, figure: float) -> bool:
    """Print one figure beside its promise, and tell whether that is kept."""
    promised = PROMISED.get(what)
    if promised is None:
        print(f"lab: {what:<55} {figure:8.2f}")
        return True
    least = what == "requests/s"
    kept = figure >= promised if least else figure <= promised
    promise = f"{'at least' if least else 'at most'} {promised:g}{'' if kept else '  NOT KEPT'}"
    print(f"lab: {what:<55} {figure:8.2f}  {promise}")
    return kept


if __name__ == "__main__":
    sys.exit(main())
