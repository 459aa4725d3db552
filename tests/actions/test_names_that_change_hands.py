"""A name goes to somebody else between our read and our write: who was meant is contained alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from containment.lifecycle.action import UnfinishedError
from containment.run.direct import attempt
from tests.actions.test_renamed_users import NEW, spec
from tests.support.applied import Applied
from tests.support.denying import deny
from tests.support.party import keep_ledgers
from tests.support.workbench import INCIDENT, Bench, can_list, inline

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def recorded(bench: Bench) -> None:
    keep_ledgers(bench)


POLICY = f"containment-{INCIDENT}"


def once_before(bench: Bench, operation: str, act: Callable[[], None]) -> None:
    """Have *act* happen just before the responder's next call of *operation*."""
    due = iter([True])

    def happen(**_: Any) -> None:
        if next(due, False):
            act()

    bench.context.clients.iam.meta.events.register(f"before-call.iam.{operation}", happen)


def swap(bench: Bench) -> None:
    """Rename the attacker's user, and give its name to alice."""
    bench.admin().update_user(UserName="ci-deploy", NewUserName="moved")
    bench.admin().update_user(UserName="alice", NewUserName="ci-deploy")


def left_on_alice(bench: Bench) -> list[str]:
    """Return what of the incident is on whoever alice is, by the name that she was given."""
    iam = bench.admin()
    tags = iam.list_user_tags(UserName="ci-deploy")["Tags"]
    keys = iam.list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    return [
        *(name for name in iam.list_user_policies(UserName="ci-deploy")["PolicyNames"]
          if name.startswith("containment")),
        *(tag["Key"] for tag in tags if tag["Key"].startswith("containment")),
        *(key["AccessKeyId"] for key in keys if key["Status"] != "Active"),
    ]  # fmt: skip


@pytest.mark.parametrize("operation", ["PutUserPolicy", "ListAccessKeys"])
def test_what_landed_on_whoever_got_the_name_is_taken_back(bench: Bench, operation: str) -> None:
    lab, world = bench.lab, bench.lab.world
    taken = bench.snapshot(world.ci_user)
    once_before(bench, operation, lambda: swap(bench))

    denied = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(taken), preview=False)

    assert (denied.live, keys.live) == ("applied", "applied")
    assert inline(bench, NEW) is not None
    assert not can_list(lab, world.leaked)
    assert left_on_alice(bench) == []
    assert can_list(lab, world.bystander)
    # Where another listing was late for the old name, the user is followed before any of it lands.
    assert "took the name meanwhile" in bench.words() or operation == "ListAccessKeys"


def test_a_repair_that_landed_on_whoever_got_the_name_is_taken_back(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    taken = bench.snapshot(world.ci_user)
    action, inputs = bench.deny_action(), bench.deny_inputs(taken)
    state = action.create(inputs, preview=False)
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName=POLICY)
    once_before(bench, "PutUserPolicy", lambda: swap(bench))

    action.repair(state, inputs)

    assert inline(bench, NEW) is not None
    assert not can_list(lab, world.leaked)
    assert left_on_alice(bench) == []
    assert can_list(lab, world.bystander)


def test_a_fence_that_landed_on_whoever_got_the_name_is_taken_back_and_the_lift_ends(
    bench: Bench,
) -> None:
    lab, world = bench.lab, bench.lab.world
    text = spec(bench).replace("false-positive", "suspected")
    bench.disposition = "suspected"
    applied = Applied.up(bench, text)
    once_before(bench, "PutUserPolicy", lambda: swap(bench))

    applied.lift()

    assert "aws:CurrentTime" in json.dumps(inline(bench, NEW))
    assert left_on_alice(bench) == []
    assert can_list(lab, world.bystander)


def test_somebody_else_of_the_incident_who_got_the_name_stays_contained(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    deny(bench, world.bystander_user)
    taken = bench.snapshot(world.ci_user)
    once_before(bench, "PutUserPolicy", lambda: swap(bench))

    state = bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    assert state.live == "applied"
    assert not can_list(lab, world.leaked)
    assert not can_list(lab, world.bystander)


def made_anew(bench: Bench) -> None:
    """Delete the role and make one of its name, as the attacker does."""
    iam = bench.admin()
    for name in iam.list_role_policies(RoleName="deploy")["PolicyNames"]:
        iam.delete_role_policy(RoleName="deploy", PolicyName=name)
    for one in iam.list_attached_role_policies(RoleName="deploy")["AttachedPolicies"]:
        iam.detach_role_policy(RoleName="deploy", PolicyArn=one["PolicyArn"])
    trust = json.dumps(iam.get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"])
    iam.delete_role(RoleName="deploy")
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust)


@pytest.mark.parametrize("operation", ["PutRolePolicy", "UpdateAssumeRolePolicy"])
def test_a_role_that_was_made_anew_is_never_said_to_be_contained_as_the_old_one(
    bench: Bench, operation: str
) -> None:
    role = bench.lab.world.deploy_role
    taken = bench.snapshot(role)
    once_before(bench, operation, lambda: made_anew(bench))
    if operation == "PutRolePolicy":
        result = attempt(
            role, "", lambda: bench.deny_action().create(bench.deny_inputs(taken), preview=False)
        )
    else:
        result = attempt(
            role, "", lambda: bench.trust_action().create(bench.trust_inputs(taken), preview=False)
        )

    assert isinstance(result.error, UnfinishedError)
    assert "is gone" in result.error.message
    assert inline(bench, role) is None
    now = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    assert "containment" not in json.dumps(now).lower()
    again = bench.deny_action().create(bench.deny_inputs(bench.snapshot(role)), preview=False)
    assert again.live == "applied"
