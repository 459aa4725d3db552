"""AWS refuses a retry of what an earlier try has done: live is read again, and decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from containment.aws import consistency
from containment.facets import attachment
from containment.facets import deny as facet
from containment.lab.scenario import inventory
from containment.lifecycle.action import UnfinishedError
from tests.support.workbench import Bench, can_list, inline, write_spec

pytestmark = pytest.mark.lab


def lose_and_refuse(bench: Bench, operation: str, first: str = "lose") -> None:
    """Let the first try do it, or not, without an answer; refuse the second, which AWS answers."""
    bench.lab.faults(
        {"kind": first, "operation": operation, "count": 1},
        {"kind": "conflict", "operation": operation, "skip": 1, "count": 1},
    )


def deny(bench: Bench) -> Any:
    taken = bench.snapshot(bench.lab.world.ci_user)
    return bench.deny_action().create(bench.deny_inputs(taken), preview=False)


def keys(bench: Bench) -> Any:
    taken = bench.snapshot(bench.lab.world.ci_user)
    return bench.keys_action().create(bench.keys_inputs(taken), preview=False)


def trust(bench: Bench) -> Any:
    taken = bench.snapshot(bench.lab.world.deploy_role)
    return bench.trust_action().create(bench.trust_inputs(taken), preview=False)


each = pytest.mark.parametrize(
    ("operation", "contain"),
    [("PutUserPolicy", deny), ("UpdateAccessKey", keys), ("UpdateAssumeRolePolicy", trust)],
    ids=["deny", "keys", "trust"],
)


@each
def test_what_the_first_try_did_counts_whatever_the_second_is_told(
    bench: Bench, operation: str, contain: Callable[[Bench], Any]
) -> None:
    lose_and_refuse(bench, operation)

    assert contain(bench).live == "applied"
    assert [fault["hits"] for fault in bench.lab.status()["faults"]] == [1, 1]


@each
def test_what_no_try_did_is_not_contained_and_is_told_in_aws_words(
    bench: Bench,
    operation: str,
    contain: Callable[[Bench], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    defaults = {"timeout_s": 10.0, "sleep": lambda _s: None}
    monkeypatch.setattr(consistency.eventually, "__kwdefaults__", defaults)
    lose_and_refuse(bench, operation, first="drop")

    with pytest.raises(UnfinishedError, match="ConcurrentModification") as raised:
        contain(bench)

    assert getattr(raised.value.state, "live") == "unverified"  # noqa: B009 -- any action's state
    if contain is not trust:
        assert can_list(bench.lab, bench.lab.world.leaked)


def test_a_deny_that_a_lost_try_removed_is_gone_and_the_lift_goes_on(bench: Bench) -> None:
    bench.disposition = "false-positive"
    write_spec(bench, bench.lab.world.ci_user)
    before = inventory.take(bench.admin())
    state = deny(bench)
    bench.lab.faults({"kind": "lose", "operation": "DeleteUserPolicy", "count": 1})

    bench.deny_action().delete(state)

    assert inline(bench, bench.lab.world.ci_user) is None
    assert inventory.changes(before, inventory.take(bench.admin())) == []


def test_a_deny_that_went_with_a_rename_is_not_taken_for_gone(bench: Bench) -> None:
    deny_state = deny(bench)
    live = bench.context.locate(deny_state, deny_state.principal_id)
    assert live is not None
    bench.lab.faults({"kind": "drop", "operation": "DeleteUserPolicy", "count": 1})

    def rename(**_: object) -> None:
        if "ci-deploy" in str(bench.admin().list_users()["Users"]):
            bench.admin().update_user(UserName="ci-deploy", NewUserName="another")

    events = bench.context.clients.iam.meta.events
    events.register_first("needs-retry.iam.DeleteUserPolicy", rename)
    facet.take_away(live, deny_state.incident, facet.find(live, deny_state.incident))

    # It is not said to be removed while it binds under the new name: it is removed there.
    arn = bench.lab.world.ci_user.replace("ci-deploy", "another")
    assert inline(bench, arn) is None
    assert can_list(bench.lab, bench.lab.world.leaked)


def test_a_policy_that_a_lost_try_detached_is_detached(bench: Bench) -> None:
    live = bench.context.locate(bench.deny_inputs(bench.snapshot(bench.lab.world.ci_user)), None)
    assert live is not None
    arn = attachment.deny_all_arn("aws")
    live.attach(arn)
    bench.lab.faults({"kind": "lose", "operation": "DetachUserPolicy", "count": 1})

    attachment.detach(live, arn)

    assert arn not in live.attached()
    attachment.detach(live, arn)  # that others detached it is no error either
    assert arn not in live.attached()
