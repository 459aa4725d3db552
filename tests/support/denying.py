"""A deny as the responder makes it, and the snapshot that it came from."""

from __future__ import annotations

import json
from typing import Any

from containment.actions.deny_policy import DenyState
from tests.support.workbench import Bench


def deny(bench: Bench, arn: str, scope: str = "all", **more: Any) -> DenyState:
    taken = bench.snapshot(arn)
    return bench.deny_action().create(bench.deny_inputs(taken, scope, **more), preview=False)


def snapshot_of(bench: Bench, state: DenyState) -> Any:
    from containment.lifecycle.snapshot import Snapshot  # noqa: PLC0415

    return Snapshot(
        **bench.common(state.principal),
        endpoint=state.endpoint,
        principal_id=state.principal_id,
        snapshot_id=state.snapshot_id,
        attached_policies=state.attached_policies,
    )


def padded(size: int) -> str:
    """Return an Allow policy of about *size* characters."""
    statement = {"Effect": "Allow", "Action": ["sqs:ListQueues"], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    used = len(json.dumps(document, separators=(",", ":")))
    statement["Sid"] = "X" * (size - used - len(',"Sid":""'))
    return json.dumps(document, separators=(",", ":"))


def fill_inline(iam: Any) -> None:
    used = 0
    for name in iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]:
        document = iam.get_user_policy(UserName="ci-deploy", PolicyName=name)["PolicyDocument"]
        used += len(json.dumps(document, separators=(",", ":")))
    iam.put_user_policy(
        UserName="ci-deploy", PolicyName="fill", PolicyDocument=padded(2_048 - used - 40)
    )
