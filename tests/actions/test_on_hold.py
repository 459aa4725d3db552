"""What a spec says to hold: no delete, no lower rung, and taking it out changes nothing in AWS."""

from __future__ import annotations

from typing import Any

import pytest

from containment.errors import ConflictError, RefusedError
from tests.support.party import Party, older_key
from tests.support.workbench import INCIDENT, Bench, can_list, write_spec

pytestmark = pytest.mark.lab


def on_hold(party: Party, *, hold: bool = True) -> None:
    """Have every state of *party* say what the stack was applied with."""
    for name, state in party.states.items():
        lift = state.lift.model_copy(update={"hold": hold})
        party.states[name] = state.model_copy(update={"lift": lift})


def say_hold(bench: Bench, arn: str) -> None:
    """Write the spec of the bench, on hold."""
    write_spec(bench, arn)
    path = bench.directory / "stacks" / f"{INCIDENT}.yaml"
    path.write_text("hold: true\n" + path.read_text(encoding="utf-8"), encoding="utf-8")


def contained(bench: Bench, arn: str, **more: Any) -> Party:
    party = Party(bench, INCIDENT, arn, **more)
    party.up()
    return party


@pytest.mark.parametrize("name", ["deny", "keys", "snapshot"])
def test_no_delete_of_a_user_goes_through_while_the_file_says_hold(bench: Bench, name: str) -> None:
    user = bench.lab.world.ci_user
    party = contained(bench, user)
    say_hold(bench, user)
    writes = list(bench.writes)

    with pytest.raises(ConflictError, match="says hold: true, so nothing of it is released"):
        getattr(bench, f"{name}_action")().delete(party.states[name])

    assert bench.writes == writes
    assert not can_list(bench.lab, bench.lab.world.leaked)


def test_a_closed_trust_policy_on_hold_stays_closed(bench: Bench) -> None:
    role = bench.lab.world.deploy_role
    party = contained(bench, role, closed=True, scope="issued-before")
    say_hold(bench, role)

    with pytest.raises(ConflictError, match="hold: true"):
        bench.trust_action().delete(party.states["trust"])

    assert bench.trust_action().read(party.states["trust"]).live == "applied"  # type: ignore[union-attr]


@pytest.mark.parametrize("file", ["missing", "without hold"])
def test_a_hold_that_was_applied_is_taken_out_by_an_apply_first(bench: Bench, file: str) -> None:
    user = bench.lab.world.ci_user
    party = contained(bench, user)
    on_hold(party)
    path = bench.directory / "stacks" / f"{INCIDENT}.yaml"
    if file == "missing":
        path.unlink()

    with pytest.raises(ConflictError, match="pulumi up"):
        bench.deny_action().delete(party.states["deny"])

    writes = list(bench.writes)
    inputs = bench.deny_inputs(party.states["snapshot"])
    open_ = inputs.model_copy(update={"lift": bench.lift()})
    party.states["deny"] = bench.deny_action().update(party.states["deny"], open_, preview=False)
    assert bench.writes == writes
    write_spec(bench, user)
    bench.deny_action().delete(party.states["deny"])


@pytest.mark.parametrize(
    ("scope", "lower"),
    [("all", "issued-before"), ("all", "sessions"), ("issued-before", "sessions")],
)
def test_a_role_on_hold_is_lowered_by_nothing_and_raised_all_the_same(
    bench: Bench, scope: str, lower: str
) -> None:
    party = contained(bench, bench.lab.world.deploy_role, scope=scope)
    on_hold(party)
    session = [{"name": "bad"}]
    inputs = bench.deny_inputs(party.states["snapshot"], lower, sessions=session)

    for preview in (True, False):
        with pytest.raises(RefusedError, match="hold: true: deploy stays as it is"):
            bench.deny_action().update(party.states["deny"], inputs, preview=preview)

    raised = bench.deny_inputs(party.states["snapshot"], "all")
    assert bench.deny_action().update(party.states["deny"], raised, preview=False).scope == "all"


def test_on_hold_no_session_is_taken_out_of_the_deny(bench: Bench) -> None:
    role = bench.lab.world.deploy_role
    taken = bench.snapshot(role)
    both = bench.deny_inputs(taken, "sessions", sessions=[{"name": "bad"}, {"name": "worse"}])
    state = bench.deny_action().create(both, preview=False)
    state_on_hold = state.model_copy(update={"lift": state.lift.model_copy(update={"hold": True})})
    one = bench.deny_inputs(taken, "sessions", sessions=[{"name": "bad"}])

    with pytest.raises(RefusedError, match="let something go"):
        bench.deny_action().update(state_on_hold, one, preview=False)


def test_keys_on_hold_come_back_by_no_lower_rung(bench: Bench) -> None:
    other = older_key(bench, "ci-deploy")
    leaked = bench.lab.world.leaked.access_key_id
    party = contained(bench, bench.lab.world.ci_user, leaked=(leaked,))
    on_hold(party)
    inputs = bench.keys_inputs(party.states["snapshot"], "leaked")

    with pytest.raises(RefusedError, match="hold: true"):
        bench.keys_action().update(party.states["keys"], inputs, preview=False)

    keys = bench.admin().list_access_keys(UserName="ci-deploy")["AccessKeyMetadata"]
    assert {key["AccessKeyId"]: key["Status"] for key in keys} == {
        leaked: "Inactive",
        other: "Inactive",
    }


def test_what_is_on_hold_is_repaired_all_the_same(bench: Bench) -> None:
    user = bench.lab.world.ci_user
    party = contained(bench, user)
    on_hold(party)
    bench.admin().delete_user_policy(UserName="ci-deploy", PolicyName=f"containment-{INCIDENT}")
    live_state = bench.deny_action().read(party.states["deny"])
    assert live_state is not None
    inputs = bench.deny_inputs(party.states["snapshot"])

    repaired = bench.deny_action().update(live_state, inputs, preview=False)

    assert repaired.live == "applied"
