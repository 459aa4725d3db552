"""ClosedTrustPolicy: nobody new comes in but break-glass, and the document comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from containment.actions.closed_trust_policy import TrustState
from containment.errors import ConflictError
from containment.facets import decisions
from containment.lifecycle.action import UnfinishedError
from containment.lifecycle.snapshot import SnapshotInputs
from tests.support.subject import Subject
from tests.support.workbench import Bench, allowed, session_of, write_spec

pytestmark = pytest.mark.lab


def _opened(bench: Bench) -> None:
    trusted = bench.admin().get_role(RoleName="deploy")["Role"]["AssumeRolePolicyDocument"]
    trusted["Statement"] = trusted["Statement"][:-1]
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(trusted))


SUBJECT = Subject(
    rung="close-trust",
    role=True,
    strip=_opened,
    makes=("UpdateAssumeRolePolicy",),
    lifts=("UpdateAssumeRolePolicy",),
)


def can_assume(bench: Bench, credentials: Any, role_arn: str) -> bool:
    sts = bench.lab.client("sts", credentials)
    return allowed(sts.assume_role, RoleArn=role_arn, RoleSessionName="probe")


def trust(bench: Bench, role: str) -> dict[str, Any]:
    document = bench.admin().get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert isinstance(document, dict)
    return document


def close(bench: Bench, arn: str, *break_glass: str) -> TrustState:
    write_spec(bench, arn)
    taken = bench.snapshot(arn)
    return bench.trust_action().create(bench.trust_inputs(taken, *break_glass), preview=False)


def test_the_role_is_closed_and_comes_back_as_it_was(bench: Bench) -> None:
    world = bench.lab.world
    before = trust(bench, "deploy")
    assert can_assume(bench, world.leaked, world.deploy_role)

    state = close(bench, world.deploy_role)

    assert not can_assume(bench, world.leaked, world.deploy_role)
    assert can_assume(bench, world.bystander, world.bystander_role)

    bench.trust_action().delete(state)

    assert trust(bench, "deploy") == before
    assert can_assume(bench, world.leaked, world.deploy_role)


def test_break_glass_still_comes_in(bench: Bench) -> None:
    world = bench.lab.world
    glass = world.break_glass_role
    bench.admin().update_assume_role_policy(
        RoleName="deploy",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": [world.ci_user, glass]},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )
    saviour = session_of(bench.lab, world.admin, glass)

    close(bench, world.deploy_role, glass)

    assert can_assume(bench, saviour, world.deploy_role)
    assert not can_assume(bench, world.leaked, world.deploy_role)


def test_what_others_changed_meanwhile_stays(bench: Bench) -> None:
    world = bench.lab.world
    state = close(bench, world.deploy_role)
    document = trust(bench, "deploy")
    others_statement = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": world.bystander_user},
        "Action": "sts:AssumeRole",
    }
    document["Statement"].append(others_statement)
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(document))

    bench.trust_action().delete(state)

    statements = trust(bench, "deploy")["Statement"]
    assert others_statement in statements
    assert not any(str(item.get("Sid", "")).startswith("Containment") for item in statements)
    assert "others changed the trust policy" in bench.words()


def test_a_state_that_holds_another_trust_policy_writes_none_of_it(bench: Bench) -> None:
    world = bench.lab.world
    before = trust(bench, "deploy")
    state = close(bench, world.deploy_role)
    forged = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
            ],
        }
    )

    bench.trust_action().delete(state.model_copy(update={"trust_policy": forged}))

    assert trust(bench, "deploy") == before


def test_an_opened_trust_policy_is_seen_and_closed_again(bench: Bench) -> None:
    world = bench.lab.world
    state = close(bench, world.deploy_role)
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=state.trust_policy)

    live_state = bench.trust_action().read(state)
    assert live_state is not None
    assert live_state.live == "missing"
    inputs = bench.trust_inputs(snapshot_like(bench, state))
    repaired = bench.trust_action().update(live_state, inputs, preview=False)

    assert repaired.live == "applied"
    assert "closed again" in bench.words()
    assert not can_assume(bench, world.leaked, world.deploy_role)


def test_a_superseded_delete_does_nothing(bench: Bench) -> None:
    old = close(bench, bench.lab.world.deploy_role)
    bench.trust_action().create(bench.trust_inputs(snapshot_like(bench, old)), preview=False)

    bench.trust_action().delete(old)

    assert not can_assume(bench, bench.lab.world.leaked, bench.lab.world.deploy_role)


def test_a_trust_policy_that_names_somebody_gone_cannot_be_closed_and_says_what_to_do(
    bench: Bench,
) -> None:
    world = bench.lab.world
    bench.admin().create_user(UserName="leaver")
    bench.admin().update_assume_role_policy(
        RoleName="deploy",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::111122223333:user/leaver"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )
    bench.admin().delete_user(UserName="leaver")

    with pytest.raises(UnfinishedError, match="use rung deny-all"):
        close(bench, world.deploy_role)


def test_a_principal_that_went_meanwhile_makes_the_lift_ask(bench: Bench) -> None:
    world = bench.lab.world
    iam = bench.admin()
    iam.create_user(UserName="leaver")
    document = trust(bench, "deploy")
    document["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:user/leaver"},
            "Action": "sts:AssumeRole",
        }
    )
    iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(document))
    state = close(bench, world.deploy_role)
    iam.delete_user(UserName="leaver")

    with pytest.raises(ConflictError, match="names a principal that is gone"):
        bench.trust_action().delete(state)

    assert not can_assume(bench, world.leaked, world.deploy_role)


def test_preview_writes_nothing_and_a_user_is_refused(bench: Bench) -> None:
    taken = bench.snapshot(bench.lab.world.deploy_role)
    bench.trust_action().create(bench.trust_inputs(taken), preview=True)
    user = bench.snapshot(bench.lab.world.ci_user)

    failures = bench.trust_action().check(bench.trust_inputs(user), None)

    assert bench.writes == []
    assert "has no trust policy" in str(failures[0].error)


def test_a_lift_on_other_terms_than_the_spec_file_says_is_refused(bench: Bench) -> None:
    state = close(bench, bench.lab.world.deploy_role)
    bench.disposition = "confirmed"
    write_spec(bench, bench.lab.world.ci_user)

    with pytest.raises(ConflictError, match="pulumi up"):
        bench.trust_action().delete(state)


def snapshot_like(bench: Bench, state: TrustState) -> Any:
    from containment.lifecycle.snapshot import Snapshot  # noqa: PLC0415

    return Snapshot(
        **bench.common(state.principal),
        endpoint=state.endpoint,
        principal_id=state.principal_id,
        snapshot_id=state.snapshot_id,
        trust_policy=state.trust_policy,
    )


def test_our_statement_edited_by_others_is_asked_about_and_goes_by_decision(bench: Bench) -> None:
    world = bench.lab.world
    write_spec(bench, world.deploy_role)
    before = trust(bench, "deploy")
    state = close(bench, world.deploy_role)
    document = trust(bench, "deploy")
    document["Statement"][-1]["Condition"] = {"StringEquals": {"sts:ExternalId": "x"}}
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(document))
    live_state = bench.trust_action().read(state)
    assert live_state is not None
    assert live_state.live == "missing"

    with pytest.raises(ConflictError, match="our Sid over something else"):
        bench.trust_action().delete(state)

    assert trust(bench, "deploy") == document
    word = decisions.parse("force-ours=trust")
    bench.context = replace(bench.context, decisions=word)
    bench.trust_action().delete(state)
    assert trust(bench, "deploy") == before


def test_where_the_trust_policy_has_no_room_the_preview_says_so_and_what_helps(
    bench: Bench,
) -> None:
    world = bench.lab.world
    document = trust(bench, "deploy")
    document["Statement"][0]["Sid"] = "X"
    spare = 2_026 - len(json.dumps(document, separators=(",", ":")))
    document["Statement"][0]["Sid"] = "X" * (spare + 1)
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(document))
    taken = bench.snapshot(world.deploy_role)
    inputs = bench.trust_inputs(taken)

    bench.trust_action().create(inputs, preview=True)

    severity, message = bench.messages[-1]
    assert severity == "warning"
    assert "of 2,048 characters" in message
    assert "rung deny-all" in message
    assert bench.writes == []

    with pytest.raises(UnfinishedError, match="has no room") as caught:
        bench.trust_action().create(inputs, preview=False)

    assert "shorten it by" in caught.value.remedy
    assert "try again" not in caught.value.remedy
    assert trust(bench, "deploy") == document
    assert can_assume(bench, world.leaked, world.deploy_role)
    document["Statement"][0]["Sid"] = "X" * (spare - 400)
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=json.dumps(document))
    state = caught.value.state
    assert isinstance(state, TrustState)
    repaired = bench.trust_action().update(
        state.model_copy(update={"live": "missing"}), inputs, preview=False
    )
    assert repaired.live == "applied"
    assert not can_assume(bench, world.leaked, world.deploy_role)


@pytest.mark.parametrize("written", ["role/breakglass", "role/some/path/BreakGlass"])
def test_break_glass_written_otherwise_is_looked_up_and_comes_in(
    bench: Bench, written: str
) -> None:
    world = bench.lab.world
    glass = world.break_glass_role
    trusting = {
        "Effect": "Allow",
        "Principal": {"AWS": [world.ci_user, glass]},
        "Action": "sts:AssumeRole",
    }
    bench.admin().update_assume_role_policy(
        RoleName="deploy",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusting]}),
    )
    saviour = session_of(bench.lab, world.admin, glass)
    taken = bench.snapshot(world.deploy_role)
    action = bench.trust_action()
    inputs = action.checked(bench.trust_inputs(taken, f"arn:aws:iam::111122223333:{written}"))

    action.create(inputs, preview=False)

    assert inputs.break_glass == (glass,)
    assert can_assume(bench, saviour, world.deploy_role)
    assert not can_assume(bench, world.leaked, world.deploy_role)


def test_break_glass_that_is_nobody_is_refused_unless_it_was_somebody_when_last_applied(
    bench: Bench,
) -> None:
    missing = "arn:aws:iam::111122223333:role/BreakGlas"
    action = bench.snapshot_action()
    asked = SnapshotInputs(**bench.common(bench.lab.world.deploy_role), break_glass=(missing,))
    inputs = action.checked(asked)

    (refused,) = action.check(inputs, None)

    assert "there is no role BreakGlas" in str(refused.error)
    assert action.check(inputs, inputs) == []
    assert "any more" in bench.words()
    elsewhere = "arn:aws:iam::444455556666:role/BreakGlass"
    checked_inputs = action.checked(asked.model_copy(update={"break_glass": (elsewhere,)}))
    assert checked_inputs.break_glass == (elsewhere,)
    assert action.check(checked_inputs, None) == []
