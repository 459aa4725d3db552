"""A deny as the responder makes it, and the snapshot that it came from."""

from __future__ import annotations

from typing import Any

from workbench import Bench

from containment.actions.deny_policy import State


def deny(bench: Bench, arn: str, scope: str = "all", **more: Any) -> State:
    taken = bench.snapshot(arn)
    return bench.deny_action().create(bench.deny_inputs(taken, scope, **more), preview=False)


def snapshot_of(bench: Bench, state: State) -> Any:
    from containment.lifecycle.snapshot import Snapshot  # noqa: PLC0415

    return Snapshot(
        **bench.common(state.principal),
        endpoint=state.endpoint,
        principal_id=state.principal_id,
        snapshot_id=state.snapshot_id,
        attached_policies=state.attached_policies,
    )
