"""The diff of a run names what the run writes, and nothing is written to make it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from containment.aws.recording import made_change
from containment.diff import Change, PrincipalDiff, written
from containment.diff.building import contained, lifted
from containment.errors import ConflictError
from containment.lifecycle import room
from containment.lifecycle.wire import Inputs
from containment.messages import MadeChange
from containment.plan import plan
from containment.spec import load
from tests.support.project import spec
from tests.support.workbench import INCIDENT, Bench, inline

pytestmark = pytest.mark.lab

Applied = dict[str, dict[str, Inputs]]


def declared(bench: Bench, target: str, **more: str) -> Any:
    """Return the plan of a spec with one *target*, such as ``user: arn:…``."""
    path = bench.directory / "stacks" / f"{INCIDENT}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(spec(target, **more))
    return plan(load(path), spec_file=f"stacks/{INCIDENT}.yaml")


def diff_of(bench: Bench, target: str, applied: Applied | None = None) -> PrincipalDiff:
    before = list(bench.writes)
    (diff,) = contained(declared(bench, target), applied or {}, lambda _account: bench.context)
    assert bench.writes == before
    assert diff.unread == ()
    return diff


def test_a_new_containment_names_the_policy_and_each_active_key(bench: Bench) -> None:
    world = bench.lab.world
    diff = diff_of(bench, f"user: {world.ci_user}\n    leaked: [{world.leaked.access_key_id}]")

    assert (diff.verb, diff.rung, diff.rung_before) == ("contain", "deny-all", None)
    policy, key = diff.changes
    assert policy.subject == f"inline policy containment-{INCIDENT}"
    assert {line.sign for line in policy.lines} == {"+"}
    assert '"Effect": "Deny",' in "".join(line.text for line in policy.lines)
    assert (key.subject, key.summary, key.reason) == (
        f"access key {world.leaked.access_key_id}",
        "Active -> Inactive",
        "leaked",
    )
    assert [name for name, _ in diff.facts] == ["created", world.leaked.access_key_id]
    assert any("minted" in line for line in diff.stays_open)


def test_a_role_is_shown_the_moment_and_the_trust_statement(bench: Bench) -> None:
    world = bench.lab.world
    diff = diff_of(bench, f"role: {world.deploy_role}\n    rung: close-trust")

    trust, policy = sorted(diff.changes, key=lambda change: change.subject, reverse=True)
    assert trust.subject == "trust policy"
    assert {line.sign for line in trust.lines} == {"+", " "}
    assert any("DateLessThan" in line.text for line in policy.lines)
    assert "AWS's time when it is written" in policy.reason


def test_a_deny_in_force_is_shown_unchanged_and_a_stripped_one_as_repaired(bench: Bench) -> None:
    world = bench.lab.world
    taken = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    applied: Applied = {
        world.ci_user: {"PrincipalSnapshot": taken, "DenyPolicy": deny, "InactiveCredentials": keys}
    }

    assert diff_of(bench, f"user: {world.ci_user}", applied).verb == "keep"

    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{INCIDENT}")
    stripped = diff_of(bench, f"user: {world.ci_user}", applied)

    assert stripped.verb == "repair"
    assert [change.subject for change in stripped.changes] == [
        f"inline policy containment-{INCIDENT}"
    ]


def test_a_stronger_rung_is_a_raise_and_a_weaker_one_a_lowering(bench: Bench) -> None:
    role = bench.lab.world.deploy_role
    taken = bench.snapshot(role)
    deny = bench.deny_action().create(
        bench.deny_inputs(taken, scope="issued-before"), preview=False
    )
    applied: Applied = {role: {"PrincipalSnapshot": taken, "DenyPolicy": deny}}

    raised = diff_of(bench, f"role: {role}\n    rung: deny-all", applied)

    assert (raised.verb, raised.rung_before) == ("raise", "revoke-sessions")
    assert {line.sign for line in raised.changes[0].lines} == {"-", " "}
    lowered = diff_of(
        bench, f"role: {role}\n    rung: session\n    sessions: [{{name: one}}]", applied
    )
    assert lowered.verb == "lower"


def test_a_principal_that_is_gone_is_a_conflict_and_spoils_no_other(bench: Bench) -> None:
    world = bench.lab.world
    missing_arn = world.ci_user.replace("ci-deploy", "never-was")
    diffs = contained(
        declared(bench, f"user: {missing_arn}\n  - role: {world.deploy_role}"),
        {},
        lambda _account: bench.context,
    )

    assert [diff.verb for diff in diffs] == ["refuse", "contain"]
    assert "does not exist" in diffs[0].conflicts[0]


def test_a_target_taken_out_of_the_spec_is_shown_as_a_lift(bench: Bench) -> None:
    world = bench.lab.world
    taken = bench.snapshot(world.ci_user)
    deny = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    applied: Applied = {world.ci_user: {"PrincipalSnapshot": taken, "DenyPolicy": deny}}

    diffs = contained(
        declared(bench, f"role: {world.deploy_role}"), applied, lambda _account: bench.context
    )

    assert [diff.verb for diff in diffs] == ["contain", "lift"]
    assert inline(bench, world.ci_user) is not None


def test_a_lift_tells_what_goes_and_what_stands_against_it(bench: Bench) -> None:
    world = bench.lab.world
    declared(bench, f"user: {world.release_user}\n    leaked: [{world.leaked.access_key_id}]")
    taken = bench.snapshot(world.release_user)
    bench.leaked = (world.leaked.access_key_id,)
    deny = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    keys = bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    state: dict[str, Inputs] = {"DenyPolicy": deny, "InactiveCredentials": keys}

    (honest,) = lifted({world.release_user: state}, lambda _account: bench.context)
    bench.admin().untag_user(UserName="release-bot", TagKeys=[f"containment:{INCIDENT}"])
    (stripped,) = lifted({world.release_user: state}, lambda _account: bench.context)

    assert (honest.verb, honest.rung_before, honest.conflicts) == ("lift", "deny-all", ())
    policy, key = honest.changes
    assert (policy.sign, policy.subject) == ("~", f"inline policy containment-{INCIDENT}")
    (times,) = [line.text for line in policy.lines if "aws:CurrentTime" in line.text]
    assert [line.sign for line in policy.lines if line.text == times] == ["+"]
    assert "release fence" in policy.reason
    assert (key.subject, key.summary) == (
        f"access key {world.release_key.access_key_id}",
        "Inactive -> Active",
    )
    assert not [line for line in honest.stays_away if "becomes Active" in line]
    assert world.release_key.access_key_id in stripped.conflicts[0]
    assert [change.subject for change in stripped.changes] == [policy.subject]


def test_a_lower_rung_names_what_is_given_back(bench: Bench) -> None:
    world = bench.lab.world
    user, role = world.release_user, world.deploy_role
    bench.leaked = (world.leaked.access_key_id,)
    by_user, by_role = bench.snapshot(user), bench.snapshot(role)
    applied: Applied = {
        user: {
            "PrincipalSnapshot": by_user,
            "DenyPolicy": bench.deny_action().create(bench.deny_inputs(by_user), preview=False),
            "InactiveCredentials": bench.keys_action().create(
                bench.keys_inputs(by_user), preview=False
            ),
        },
        role: {
            "PrincipalSnapshot": by_role,
            "DenyPolicy": bench.deny_action().create(
                bench.deny_inputs(by_role, scope="issued-before"), preview=False
            ),
            "ClosedTrustPolicy": bench.trust_action().create(
                bench.trust_inputs(by_role), preview=False
            ),
        },
    }

    leaked = world.leaked.access_key_id
    targets = f"user: {user}\n    leaked: [{leaked}]\n    rung: key-only\n  - role: {role}"
    of_user, of_role = contained(declared(bench, targets), applied, lambda _account: bench.context)

    of_both = {
        item.principal: {one.subject: one for one in item.changes} for item in (of_user, of_role)
    }
    key = of_both[user][f"access key {world.release_key.access_key_id}"]
    fence = of_both[user][f"inline policy containment-{INCIDENT}"]
    trust = of_both[role]["trust policy"]
    assert (of_user.verb, of_role.verb) == ("lower", "lower")
    assert key.summary == "Inactive -> Active"
    assert any(line.sign == "+" and "aws:CurrentTime" in line.text for line in fence.lines)
    assert {line.sign for line in trust.lines} == {"-", " "}


def test_a_lift_writes_just_what_its_diff_shows(bench: Bench) -> None:
    world = bench.lab.world
    declared(bench, f"role: {world.deploy_role}\n    rung: close-trust")
    taken = bench.snapshot(world.deploy_role)
    deny = bench.deny_action().create(
        bench.deny_inputs(taken, scope="issued-before"), preview=False
    )
    trust = bench.trust_action().create(bench.trust_inputs(taken), preview=False)
    state: dict[str, Inputs] = {
        "PrincipalSnapshot": taken,
        "DenyPolicy": deny,
        "ClosedTrustPolicy": trust,
    }
    (shown,) = lifted({world.deploy_role: state}, lambda _account: bench.context)
    made: list[MadeChange] = []
    bench.context = replace(
        bench.context, made=lambda change, outcome: made.append(made_change(change, outcome))
    )
    bench.trust_action().delete(trust)
    bench.deny_action().delete(deny)

    (wrote,) = written(made).values()

    assert {change.subject for change in wrote} == {change.subject for change in shown.changes}
    foreseen = {change.subject: _without_times(change) for change in shown.changes}
    assert {change.subject: _without_times(change) for change in wrote} == foreseen


def _without_times(change: Change) -> list[str]:
    lines = [f"{line.sign} {line.text}" for line in change.lines]
    return [line for line in lines if "Containment" not in line and "aws:CurrentTime" not in line]


def test_a_fence_without_room_is_a_conflict_before_the_lift(bench: Bench) -> None:
    world = bench.lab.world
    bench.leaked = (world.leaked.access_key_id,)
    declared(bench, f"user: {world.release_user}\n    leaked: [{world.leaked.access_key_id}]")
    taken = bench.snapshot(world.release_user)
    deny = bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    live = bench.context.locate(taken, taken.principal_id)
    assert live is not None
    used = sum(len("".join((live.inline_text(name) or "").split())) for name in live.inline_names())
    start = '{"Version":"2012-10-17","Statement":[{"Sid":"'
    end = '","Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}'
    large = f"{start}{'x' * (room.INLINE['user'] - used - len(start + end) - 10)}{end}"
    bench.admin().put_user_policy(UserName="release-bot", PolicyName="large", PolicyDocument=large)

    (diff,) = lifted({world.release_user: {"DenyPolicy": deny}}, lambda _account: bench.context)

    assert "characters too few for the release fence" in diff.conflicts[0]
    with pytest.raises(ConflictError, match="no room for the release fence"):
        bench.deny_action().delete(deny)


def test_what_only_the_snapshot_knows_is_in_the_diff_of_a_lift(bench: Bench) -> None:
    world = bench.lab.world
    declared(bench, f"user: {world.release_user}\n    leaked: [{world.leaked.access_key_id}]")
    taken = bench.snapshot(world.release_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)

    (diff,) = lifted({world.release_user: {"PrincipalSnapshot": taken}}, lambda _: bench.context)

    assert [change.subject for change in diff.changes] == [f"inline policy containment-{INCIDENT}"]
