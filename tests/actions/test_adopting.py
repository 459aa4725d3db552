"""A snapshot taken over from what is live, where the state that held it was lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from containment.errors import ConflictError, NotFoundError, SpecError
from containment.facets.decisions import parse
from tests.support.project import spec
from tests.support.workbench import INCIDENT, Bench

pytestmark = pytest.mark.lab


def write(bench: Bench, *targets: str) -> None:
    folder: Path = bench.directory / "stacks"
    folder.mkdir(exist_ok=True)
    (folder / f"{INCIDENT}.yaml").write_text(spec(*targets))


def ci_user(bench: Bench) -> str:
    world = bench.lab.world
    return f"{{user: '{world.ci_user}', leaked: [{world.leaked.access_key_id}]}}"


def test_adopting_takes_the_snapshot_under_which_the_live_containment_was_made(
    bench: Bench,
) -> None:
    world = bench.lab.world
    bench.leaked = (world.leaked.access_key_id,)
    write(bench, ci_user(bench))
    taken = bench.snapshot(world.ci_user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    before = list(bench.writes)
    bench.messages.clear()

    adopted = bench.snapshot_action().adopt(INCIDENT, world.ci_user)

    kept = {"captured_at", "uses", "on_destroy", "access_keys", "ledger"}
    assert adopted.model_dump(exclude=kept) == taken.model_dump(exclude=kept)
    (key,) = adopted.access_keys
    assert (key.status, key.said_by) == ("Active", INCIDENT)  # a tag says so, and nobody else
    assert bench.writes == before
    assert "did not make" not in bench.words()


def test_a_claim_counts_for_an_adopted_key_after_a_decision(bench: Bench) -> None:
    world = bench.lab.world
    write(bench, ci_user(bench))
    taken = bench.snapshot(world.ci_user)
    bench.keys_action().create(bench.keys_inputs(taken), preview=False)
    bench.context = replace(bench.context, decisions=parse("force-ours=credentials"))

    adopted = bench.snapshot_action().adopt(INCIDENT, world.ci_user)

    assert adopted.access_keys == taken.access_keys


def test_a_closed_trust_policy_is_taken_over_as_it_was_before(bench: Bench) -> None:
    role = bench.lab.world.deploy_role
    write(bench, f"{{role: '{role}', rung: close-trust}}")
    taken = bench.snapshot(role)
    bench.trust_action().create(bench.trust_inputs(taken), preview=False)

    adopted = bench.snapshot_action().adopt(INCIDENT, role)

    assert adopted.snapshot_id == taken.snapshot_id
    assert adopted.trust_policy == taken.trust_policy
    assert adopted.contested == ()


def test_a_principal_with_marks_of_two_snapshots_is_not_adopted(bench: Bench) -> None:
    user = bench.lab.world.ci_user
    write(bench, ci_user(bench))
    taken = bench.snapshot(user)
    bench.deny_action().create(bench.deny_inputs(taken), preview=False)
    other = taken.model_copy(update={"snapshot_id": "0" * 10})
    bench.keys_action().create(bench.keys_inputs(other), preview=False)

    with pytest.raises(ConflictError, match="cannot be adopted"):
        bench.snapshot_action().adopt(INCIDENT, user)


def test_a_principal_without_marks_of_the_incident_is_not_adopted(bench: Bench) -> None:
    write(bench, ci_user(bench))

    with pytest.raises(ConflictError, match="marks of none"):
        bench.snapshot_action().adopt(INCIDENT, bench.lab.world.ci_user)


def test_a_principal_that_the_spec_does_not_name_is_not_adopted(bench: Bench) -> None:
    write(bench, ci_user(bench))

    with pytest.raises((SpecError, NotFoundError)):
        bench.snapshot_action().adopt(INCIDENT, bench.lab.world.deploy_role)


def test_without_its_spec_nothing_is_adopted(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        bench.snapshot_action().adopt(INCIDENT, bench.lab.world.ci_user)
