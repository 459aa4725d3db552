"""The lab of ``scale.py``: a company with more users, slow answers, and a note of every call.

usage: scale_lab.py USERS LATENCY_S THROTTLED
THROTTLED is the share of the responder's calls that is throttled.
It prints where it is and whose credentials to use, serves until a line comes in, and prints what
it has seen: when a call came and was answered (the machine's monotonic clock), and what it was.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from containment.lab.http.gate import Gate
from containment.lab.http.server import running
from containment.lab.scenario.builder import Builder, policy, statement
from containment.lab.scenario.company import company


def main(users: str, latency_s: str, throttled: str) -> None:
    """Serve one lab."""
    calls: list[tuple[float, float, str, str]] = []
    let_through = Gate._let_through  # noqa: SLF001 -- the one place that every call passes

    def noting(self: Gate, operation: Any, call: Any, caller: Any) -> Any:
        came, outcome = time.monotonic(), "refused "
        try:
            answer = let_through(self, operation, call, caller)
            outcome = ""
            return answer
        finally:
            named = operation.parameters.get("UserName") or operation.parameters.get("RoleName")
            what = f"{outcome}{operation.name}"
            calls.append((came, time.monotonic(), what, str(named or "")))

    Gate._let_through = noting  # type: ignore[method-assign]  # noqa: SLF001
    with running() as server:
        world = company(server.gate.sessions, seed=42)
        builder = Builder(world.account, server.gate.sessions)
        reads = policy(statement("s3:GetObject", resource="arn:aws:s3:::*"))
        arns: list[str] = []
        for number in range(int(users)):
            name = f"leaked-{number:03}"
            arns.append(builder.user(name, path="/load/", inline={"reads": reads}))
            builder.key(name)
        rules: list[dict[str, Any]] = [{"kind": "latency", "seconds": float(latency_s)}]
        if float(throttled):
            rule = {"kind": "throttle", "principal": world.responder_role, "seed": 7}
            rules.append({**rule, "probability": float(throttled)})
        server.gate.faults.replace(rules)
        server.gate.enforcing = True
        environ = {
            **world.responder.env(),
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_DEFAULT_REGION": world.region,
        }
        print(json.dumps({"users": arns, "environ": environ}), flush=True)
        sys.stdin.readline()
        print(json.dumps(calls), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
