"""DenyPolicy by the moment of issue: the revocation time only moves forward, for a whole cohort."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from containment.actions.deny_policy import DenyState
from containment.clock import isoformat
from containment.facets import deny as deny_facet
from containment.facets.marks import NEWEST, mark
from tests.support.denying import deny, snapshot_of
from tests.support.workbench import INCIDENT, Bench, can_list, session_of, write_spec

pytestmark = pytest.mark.lab


def test_the_revocation_time_is_aws_time_plus_the_margin(bench: Bench) -> None:
    bench.lab.advance(7200)

    state = deny(bench, bench.lab.world.deploy_role, "issued-before")

    assert state.issued_before is not None
    ahead = datetime.fromisoformat(state.issued_before) - bench.lab.now()
    assert timedelta(seconds=110) < ahead <= timedelta(seconds=120)


def test_a_rewrite_never_moves_the_revocation_time_back(bench: Bench) -> None:
    first = deny(bench, bench.lab.world.deploy_role, "issued-before")
    inputs = bench.deny_inputs(snapshot_of(bench, first), "issued-before")

    second = bench.deny_action().create(inputs, preview=False)

    assert first.issued_before is not None
    assert second.issued_before is not None
    assert second.issued_before > first.issued_before


def test_a_member_that_was_late_has_the_whole_cohort_stamped_again(bench: Bench) -> None:
    world = bench.lab.world
    cohort = (world.deploy_role, world.app_role)
    first = deny(bench, world.deploy_role, "issued-before", cohort=cohort)
    live_state = bench.deny_action().read(first)
    assert live_state is not None
    assert live_state.live == "stale"  # the other one is not there yet
    bench.lab.advance(150)
    late = deny(bench, world.app_role, "issued-before", cohort=cohort)

    def seen_of(*states: DenyState) -> list[str]:
        read = [bench.deny_action().read(state) for state in states]
        return [state.live for state in read if state is not None]

    assert seen_of(first, late) == ["stale", "stale"]

    # Soon, while both T are still ahead: one more write each, and they are together.
    again = [
        bench.deny_action().create(
            bench.deny_inputs(snapshot_of(bench, state), "issued-before", cohort=cohort),
            preview=False,
        )
        for state in (first, late)
    ]
    assert seen_of(*again) == ["applied", "applied"]


def test_members_stamped_together_stay_as_they_are(bench: Bench) -> None:
    world = bench.lab.world
    cohort = (world.deploy_role, world.app_role)
    states = [deny(bench, arn, "issued-before", cohort=cohort) for arn in cohort]
    bench.lab.advance(10_000)

    live_states = [bench.deny_action().read(state) for state in states]

    assert [state and state.live for state in live_states] == ["applied", "applied"]


def test_who_came_in_while_the_trust_policy_was_open_is_revoked_as_well(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    taken = bench.snapshot(world.deploy_role)
    closed = bench.trust_action().create(bench.trust_inputs(taken), preview=False)
    inputs = bench.deny_inputs(taken, "issued-before", closed_but_for=())
    state = bench.deny_action().create(inputs, preview=False)
    live_state = bench.deny_action().read(state)
    assert live_state is not None
    assert live_state.live == "applied"
    lab.advance(200)
    bench.admin().update_assume_role_policy(RoleName="deploy", PolicyDocument=closed.trust_policy)
    stolen = session_of(lab, world.leaked, world.deploy_role)
    assert can_list(lab, stolen)

    live_state = bench.deny_action().read(state)
    assert live_state is not None
    assert live_state.live == "stale"
    bench.deny_action().update(live_state, inputs, preview=False)

    assert not can_list(lab, stolen)


def test_raising_the_rung_to_a_closed_trust_policy_revokes_anew(bench: Bench) -> None:
    state = deny(bench, bench.lab.world.deploy_role, "issued-before")
    inputs = bench.deny_inputs(snapshot_of(bench, state), "issued-before", closed_but_for=())

    raised = bench.deny_action().update(state, inputs, preview=False)

    assert raised.issued_before is not None
    assert state.issued_before is not None
    assert raised.issued_before > state.issued_before


def plant(bench: Bench, role: str, taken: Any, ahead: timedelta) -> None:
    """Write a Deny with our Sid, of now, that revokes tokens issued before now plus *ahead*."""
    now = bench.context.caller.answered_at
    forged = mark(INCIDENT, taken.snapshot_id, int(now.timestamp() * 1000) + 1)
    moment = isoformat(now + ahead)
    document = deny_facet.document(deny_facet.Scope("issued-before", moment), forged)
    bench.admin().put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName=f"containment-{INCIDENT}",
        PolicyDocument=json.dumps(document),
    )


@pytest.mark.parametrize("ahead", [timedelta(hours=23), timedelta(minutes=20)])
def test_a_planted_revocation_time_ahead_keeps_no_honest_session_out(
    bench: Bench, ahead: timedelta
) -> None:
    lab, world = bench.lab, bench.lab.world
    stolen = session_of(lab, world.leaked, world.deploy_role)
    taken = bench.snapshot(world.deploy_role)
    plant(bench, world.deploy_role, taken, ahead)

    bench.deny_action().create(bench.deny_inputs(taken, "issued-before"), preview=False)

    assert not can_list(lab, stolen)
    lab.advance(200)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))


def test_a_planted_revocation_time_does_not_become_a_fence(bench: Bench) -> None:
    lab, world = bench.lab, bench.lab.world
    write_spec(bench, world.deploy_role)
    stolen = session_of(lab, world.leaked, world.deploy_role)
    taken = bench.snapshot(world.deploy_role)
    state = bench.deny_action().create(bench.deny_inputs(taken, "issued-before"), preview=False)
    plant(bench, world.deploy_role, taken, timedelta(hours=23))

    # As after a crash, where the snapshot alone is left to lift it.
    bench.snapshot_action().delete(taken)

    assert not can_list(lab, stolen)
    lab.advance(200)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))
    plant(bench, world.deploy_role, taken, timedelta(hours=23))
    bench.deny_action().delete(state.model_copy(update={"generation": NEWEST}))
    lab.advance(200)
    assert can_list(lab, session_of(lab, world.leaked, world.deploy_role))
